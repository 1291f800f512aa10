"""An article as plain text: what a screen reader, a message or a form takes."""

from collections.abc import Iterator

from common.messages import _
from composer import blocks, inline
from composer.article import Article, Candidate, Illustration, Section
from composer.exporting.making import MAKING, made_lines
from composer.exporting.pictures import CREDITS, credit_lines


def to_text(article: Article, *, made_by: bool = False) -> str:
    """The article as plain text, its parts between empty lines; of a picture number, caption and alternative text."""
    return "\n\n".join(_blocks(article, made_by)) + "\n"


def _blocks(article: Article, made_by: bool) -> Iterator[str]:
    number, defined = 0, blocks.definitions(article)
    yield _line(article.title)
    for section in article:
        yield _line(_said(section, defined)) if section.one_line else section.text
        if section.illustration and section.illustration.chosen:
            number += 1
            yield _picture(section.illustration, section.illustration.chosen, number, article.language)
    if credits := list(credit_lines(article)):
        yield "\n".join([CREDITS.text(article.language), *credits])
    if made_by and (lines := list(made_lines(article))):
        yield "\n".join([MAKING.text(article.language), *lines])


def _said(section: Section, defined: str) -> str:
    """What a heading or paragraph says; of a picture within it the alternative text."""
    shown = blocks.shown(section, defined)
    return "".join(map(_element, shown)) if shown else inline.plain(section.text)


def _element(element: blocks.Element | str) -> str:
    if isinstance(element, str):
        return element
    said = " " if element.tag == "br" else "".join(map(_element, element.children))
    return f"[{said}]" if element.attributes.get("class") == "picture" and said else said


def _picture(illustration: Illustration, chosen: Candidate, number: int, language: str) -> str:
    caption, alt = illustration.caption.strip(), illustration.alt.strip()
    said = caption or alt or chosen.caption
    name = _("Picture {number}", number=number).text(language)
    if not said:
        return f"[{name}]"
    shown = _("{picture}: {said}", picture=name, said=said).text(language)
    return f"[{shown}]" if not alt or alt == said else f"[{shown}]\n({alt})"


def _line(text: str) -> str:
    return " ".join(text.split())
