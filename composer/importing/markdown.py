"""Markdown -> article, so that what is not edited comes out again to the byte."""

import re
from collections.abc import Sequence
from dataclasses import replace

import yaml

from common.messages import Text, _
from composer import blocks, inline
from composer.article import Article, Imported, Section
from composer.blocks import Block
from composer.errors import InputError
from composer.writing import LONGEST_TITLE, detect_language, is_blank

LONGEST_TEXT = 300_000  # characters: a novel
MOST_SECTIONS = 3_000

_FRONT_MATTER = re.compile(
    r"(?P<yaml>---[ \t]*(?:\r\n|\r|\n)(?![ \t]*[\r\n]).*?(?:\r\n|\r|\n)(?:---|\.\.\.)[ \t]*(?:\r\n|\r|\n|$))"
    r"|\+\+\+[ \t]*(?:\r\n|\r|\n).*?(?:\r\n|\r|\n)\+\+\+[ \t]*(?:\r\n|\r|\n|$)",
    re.DOTALL,
)
_ENDS_SENTENCE = re.compile(r"[.!?…。！？:：;；,，、][\"'”’」』）)\]*_]*$")


def from_markdown(text: str) -> Article:
    """The article that a Markdown text is. `to_markdown` of it is the text again.

    text: with its byte order mark and line ends, as the file has them. The title is its first block, where that is a
    heading or a short line that is no sentence; else what its front matter calls it; else its first words. The
    language is detected. Raises InputError where there is no text, or more of it than can be shown.
    """
    if is_blank(text):
        raise InputError(_("There is no text to illustrate. Paste some, or choose a file."))
    if len(text) > LONGEST_TEXT:
        raise InputError(_too_long(text))
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    front = _FRONT_MATTER.match(text, len(mark))
    before = mark + (front[0] if front else "")
    empty, found = blocks.split(text[len(before) :])
    if len(found) > MOST_SECTIONS:
        raise InputError(
            _(
                "The text has {count:,} paragraphs, headings and lists; at most {limit:,} can be illustrated at once. "
                "Divide it.",
                count=len(found),
                limit=MOST_SECTIONS,
            )
        )
    named = _named(front["yaml"]) if front and front["yaml"] else ""
    imported = Imported(before + empty)
    above = next((number for number, block in enumerate(found) if block.kind != "other"), 0)
    if found and _is_title(found[above:], named):  # a comment or a logo may stand above it
        over, first, found = found[:above], found[above], found[above + 1 :]
        before += empty + "".join(block.source + block.gap for block in over)
        title, imported = inline.plain(first.text), Imported(before, first.source, first.gap)
    else:
        title = named or _first_words(found)
    sections = tuple(_section(f"s{number}", block) for number, block in enumerate(found, 1))
    language = detect_language(" ".join([title, *map(blocks.words, sections)]))
    return Article(title, sections, language, imported=imported)


def with_source(article: Article, section_id: str, markdown: str) -> Article:
    """The article with other Markdown in place of one section; what of it are several blocks become several sections.

    The first keeps the section's id and picture. Markdown without any text changes nothing. Raises KeyError for an
    unknown section, InputError for more than `LONGEST_TEXT`.
    """
    section = article.section(section_id)
    if len(markdown) > LONGEST_TEXT:
        raise InputError(_too_long(markdown))
    line_end = re.search(r"\r\n|\r|\n", (section.gap or "") + section.source)
    text = re.sub(r"\r\n?|\n", line_end[0] if line_end else "\n", markdown.rstrip())
    _empty, found = blocks.split(text)
    if not found or (len(found) == 1 and text == section.source):
        return article
    number = int(article.next_section_id()[1:])
    made = [_section(f"s{number + place}", block) for place, block in enumerate(found)]
    made[0] = replace(made[0], id=section.id, illustration=section.illustration_beside(made[0].text))
    made[-1] = replace(made[-1], gap=section.gap)
    place = article.sections.index(section)
    return article.with_sections([*article.sections[:place], *made, *article.sections[place + 1 :]])


def with_appended(article: Article, markdown: str) -> Article:
    """The article with the blocks of a Markdown text behind its own. Text without any changes nothing. Raises
    InputError for more than `LONGEST_TEXT`."""
    if len(markdown) > LONGEST_TEXT:
        raise InputError(_too_long(markdown))
    _empty, found = blocks.split(markdown.strip())
    number = int(article.next_section_id()[1:])
    made = [_section(f"s{number + place}", block) for place, block in enumerate(found)]
    return article.with_sections([*article.sections, *made]) if found else article


def _too_long(text: str) -> Text:
    return _(
        "The text has {length:,} characters; at most {limit:,} can be illustrated at once. Divide it.",
        length=len(text),
        limit=LONGEST_TEXT,
    )


def _section(section_id: str, block: Block) -> Section:
    return Section(section_id, block.text, block.kind, block.level, source=block.source, gap=block.gap)


def _is_title(found: Sequence[Block], named: str) -> bool:
    first = found[0]
    if first.kind == "heading":
        return first.level == 1 or not named
    short = first.kind == "paragraph" and len(first.text) <= LONGEST_TITLE and "\n" not in first.source
    return short and not named and len(found) > 1 and not _ENDS_SENTENCE.search(first.text)


def _first_words(found: Sequence[Block]) -> str:
    """The first heading, else the beginning of the first paragraph."""
    headings = [block for block in found if block.kind == "heading"]
    texts = [block for block in found if block.kind == "paragraph"]
    words = inline.plain((headings or texts or found)[0].text.strip()) if found else ""
    words = " ".join(words.split())
    if len(words) <= LONGEST_TITLE:
        return words
    return words[:LONGEST_TITLE].rsplit(" ", 1)[0].rstrip(" ,;:，、；：") + " …"


def _named(front: str) -> str:
    """The title that front matter names; empty where it names none or is no YAML."""
    try:
        values = yaml.safe_load(front.strip().strip("-.").strip())
    except (yaml.YAMLError, ValueError, RecursionError):
        return ""
    title = values.get("title") if isinstance(values, dict) else None
    return " ".join(title.split())[:500] if isinstance(title, str) else ""
