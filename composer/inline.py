"""Limited inline Markdown: bold, italic and links, and nothing else.

A section's text holds these and no other marks. Here they are cleaned, taken apart for an export, and removed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

SAFE_LINK = re.compile(r"(?:https?://|mailto:)[^\s<>\"']+$", re.IGNORECASE)

_SPANS = re.compile(
    r"(?<!\d)\*\*(?P<bold>[^*\s](?:[^*]*[^*\s])?)\*\*(?!\d)"
    r"|(?<!\d)\*(?P<italic>[^*\s](?:[^*]*[^*\s])?)\*(?!\d)"  # "3*4*5" is arithmetic
    r"|\[(?P<label>[^\[\]]+)\]\((?P<href>[^()\s]+(?:\([^()\s]*\)[^()\s]*)*)\)"
)
_IMAGE = re.compile(r"!\[[^\]]*\]\([^)]*\)")
_LINK = re.compile(r"\[([^\[\]]+)\]\(([^()\s]*(?:\([^()\s]*\)[^()\s]*)*)(?:\s+\"[^\"]*\")?\)")
# known tags only, with attributes or none: "if a<b and c>d" holds no tag
_ATTRIBUTES = r"(?:\s+[a-z-]+\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s<>\"']+))*\s*/?"
_INLINE_TAG = re.compile(
    rf"</?(?:a|abbr|b|code|del|em|font|i|img|ins|kbd|mark|s|small|span|strong|sub|u)\b{_ATTRIBUTES}>|<!--.*?-->",
    re.IGNORECASE,
)
_POWER = re.compile(rf"(?<=\d)<sup{_ATTRIBUTES}>(?=[-+−]?\d)", re.IGNORECASE)
_SUP = re.compile(rf"</?sup\b{_ATTRIBUTES}>", re.IGNORECASE)
_BLOCK_TAG = re.compile(
    rf"</?(?:blockquote|br|center|div|figcaption|figure|h[1-6]|hr|li|ol|p|pre|table|tbody|td|th|thead|tr|ul)\b{_ATTRIBUTES}>",
    re.IGNORECASE,
)
_STRAY = re.compile(r"\*{2,}|(?<![\d\s])\*|\*(?![\d\s])")  # "3 * 4" and "3*4" are arithmetic
_UNDERSCORES = re.compile(r"(?<!\w)(_{1,2})(?=\S)([^_]+?)(?<=\S)\1(?!\w)")


@dataclass(frozen=True, slots=True)
class Span:
    """A run of text in one style. `href` is set for links only, and is always http, https or mailto."""

    kind: Literal["text", "bold", "italic", "link"]
    text: str
    href: str = ""


def spans(text: str) -> Iterator[Span]:
    """The text taken apart into runs. A link with another scheme than http, https or mailto is plain text."""
    end = 0
    for match in _SPANS.finditer(text):
        if match.start() > end:
            yield Span("text", text[end : match.start()])
        end = match.end()
        if match["bold"] is not None:
            yield Span("bold", match["bold"])
        elif match["italic"] is not None:
            yield Span("italic", match["italic"])
        elif SAFE_LINK.match(match["href"]):
            yield Span("link", match["label"], match["href"])
        else:
            yield Span("text", match["label"])
    if end < len(text):
        yield Span("text", text[end:])


def plain(text: str) -> str:
    """The text without its marks: what a prompt, a file name or a word count needs."""
    return "".join(span.text for span in spans(text))


def cut(first: str, second: str) -> tuple[str, str]:
    """Two parts of one text; what is bold, italic or a link on both sides of the cut has its marks in both parts."""
    at, whole = len(first), f"{first} {second}"
    if first.endswith(("*", "[")) or second.startswith(("*", "]")):  # a mark means nothing with a blank beside it
        whole = first + second
    for match in _SPANS.finditer(whole):
        name = "label" if match["label"] else "bold" if match["bold"] else "italic"
        start, end = match.span(name)
        if not start <= at <= end:
            continue
        before, after = (
            f"{whole[match.start() : start]}{part}{whole[end : match.end()]}" if part else ""
            for part in (whole[start:at].strip(), whole[at:end].strip())
        )
        parts = (whole[: match.start()] + before).strip(), (after + whole[match.end() :]).strip()
        return parts if all(parts) else (first, second)
    return first, second


def clean(text: str) -> str:
    """One line of model text with the limited marks only.

    Pictures, code marks and HTML tags go; underscores become stars; links with other schemes than http, https and
    mailto become their label; a star without its partner goes; blanks are single.
    """
    before = None
    while text != before:  # what was between two marks may make up another one
        before, text = text, _cleaned(text)
    return text


def _cleaned(text: str) -> str:
    text = _IMAGE.sub("", text)
    text = _LINK.sub(lambda match: match[0] if SAFE_LINK.match(match[2]) else match[1], text)
    text = _SUP.sub("", _POWER.sub("^", text))  # 10<sup>3</sup> is 10^3, not 103
    text = _BLOCK_TAG.sub(" ", _INLINE_TAG.sub("", text)).replace("`", "")
    text = _UNDERSCORES.sub(lambda match: "*" * len(match[1]) + match[2] + "*" * len(match[1]), text)
    text = re.sub(r"\*{3,}", "**", text)
    kept = _STRAY.sub("", "".join(_rest(text)))
    marked = iter(match[0] for match in _SPANS.finditer(text))
    return " ".join(re.sub("\1", lambda _: next(marked), kept).split())


def _rest(text: str) -> Iterator[str]:
    """The text with each span replaced by \\1."""
    end = 0
    for match in _SPANS.finditer(text):
        yield text[end : match.start()].replace("\1", "")
        yield "\1"
        end = match.end()
    yield text[end:].replace("\1", "")
