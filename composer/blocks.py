"""Blocks of CommonMark and GitHub's Markdown: a text cut into them, their words, and their elements for a page.

Knows Markdown and sections; nothing is fetched, and no HTML of a text becomes HTML of a page: an element is one of
`TAGS`, everything else is text.
"""

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from common.decoding import without_controls
from common.language import HAN, HAN_RANGES
from composer import inline
from composer.article import Article, Section, SectionKind

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token
    from markdown_it.tree import SyntaxTreeNode

TAGS = frozenset(
    (
        *("a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p"),
        *("pre", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"),
    )
)
LONGEST_PARSED = 20_000  # characters of one paragraph whose marks are read; a longer one is plain text

_KINDS: dict[str, SectionKind] = {
    "heading_open": "heading",
    "paragraph_open": "paragraph",
    "bullet_list_open": "list",
    "ordered_list_open": "list",
    "blockquote_open": "quote",
    "fence": "code",
    "code_block": "code",
    "table_open": "table",
    "hr": "rule",
    "html_block": "other",
}
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$")
_FOOTNOTE = re.compile(r" {0,3}\[\^[^\]\s]+\]:")
_ONLY_PICTURES = re.compile(r"\s*(?:!\[[^\]]*\](?:\([^)\n]*\)|\[[^\]\n]*\])?\s*)+")
_WIDE = re.compile(f"[{HAN_RANGES}\u3000-\u303f\uff00-\uffef]")  # Chinese characters and punctuation
_BREAK = re.compile(r"<br\b", re.IGNORECASE)
_KNOWN_TAG = re.compile(
    r"</?(?:a|abbr|b|code|del|em|font|i|img|ins|kbd|mark|s|small|span|strong|sub|sup|u)"
    r"(?:\s+[\w-]+=(?:\"[^\"]*\"|'[^']*'|[^\s<>\"']+))*\s*/?>",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Block:
    """One block at the top of a text."""

    kind: SectionKind
    text: str  # as of `Section.text`
    source: str  # its lines as they are, without the last line end
    gap: str  # that line end and the empty lines after it
    level: int = 0  # 1 to 6 for headings


@dataclass(frozen=True, slots=True)
class Element:
    """An element of a page; a child is another one or text."""

    tag: str  # one of TAGS
    children: "tuple[Element | str, ...]" = ()
    attributes: dict[str, str] = field(default_factory=dict)  # href, start, align and class only


@functools.cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").enable(["table", "strikethrough"])


@functools.cache
def _block_parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").enable("table").disable("inline")


# -- a text in blocks -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Piece:
    kind: SectionKind
    start: int  # number of its first line
    end: int  # number of the line after its last, by the parser's account
    level: int = 0
    content: str = ""  # of a heading or paragraph: what it says, with its inline marks


def split(text: str) -> tuple[str, list[Block]]:
    """The empty lines at the beginning of a text, and its blocks. Everything joined again is the text, to the byte."""
    lines = _LINE.findall(text)
    environment: dict[str, Any] = {}
    tokens = _block_parser().parse(text, environment)
    pieces: list[_Piece] = []
    at = 0
    for number, token in enumerate(tokens):
        if token.level or token.nesting < 0 or token.map is None:
            continue
        start, end = token.map
        pieces += _uncovered(lines, at, start)
        kind, level = _KINDS.get(token.type, "other"), int(token.tag[1]) if token.type == "heading_open" else 0
        content = tokens[number + 1].content if kind in ("heading", "paragraph") else ""
        pieces.append(_Piece(kind, start, end, level, content))
        at = end
    pieces += _uncovered(lines, at, len(lines))
    pieces = _with_footnotes(lines, pieces)
    first = pieces[0].start if pieces else len(lines)
    ends = [*(piece.start for piece in pieces[1:]), len(lines)][: len(pieces)]
    blocks = [_block(piece, lines[piece.start : end], environment) for piece, end in zip(pieces, ends, strict=True)]
    return "".join(lines[:first]), blocks


def parted(text: str, gap: str, following: str) -> bool:
    """Whether a text and the one that follows it are still two where `gap` stands between them."""
    head, found = split(text + gap + following)
    end, at = len(text + gap), len(head)
    for block in found:
        if at >= end:
            break
        at += len(block.source) + len(block.gap)
    return at == end


def _uncovered(lines: Sequence[str], start: int, end: int) -> list[_Piece]:
    """What the parser keeps for itself between two blocks: definitions of links."""
    while start < end and not lines[start].strip():
        start += 1
    return [_Piece("other", start, end)] if start < end else []


def _with_footnotes(lines: Sequence[str], pieces: Sequence[_Piece]) -> list[_Piece]:
    """The pieces with definitions of footnotes, and the indented lines after them, as what they are."""
    joined: list[_Piece] = []
    for piece in pieces:
        before = joined[-1] if joined else None
        indented = piece.kind == "code" and lines[piece.start].startswith(("    ", "\t"))
        if before and indented and _FOOTNOTE.match(lines[before.start]):
            joined[-1] = _Piece("other", before.start, piece.end)
        elif _FOOTNOTE.match(lines[piece.start]):
            joined.append(_Piece("other", piece.start, piece.end))
        else:
            joined.append(piece)
    return joined


def _block(piece: _Piece, lines: Sequence[str], environment: dict[str, Any]) -> Block:
    filled = max((number for number, line in enumerate(lines, 1) if line.strip()), default=len(lines))
    whole = "".join(lines[:filled])
    source = whole.rstrip("\r\n")
    gap = whole[len(source) :] + "".join(lines[filled:])
    text = re.sub(r"\r\n?", "\n", source)
    if piece.kind not in ("heading", "paragraph"):
        return Block(piece.kind, text, source, gap)
    line = "" if _ONLY_PICTURES.fullmatch(piece.content) else one_line(piece.content, environment)
    return Block(piece.kind, line, source, gap, piece.level) if line else Block("other", text, source, gap)


def one_line(content: str, environment: dict[str, Any] | None = None) -> str:
    """The inline content of a block as one line with limited marks, as `Section.text` has it.

    environment: what the parser noted of the text, of which its references are used.
    """
    if len(content) > LONGEST_PARSED:
        return " ".join(without_controls(content).split())
    [token] = _parser().parseInline(content, environment if environment is not None else {})
    return inline.clean(without_controls("".join(_limited(token.children or []))).replace("\n", " "))


def _limited(tokens: "Sequence[Token]") -> Iterator[str]:
    hrefs: list[str] = []
    for number, token in enumerate(tokens):
        match token.type:
            case "text" | "code_inline" | "text_special":
                yield token.content
            case "softbreak" | "hardbreak":
                around = [tokens[n].content for n in (number - 1, number + 1) if 0 <= n < len(tokens)]
                chinese = len(around) == 2 and _WIDE.match(around[0][-1:]) and _WIDE.match(around[1][:1])
                yield "" if chinese else " "
            case "strong_open" | "strong_close":
                yield "**"
            case "em_open" | "em_close":
                yield "*"
            case "link_open":
                href = str(token.attrGet("href") or "")
                hrefs.append(href if inline.SAFE_LINK.match(href) and not re.search(r"[()]", href) else "")
                yield "[" if hrefs[-1] else ""
            case "link_close":
                href = hrefs.pop()
                yield f"]({href})" if href else ""
            case "html_inline":
                if _BREAK.match(token.content):
                    yield " "
                elif not _KNOWN_TAG.fullmatch(token.content):
                    yield token.content
            case _:  # pictures: their alternative texts are no words of the text; marks without a form here
                pass


# -- words ------------------------------------------------------------------------------------------


def words(section: Section) -> str:
    """What a section says, without marks, as one line: for models, searches and counts. Of code, rules and what is
    not read: nothing."""
    if section.one_line:
        return inline.plain(section.text)
    if section.kind not in ("list", "quote", "table"):
        return ""
    return _words(section.text)


@functools.lru_cache(maxsize=1024)
def _words(text: str) -> str:
    lines = [inline.plain(one_line(t.content)) for t in _block_parser().parse(text) if t.type == "inline" and t.content]
    lines = [line for line in lines if line]
    ended = [line if re.search(r"\W$", line) else line + ("；" if HAN.search(line) else ";") for line in lines[:-1]]
    return " ".join((*ended, *lines[-1:]))


# -- elements ---------------------------------------------------------------------------------------


def definitions(article: Article) -> str:
    """The definitions of links of an imported text, which its other blocks may name."""
    return "\n\n".join(section.text for section in article if section.kind == "other" and "]:" in section.text)


@functools.lru_cache(maxsize=2048)
def elements(source: str, defined: str = "") -> tuple[Element | str, ...]:
    """A block's Markdown as elements. defined: `definitions` of its article.

    Pictures are shown by their alternative texts, HTML as it is written; links go to web and mail addresses only.
    """
    from markdown_it.tree import SyntaxTreeNode

    environment: dict[str, Any] = {}
    if defined:
        _block_parser().parse(defined, environment)
    tree = SyntaxTreeNode(_parser().parse(source, environment))
    return tuple(_elements(tree.children))


def shown(section: Section, defined: str = "") -> tuple[Element | str, ...]:
    """What a section shows beyond the limited marks of `Section.text`: a heading's or paragraph's content, the elements
    of another block. Empty where the text says it all. defined: `definitions` of the article."""
    if section.one_line:
        if not section.source or " ".join(section.source.split()) == section.text:
            return ()
        found = elements(section.source, defined)
        return found[0].children if len(found) == 1 and isinstance(found[0], Element) else ()
    found = elements(section.source or section.text, defined)
    if section.kind == "other" and not _shows_picture(found):
        return (Element("pre", (section.text,), {"class": "source"}),)
    return found


def _shows_picture(found: Sequence[Element | str]) -> bool:
    return any(
        isinstance(each, Element) and (each.attributes.get("class") == "picture" or _shows_picture(each.children))
        for each in found
    )


def _elements(nodes: "Sequence[SyntaxTreeNode]") -> Iterator[Element | str]:
    for node in nodes:
        yield from _element(node)


_TASK = re.compile(r"\[([ xX])\](?=\s)")


def _with_box(children: "tuple[Element | str, ...]") -> "tuple[Element | str, ...]":
    """An item of a list; "[ ]" and "[x]" at its beginning are the box of a task, as on GitHub."""
    first, rest = (children[0], children[1:]) if children else ("", ())
    if isinstance(first, Element):
        return (replace(first, children=_with_box(first.children)), *rest) if first.tag == "p" else children
    box = _TASK.match(first)
    return (f"{'☐' if box[1] == ' ' else '☑'}{first[box.end() :]}", *rest) if box else children


def _element(node: "SyntaxTreeNode") -> Iterator[Element | str]:
    children = tuple(_elements(node.children)) if node.children else ()
    match node.type:
        case "inline":
            yield from children
        case "text" | "text_special":
            if node.content:
                yield node.content
        case "softbreak":
            yield "\n"
        case "hardbreak":
            yield Element("br")
        case "html_inline":
            if _BREAK.match(node.content):
                yield Element("br")
            elif not _KNOWN_TAG.fullmatch(node.content):
                yield node.content
        case "paragraph" if node.hidden:
            yield from children
        case "code_inline":
            yield Element("code", (node.content,))
        case "fence" | "code_block":
            yield Element("pre", (Element("code", (node.content.removesuffix("\n"),)),))
        case "html_block":
            yield Element("pre", (node.content.rstrip("\n"),), {"class": "source"})
        case "image":
            yield Element("span", (node.content,), {"class": "picture"})
        case "link":
            href = str(node.attrGet("href") or "")
            yield from [Element("a", children, {"href": href})] if inline.SAFE_LINK.match(href) else children
        case "list_item":
            yield Element("li", _with_box(children))
        case "ordered_list":
            start = node.attrGet("start")
            yield Element("ol", children, {"start": str(start)} if start is not None else {})
        case "th" | "td":
            aligned = re.search(r"center|right", str(node.attrGet("style") or ""))
            yield Element(node.tag, children, {"align": aligned[0]} if aligned else {})
        case "s":
            yield Element("del", children)
        case _:
            if node.tag in TAGS:
                yield Element(node.tag, children)
            else:
                yield from children
