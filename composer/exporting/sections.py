"""Sections and figures as HTML: words and their marks, lists, quotes, code, tables; nothing that runs or is fetched.

With styles, each element carries its own, as clipboards and the editors of other sites need it; without them the page
around it has a style sheet.
"""

import html
from collections.abc import Iterator, Mapping, Sequence
from html.parser import HTMLParser

from composer import blocks, inline
from composer.article import Article, Candidate, Illustration, Section
from composer.exporting.pictures import data_address, linked

# tag, or "card" around a drawing, or one of both with the width of its picture ("img.half") -> declarations of CSS
Styles = Mapping[str, str]


def section_blocks(article: Article, styles: Styles) -> Iterator[str]:
    """Each section and each figure as HTML, in order. Raises PictureGone."""
    defined = blocks.definitions(article)
    for section in article:
        if written := _section(section, styles, defined):
            yield written
        if section.illustration and section.illustration.chosen:
            yield _figure(section.illustration, section.illustration.chosen, styles)


def notes_html(heading: str, lines: Sequence[str], styles: Styles) -> str:
    """A heading and a list of lines, in which web addresses are links; empty without lines."""
    if not lines:
        return ""
    items = "".join(f"<li{_style('li', styles)}>{linked(line, html.escape, _address)}</li>" for line in lines)
    return f"{html.escape(heading)}<ul{_style('ul', styles)}>{items}</ul>"


def text_without_tags(written: str) -> str:
    """The words of a piece of HTML; scripts and style sheets have none."""
    reader = _Text()
    reader.feed(written)
    reader.close()
    return " ".join("".join(reader.found).split())


def _section(section: Section, styles: Styles, defined: str) -> str:
    if section.kind == "other":  # what the page shows as it is written; here what it says
        return _nodes(blocks.elements(section.source or section.text, defined), styles)
    shown = blocks.shown(section, defined)
    if not section.one_line:
        return _nodes(shown, styles)
    tag = f"h{min(max(section.level, 2), 6)}" if section.kind == "heading" else "p"
    content = _nodes(shown, styles) if shown else _spans(section.text, styles)
    return f'<{tag} dir="auto"{_style(tag, styles)}>{content}</{tag}>'


def _spans(text: str, styles: Styles) -> str:
    pieces = []
    for span in inline.spans(text):
        escaped = html.escape(span.text)
        if span.kind == "link":
            escaped = _link(span.href, escaped, styles)
        elif span.kind != "text":
            tag = "strong" if span.kind == "bold" else "em"
            escaped = f"<{tag}{_style(tag, styles)}>{escaped}</{tag}>"
        pieces.append(escaped)
    return "".join(pieces)


def _nodes(nodes: Sequence[blocks.Element | str], styles: Styles) -> str:
    return "".join(_node(node, styles) for node in nodes)


def _node(node: blocks.Element | str, styles: Styles) -> str:
    if isinstance(node, str):
        return html.escape(node)
    if node.attributes.get("class") == "source":  # HTML in the text
        words = text_without_tags("".join(child for child in node.children if isinstance(child, str)))
        return f'<p dir="auto"{_style("p", styles)}>{html.escape(words)}</p>' if words else ""
    content = _nodes(node.children, styles)
    if node.tag == "a":
        return _link(node.attributes["href"], content, styles)
    if node.tag in ("br", "hr"):
        return f"<{node.tag}{_style(node.tag, styles)}>"
    declarations = styles.get(node.tag, "")
    if align := node.attributes.get("align"):
        declarations = f"{declarations}; text-align: {align}" if declarations else f"text-align: {align}"
    style = f' style="{html.escape(declarations)}"' if declarations else ""
    start = f' start="{html.escape(node.attributes["start"])}"' if "start" in node.attributes else ""
    direction = ' dir="auto"' if node.tag in ("p", "li", "td", "th", "blockquote") else ""
    return f"<{node.tag}{direction}{start}{style}>{content}</{node.tag}>"


def _link(address: str, content: str, styles: Styles) -> str:
    return f'<a href="{html.escape(address)}" rel="noopener noreferrer"{_style("a", styles)}>{content}</a>'


def _address(address: str) -> str:
    return _link(address, html.escape(address), {})


def _figure(illustration: Illustration, chosen: Candidate, styles: Styles) -> str:
    alt = html.escape(illustration.alt or illustration.caption)
    width = illustration.width
    sized = "img" if chosen.drawing or width == "column" else f"img.{width}"  # a drawing is as wide as its card
    image = f'<img src="{data_address(chosen)}" alt="{alt}"{_style(sized, styles)}>'
    if chosen.drawing:
        card = "card" if width == "column" else f"card.{width}"
        image = f"<div{_style(card, styles)}>{image}</div>" if styles else f'<div class="card">{image}</div>'
    caption = html.escape(illustration.caption)
    below = f'<figcaption dir="auto"{_style("figcaption", styles)}>{caption}</figcaption>' if caption else ""
    wide = "" if styles or width == "column" else f' class="{width}"'
    return f"<figure{wide}{_style('figure', styles)}>{image}{below}</figure>"


def _style(tag: str, styles: Styles) -> str:
    return f' style="{html.escape(styles[tag])}"' if tag in styles else ""


class _Text(HTMLParser):
    """The text between tags."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in ("script", "style")
        self.found.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self._hidden = max(self._hidden - (tag in ("script", "style")), 0)

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.found.append(data)
