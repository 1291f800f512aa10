"""What one line of a model's Markdown is: a title, a heading, a list item, text, or nothing of the article."""

import re
from dataclasses import dataclass
from enum import Enum

from common.language import HAN
from composer import inline

# So many characters of a line are waited for before its kind is judged; less than a quarter of a second of decoding.
WAIT = 24
SHORT_ITEM = 60  # characters, Chinese ones counted twice
_SENTENCE_END = re.compile(r"[.!?…。！？]+[\"'”’」』）)\]*]*(?=\s|$|[\u3400-\u9fff“「『])")


def width(text: str) -> int:
    """Of a text in characters; Chinese ones count twice."""
    return len(text) + len(HAN.findall(text))


def sentences(text: str) -> list[str]:
    """The sentences of a text, which together are the text; the last one may have no end."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    pieces = [text[start:end] for start, end in zip([0, *ends], [*ends, len(text)], strict=True)]
    return [piece for piece in pieces if piece]


class LineKind(Enum):
    TITLE = "title"
    HEADING = "heading"
    ITEM = "item"
    TEXT = "text"
    NOTHING = "nothing"  # no part of the article


@dataclass(frozen=True, slots=True)
class Line:
    kind: LineKind
    text: str = ""
    level: int = 0  # 2 or 3 for headings


_NOTHING = Line(LineKind.NOTHING)
_FENCE = re.compile(r"^(?:```|~~~)")
_RULE = re.compile(r"^(?:[-*_=—]\s*){3,}$")
_ITEM = re.compile(r"^(?:[-*+]\s+|[•·●]\s*|[(（]?\d{1,2}[.)、．）](?!\d)\s*)(?=\S)")
_MAYBE_ITEM = re.compile(r"^(?:[-*+•·●]|[(（]?\d{1,2}[.)、．）]?)\s*$")
_HEADING = re.compile(r"^(#{1,6})\s*(?:#+\s+)*(.*?)\s*#*$")
_BRACKETED = re.compile(r"^【([^【】]{1,30})】$")
_BOLD_LINE = re.compile(r"^\*\*(?!\s)([^*]+)\*\*\s*[:：]?$")
_BOLD_START = re.compile(r"^\*\*[^*]*(?:\*\*[\s:：]*)?$")
_NUMBERING = re.compile(
    r"^(?:(?:section|part|chapter|step|paragraph)\s+(?:\d{1,2}|[ivx]{1,4})\s*[:：.\-–—]?\s*"
    r"|\d{1,2}\s*[.)、．:：]\s*|[ivx]{1,4}[.)]\s+|第[一二三四五六七八九十\d]{1,3}[章节部分段]+[:：、，.\s]*"
    r"|[（(][一二三四五六七八九十\d]{1,3}[)）]\s*|[一二三四五六七八九十]{1,3}[、．.]\s*)",
    re.IGNORECASE,
)
_EMPTY_HEADING = re.compile(
    r"^(?:introduction|conclusion|conclusions|summary|final thoughts|closing|overview|body|main body|article"
    r"|引言|引子|序言|序|前言|导言|导语|正文|结语|尾声|结论|总结|小结|开头|开篇|结尾|文章|文章正文)$",
    re.IGNORECASE,
)
_EMPTY_BEGINNING = re.compile(
    r"^(?:introduction|conclusion|引言|引子|序言|前言|导语|开篇|结语|尾声|总结)\s*(?:[:：]|[—–-]+)\s*", re.IGNORECASE
)
_TITLE_LABEL = re.compile(
    r"^(?:(?:article\s+)?(?:title|headline|heading|标题|题目|文章标题)\s*[:：]|[【\[](?:title|标题|题目|文章标题)[】\]][:：]?)\s*",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"^(?:introduction|conclusion|paragraph\s*\d*|body|article|引言|导语|正文|结语|结论|总结|第[一二三四五六七八九十]段)"
    r"\s*[:：]\s*",
    re.IGNORECASE,
)
_OPENER = re.compile(
    r"^(?:sure|certainly|of course|absolutely|okay|ok\b|here(?:'s| is| are)|below is|the following|as an ai"
    r"|当然|好的|以下是|下面是|这是一篇|没问题|作为一个?(?:AI|人工智能))",
    re.IGNORECASE,
)
_OPENED = re.compile(
    r"[:：]$|\b(?:article|guide|essay|draft|blog post|press release)\b|文章|新闻稿|指南|AI", re.IGNORECASE
)
_STOCK_PHRASE = re.compile(
    r"^(?:in conclusion|in summary|to sum up|to conclude|to summari[sz]e|all in all)\s*,\s*(?=\S)"
    r"|^(?:总之|综上所述|总而言之|总的来说|综上)[，,：:]\s*(?=\S)",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(
    r"^[*_]*[\[(（【]\s*(?:insert\s+)?(?:an?\s+)?(?:image|picture|photo|illustration|figure|图|插图|配图|此处插入)[^\]）】]{0,160}"
    r"[\])）】][*_]*$",
    re.IGNORECASE,
)
_PICTURE = re.compile(r"^!\[[^\]]*\]\([^)]*\)$")
_COLON_OR_DASH = re.compile(r"\s*[:：]\s*|\s+[–—-]+\s+|——")  # between a name and what is said of it
_DETERMINER = re.compile(r"^(?:(?:an?|the|my|our|your)\s+)+", re.IGNORECASE)
_ENDS_SENTENCE = re.compile(r"[.!?…。！？:：;；,，、\"”’」』）)\]]$")


def read_line(line: str, *, complete: bool, title: str = "", opening: bool = False) -> Line | None:
    """What the line is, or None while that cannot be said (`complete` false: more of it may come).

    title: the article's title, empty if not known yet. opening: nothing of the article has come yet.
    """
    text = line.strip()
    if _FENCE.match(text) or (complete and (_RULE.match(text) or _PICTURE.match(text))):
        return _NOTHING
    text = re.sub(r"^(?:>\s*)+", "", text)
    if not complete and _must_wait(text, title=title, opening=opening):
        return None
    if text.startswith("|"):
        return _row(text)
    if _PLACEHOLDER.match(text):
        return _NOTHING
    if text.startswith("#"):
        return _heading(text, title=title, opening=opening)
    item = _ITEM.match(text)
    body = text[item.end() :] if item and not _BOLD_LINE.match(text) else text
    if bold := _BOLD_LINE.match(body):
        return _named_heading(bold[1], 3 if item else 2, title=title, opening=opening)
    if complete and (bracketed := _BRACKETED.match(text)):
        return _named_heading(bracketed[1], 2, title=title, opening=opening)
    if not item and opening:
        if label := _TITLE_LABEL.match(text):
            return Line(LineKind.TITLE, text[label.end() :])
        if _same(text, title):
            return Line(LineKind.TITLE, text)
        if _OPENER.match(text) and complete and _OPENED.search(text) and len(text) < 240:
            return _NOTHING
    if complete and not item and _is_bare_heading(text):
        return _named_heading(text, 2, title=title, opening=False)
    words = _without_stock_phrase(body, keep_blank=not complete, raw=line)
    return Line(LineKind.ITEM if item else LineKind.TEXT, words) if words.strip() else _NOTHING


def _must_wait(text: str, *, title: str, opening: bool) -> bool:
    """Whether what follows may still change what the line is."""
    if text.startswith(("#", "|", "!", "=", "_")) or _MAYBE_ITEM.match(text):
        return True
    start = text[match.end() :] if (match := _ITEM.match(text)) else text
    if match and len(start) + len(HAN.findall(start)) <= SHORT_ITEM:
        return True  # a short item joins the sentence before it, a long one is a paragraph
    if len(start) < WAIT or (_BOLD_START.match(start) and len(start) < 120):
        return True
    if text[0] in "[(（【" and not re.search(r"[\])）】].", text) and len(text) < 160:
        return True
    if not opening:
        return False
    could_be_title = bool(title) and _key(title).startswith(_key(text))
    return could_be_title or bool(_TITLE_LABEL.match(text)) or (bool(_OPENER.match(text)) and len(text) < 240)


def _heading(text: str, *, title: str, opening: bool) -> Line:
    match = _HEADING.match(text)
    marks, words = (match[1], match[2]) if match else ("#", text.lstrip("#"))
    if not words:
        return _NOTHING
    if len(words) > 140:  # a whole paragraph behind a heading's mark
        return Line(LineKind.TEXT, words)
    if len(marks) == 1 and opening:
        return Line(LineKind.TITLE, _TITLE_LABEL.sub("", words), 2)
    return _named_heading(words, min(max(len(marks), 2), 3), title=title, opening=opening)


def _named_heading(words: str, level: int, *, title: str, opening: bool) -> Line:
    name = inline.plain(inline.clean(words)).strip()
    if _TITLE_LABEL.match(name):
        return Line(LineKind.TITLE, _TITLE_LABEL.sub("", name))
    name = _EMPTY_BEGINNING.sub("", _NUMBERING.sub("", name).rstrip(":： ") or name)
    if _same(name, title) or (opening and not title):
        return Line(LineKind.TITLE, name)
    name = without_title(name, title)
    return _NOTHING if not name or _EMPTY_HEADING.match(name) else Line(LineKind.HEADING, name, level)


def _is_bare_heading(text: str) -> bool:
    """A short line that does not end like a sentence: "Feeding Your Cat", "一、选择猫粮"."""
    if _ENDS_SENTENCE.search(text) or "**" in text or re.search(r"[.!?][\"'”’)]*\s|[。！？]", text):
        return False
    return len(text) <= 18 if HAN.search(text) else len(text) <= 60 and len(text.split()) <= 9


def _without_stock_phrase(text: str, *, keep_blank: bool, raw: str) -> str:
    text = _LABEL.sub("", text, count=1)
    if phrase := _STOCK_PHRASE.match(text):
        text = text[phrase.end() :]
        text = text[:1].upper() + text[1:]
    return text + " " if keep_blank and raw[-1:].isspace() else text


def _row(text: str) -> Line:
    cells = [cell.strip() for cell in text.strip("|").split("|")]
    words = [cell for cell in cells if cell and not re.fullmatch(r":?-{2,}:?", cell)]
    if not words:
        return _NOTHING
    return Line(
        LineKind.ITEM, ("：" if HAN.search(text) else ": ").join(words[:2]) + "".join(f", {w}" for w in words[2:])
    )


def without_title(heading: str, title: str) -> str:
    """What a heading says beyond the article's title: "故宫的雪：阳光下的柔软" -> "阳光下的柔软". Nothing where it says
    no more than the title: "Grandfather's Workshop", of "My grandfather's workshop"."""
    if _same(heading, title):
        return ""
    start, *rest = _COLON_OR_DASH.split(heading, maxsplit=1)
    return rest[0].strip() if rest and rest[0].strip() and _same(start, title) else heading


def _key(text: str) -> str:
    """What is compared: letters and digits, without "the" or "my" before them."""
    return re.sub(r"[\W_]+", "", _DETERMINER.sub("", text.strip())).lower()


def _same(text: str, title: str) -> bool:
    return bool(title) and bool(_key(text)) and _key(text) == _key(title)
