"""An article as Markdown. Everything a person or a model wrote is escaped; credits stand under the article.

The same text comes out of CommonMark, GitHub's Markdown with formulas, and pandoc's, which has more marks than the
others: lists like "(a)" and "#.", citations, attributes, superscripts, dashes and ellipses.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from common.messages import _
from composer import blocks, inline
from composer.article import Article, Illustration, Section
from composer.exporting.making import MAKING, made_lines
from composer.exporting.pictures import CREDITS, credit_lines, image_names, linked

# what means something at the beginning of a block only: heading, list, definition, rule
_BLOCK_START = re.compile(r"#|[+:%=]|-(?:\s|$)")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_LINE_END = re.compile(r"\r\n|\r|\n")
_NUMBERED = re.compile(r"(\(?(?:\d+|[A-Za-z]|[ivxlcdmIVXLCDM]+|\\@[\w-]*))([.)])(?=\s|$)")
_SPECIAL = re.compile(
    r"[\\`*_\[\]<>|~$^{}]|&(?=#?\w+;)|(?<![^\W_])@|(?<=-)-|-(?=-)|\.(?=\.\.)|(?<=\bwww)\.", re.IGNORECASE
)


def to_markdown(
    article: Article, *, images: str = "images", made_by: bool = False, addresses: Mapping[str, str] | None = None
) -> str:
    """The article as Markdown; pictures lie in the folder `images` beside it.

    What was imported and not edited stands as it was, to the byte: front matter, line ends, empty lines. made_by: how
    the article was made stands at its end. addresses: name of a picture -> its address, where pictures do not lie in
    a folder; they stand at the end of the file, not among the words.
    """
    parts = [*_title(article), *_body(article, None if addresses else images)]
    if credits := list(credit_lines(article)):
        parts += _notes(CREDITS.text(article.language), credits)
    if made_by and (lines := list(made_lines(article))):
        parts += _notes(MAKING.text(article.language), lines)
    text = (article.imported.before if article.imported else "") + _joined(parts)
    if not addresses:
        return text
    # megabytes, so they are not parsed like the other parts
    return text.rstrip("\r\n") + "\n\n" + "".join(f"[{name}]: {address}\n" for name, address in addresses.items())


def body_markdown(article: Article) -> str:
    """The sections as Markdown, without title, front matter and credits; pictures lie in the folder "images"."""
    return _joined(list(_body(article, "images")))


def _body(article: Article, images: str | None) -> "Iterator[_Part]":
    """The sections and their pictures; images None: pictures are references to their names."""
    names, number = image_names(article), 0
    for section in article:
        yield _Part(section.source or section_markdown(section), section.gap, _place(section))
        if section.illustration and section.illustration.chosen:
            number += 1
            name = names[section.id]
            target = f"[{name}]" if images is None else f"({images}/{name})"
            yield _Part(_figure(section.illustration, target, number, article.language))


def _notes(heading: str, lines: Sequence[str]) -> "list[_Part]":
    return [_Part("---"), _Part(f"**{heading}**"), _Part("\n".join(f"- {_escaped(line)}" for line in lines))]


@dataclass(frozen=True, slots=True)
class _Part:
    """One block, or what a person made of it."""

    text: str
    gap: str | None = None  # what followed it in an imported file
    place: int | None = None  # in the imported file, where `text` is exactly what stood there


def _place(section: Section) -> int | None:
    return int(section.id[1:]) if section.source and section.id[:1] == "s" and section.id[1:].isdigit() else None


def _title(article: Article) -> Iterator[_Part]:
    imported = article.imported
    if imported is None or imported.title is None:
        yield _Part(f"# {_heading(_escaped(article.title.strip()))}", imported.gap if imported else None)
    elif imported.title:
        yield _Part(imported.title, imported.gap, 0)


def section_markdown(section: Section) -> str:
    """The Markdown of a section that a model wrote or a person edited, with everything else escaped."""
    if not section.one_line:
        return section.text
    mark = "#" * (section.level or 2) + " " if section.kind == "heading" else ""
    return mark + _text(section.text, heading=bool(mark))


def _joined(parts: Sequence[_Part]) -> str:
    """The parts one under the other, with line ends like those of the imported ones."""
    line_end = next((end for part in parts if part.gap and (end := _LINE_END.match(part.gap))), None)
    new_line = line_end[0] if line_end else "\n"
    pieces: list[str] = []
    for number, part in enumerate(parts):
        text = part.text if part.place is not None or new_line == "\n" else part.text.replace("\n", new_line)
        following = parts[number + 1] if number + 1 < len(parts) else None
        pieces += [text, _gap(part, following, new_line)]
    return "".join(pieces)


def _gap(part: _Part, following: _Part | None, new_line: str) -> str:
    """What stands between two parts: what stood there, and more where that does not part them any more."""
    if following is None:
        return new_line if part.gap is None else part.gap
    neighbours = part.place is not None and following.place == part.place + 1
    if part.gap and neighbours and blocks.parted(part.text, part.gap, following.text):
        return part.gap
    gap = part.gap or ""
    if gap and gap[-1] not in "\r\n":
        gap += new_line  # blanks at the end of a file
    gap += new_line * (2 - len(_LINE_END.findall(gap)))
    fence = _FENCE.match(part.text)
    end = f"{new_line}{new_line}"
    # two lists would be one, code an item's, and what was never closed would take in all that follows
    ends = ("", f"<!-- -->{end}", f"{fence[1]}{end}" if fence else f"-->{end}")
    return next((gap + end for end in ends if blocks.parted(part.text, gap + end, following.text)), gap)


def _figure(illustration: Illustration, target: str, number: int, language: str) -> str:
    """One paragraph with the picture, and its caption on a line of its own.

    A picture alone in a paragraph is a figure to pandoc, with the alternative text as a visible caption; GitHub,
    Obsidian and Typora never show that text. Beside the caption, or beside a blank, the picture is the same to all of
    them. An alternative text that says no more than the caption would be read out twice: the picture's number, which
    the credits name, stands for it.
    """
    caption, alt = illustration.caption.strip(), illustration.alt.strip()
    if not alt or alt == caption:
        alt = _("Picture {number}", number=number).text(language)
    picture = f"![{_marks_escaped(alt)}]{target}"
    return f"{picture}  \n*{_escaped(caption)}*" if caption else f"{picture}&nbsp;"


def _text(text: str, *, heading: bool = False) -> str:
    """A section's text with everything escaped that Markdown would read as more than bold, italic and links."""
    pieces: list[str] = []
    for span in inline.spans(text):
        escaped = _marks_escaped(span.text) if span.kind == "link" else _escaped(span.text)
        if span.kind == "link":
            if pieces and pieces[-1].endswith("!"):
                pieces[-1] = pieces[-1][:-1] + "\\!"  # "![label](address)" would be a picture from elsewhere
            escaped = f"[{escaped}](<{span.href}>)"
        elif span.kind != "text":
            escaped = _emphasised(span.text, "**" if span.kind == "bold" else "*")
        pieces.append(escaped)
    joined = "".join(pieces)
    return _heading(joined.strip()) if heading else _start_escaped(joined.strip())


def _emphasised(text: str, stars: str) -> str:
    """The text between stars, without the punctuation at its ends: Markdown does not close "**猫砂：**" before a
    character that is no blank."""
    words = text.strip("".join({character for character in text if not character.isalnum()}))
    if not words:
        return _escaped(text)
    before, _, after = text.partition(words)
    return f"{_escaped(before)}{stars}{_escaped(words)}{stars}{_escaped(after)}"


def _heading(escaped: str) -> str:
    """A heading's words; marks at their end would be taken for the heading's own."""
    return re.sub(r"#+$", lambda marks: "\\#" * len(marks[0]), escaped)


def _start_escaped(escaped: str) -> str:
    """A paragraph, of which no renderer takes the beginning for a list, a heading or the like."""
    if numbered := _NUMBERED.match(escaped):
        return f"{numbered[1]}\\{numbered[2]}{escaped[numbered.end() :]}"
    return f"\\{escaped}" if _BLOCK_START.match(escaped) else escaped


def _escaped(text: str) -> str:
    """The text with everything escaped that is a mark somewhere; web addresses are links that read as they are."""
    return linked(re.sub(r"\s+", " ", text), _marks_escaped, "<{}>".format)


def _marks_escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", re.sub(r"\s+", " ", text))
