"""What a person does to the order of an article: moving, splitting, joining, inserting. Each gives a new Article."""

import re
from collections.abc import Sequence
from dataclasses import replace

from common.messages import _
from composer import inline
from composer.article import Article, Section
from composer.errors import InputError


def glue(article: Article) -> str:
    """What stands between two sentences of the article's language."""
    return "" if article.language == "zh" else " "


def as_markdown(sections: Sequence[Section]) -> str:
    """The text of sections as a model would have written it."""
    return "\n\n".join(f"{'#' * s.level} {s.text}" if s.kind == "heading" else s.text for s in sections)


def moved(article: Article, section_id: str, before: str | None) -> Article:
    """The article with that section in front of another; None: at the end. A picture goes with its section.

    The same article where nothing moves. Raises KeyError for an unknown section.
    """
    section = article.section(section_id)
    if before == section_id:
        return article
    rest = [one for one in article if one.id != section_id]
    at = len(rest) if before is None else rest.index(article.section(before))
    sections = [*rest[:at], section, *rest[at:]]
    return article if sections == list(article) else article.with_sections(sections)


def split(article: Article, section_id: str, first: str, second: str) -> Article:
    """The article with that section's text in two sections; the picture stands after the second, as it stood before.

    What follows a heading's first part is a paragraph. Raises KeyError for an unknown section.
    """
    section = article.section(section_id)
    first, second = inline.cut(first, second)
    kind = {"kind": "paragraph", "level": 0} if section.kind == "heading" else {}
    after = replace(section.with_text(second), id=article.next_section_id(), **kind)  # type: ignore[arg-type]
    before = replace(section, text=first, source="", illustration=None, looked_for=())
    return article.with_sections([part for one in article for part in ((before, after) if one is section else (one,))])


def joined(article: Article, section_id: str) -> Article:
    """The article with that section's text at the end of the one before it; of two pictures the first stays.

    Raises KeyError for an unknown section, InputError where one of the two is no heading or paragraph.
    """
    section = article.section(section_id)
    sections = list(article)
    at = sections.index(section)
    if at == 0:
        raise InputError(_("Nothing stands before this paragraph that it could be joined with."))
    before = sections[at - 1]
    if not (before.one_line and section.one_line):
        raise InputError(_("Only headings and paragraphs can be joined; here stands another kind of block."))
    text = f"{before.text.rstrip()}{glue(article)}{section.text.lstrip()}"
    kept = before if before.illustration else section
    illustration = kept.illustration_beside(text)
    whole = replace(before, text=text, source="", illustration=illustration, looked_for=())
    return article.with_sections([*sections[: at - 1], whole, *sections[at + 1 :]])


LEVELS = {"paragraph": 0, "heading": 2, "subheading": 3}  # kind of a block that is one line -> level of its section
BLOCKS = {  # kind -> its Markdown
    "paragraph": "{text}",
    "heading": "## {text}",
    "subheading": "### {text}",
    "list": "- {text}",
    "numbered": "1. {text}",
    "quote": "> {text}",
    "code": "```\n{text}\n```",
    "table": "| {text} |  |\n| --- | --- |\n|  |  |",
    "rule": "---",
}


def block_markdown(kind: str, text: str) -> str:
    """A block of that kind with that text. Raises InputError for a kind that is not in `BLOCKS`."""
    if kind not in BLOCKS:
        raise InputError(_("The block is '{kind}'; it can be {known}.", kind=kind[:40], known=", ".join(BLOCKS)))
    return BLOCKS[kind].format(text=re.sub(r"(?<!\\)\|", r"\|", text) if kind == "table" else text)


def as_one_line(article: Article, section_id: str, kind: str, text: str) -> Article:
    """The article with that section as a heading or paragraph of exactly that text. kind: of `LEVELS`."""
    level = LEVELS[kind]
    section = article.section(section_id).with_text(text)
    made = replace(section, kind="heading" if level else "paragraph", level=level)
    return article.with_sections([made if one.id == section_id else one for one in article])


def inserted(article: Article, text: str, beside: str, *, before: bool = False) -> tuple[Article, str]:
    """The article with a new paragraph after (or before) that section, and the paragraph's id. Raises KeyError."""
    sections = list(article)
    at = sections.index(article.section(beside)) + (not before)
    fresh = Section(article.next_section_id(), text)
    return article.with_sections([*sections[:at], fresh, *sections[at:]]), fresh.id
