"""Cleans the one line that a model answers when it is asked for a caption or a search phrase."""

import re

from common.language import HAN
from composer import inline
from composer.article import Language
from composer.models import answer_in

LONGEST_EN = 22  # words
LONGEST_ZH = 44  # characters
LONGEST_QUERY = 12  # words
ONE_THOUGHT_ZH = 10  # characters of a heading up to which two clauses of it are read as one: 珍惜时光，记录美好

_PAIRS = (
    ("“", "”"),
    ("‘", "’"),
    ("「", "」"),
    ("『", "』"),
    ("《", "》"),
    ("【", "】"),
    ("[", "]"),
    ('"', '"'),
    ("'", "'"),
)
_LABEL = re.compile(
    r"^(?:(?:image|picture|photo|figure)?\s*caption|paragraph(?:\s*\[\d+\])?|title|subheading|heading|answer|translation"
    r"|english|search phrase|picture|image|photo|图注|图片说明|图片标题|小标题|标题|说明|答案|图片|翻译)"
    r"\s*\d*\s*[:：]\s*",
    re.IGNORECASE,
)
# of a list, or the numbers of paragraphs in the prompt: "[4] ", "[3]-[4]: "
_MARK = re.compile(r"^(?:[-*•>#]+\s+|\d{1,2}[.)、:：]\s*|(?:第?\[\d{1,2}\]段?[-–到至、,，.:：)\s]*)+)")
# a closing quote alone: the prompt of some models opens it, and what follows is no caption any more
_CLOSED = re.compile(r'^([^"“”]{2,})["”](?=\s*(?:$|[。.，,；;！!？?<])).*$')
_A_PICTURE_OF = re.compile(
    r"^(?:(?:the|a|an|this)\s+)?"
    r"(?:picture|image|photo|photograph|illustration|main visible object(?: or scene)?|main object)"
    r"(?:\s+(?:beside|next to)\s+paragraph\s*\[?\d*\]?)?\s+"
    r"(?:of|is|showing|shows|should show|depicts|depicting|would be|could show|features)\s+(?:of\s+)?",
    re.IGNORECASE,
)
_THIS_IS = re.compile(
    r"^(?:这是|这张图片?(?:中)?(?:是|展示了|显示了?|描绘了)|图(?:片)?中?(?:是|有|为|展示了|显示了?|展示的是)|图片展示了|一张(?=.{4,}的(?:图片|照片)$))"
    r"(?:一[幅张](?:图片|照片|图)[，,]\s*)?"
)
_NEXT_THING = re.compile(r"(?:and|or|an?|the)\b", re.IGNORECASE)  # "a cat, a dog", but "a clean, comfortable bed"
_SMALL_WORDS = frozenset((
    "a", "an", "the", "of", "in", "on", "at", "with", "and", "or", "to", "for", "by", "from", "into", "over",
    "under", "near", "around", "as", "that", "is", "are", "its", "their", "his", "her",
))  # fmt: skip


def one_line(text: str) -> str:
    """The first line with words in it, without thoughts, labels, list marks, quotes around it and inline Markdown."""
    for raw in answer_in(text).splitlines():
        line = _unquoted(_CLOSED.sub(r"\1", inline.plain(inline.clean(raw)).strip()))
        before = None
        while line != before:
            before = line
            line = _unquoted(_LABEL.sub("", _MARK.sub("", line)))
        if re.search(r"\w", line):
            return line
    return ""


def _unquoted(line: str) -> str:
    """The line without quotes around the whole, and without one at an end that has no partner."""
    before = None
    while line != before:
        before = line = line.strip()
        for opening, closing in _PAIRS:
            inner, odd = line[1:-1], opening == closing and line.count(opening) % 2
            if line[:1] == opening and line[-1:] == closing and not {opening, closing} & set(inner):
                line = inner
            elif line[:1] == opening and (odd or closing not in line[1:]):
                line = line[1:]
            elif line[-1:] == closing and (odd or opening not in line[:-1]):
                line = line[:-1]
    return line


def clean_query(text: str) -> str:
    """A search phrase: "A picture of a bowl of water." becomes "A bowl of water". Empty where nothing is."""
    line = re.sub(r",?\s*(?:as )?(?:shown|described|mentioned) in (?:the )?paragraph.*$", "", one_line(text))
    line = _A_PICTURE_OF.sub("", line)
    # of several things the first: a search for "the Tower, the Palace and the Museum" finds none of them
    first, *rest = re.split(r"[,;.，；。]\s|[，；。]| or | possibly | maybe ", line, maxsplit=1)
    adjective = (
        line[len(first) :].startswith(",")
        and re.fullmatch(r"(?:an?|the) \S+", first, re.IGNORECASE)
        and not _NEXT_THING.match(rest[0])
    )
    line = (first if len(first.split()) > 1 and not adjective else line).rstrip(".。!！,，;；: ")
    words = line.split()[:LONGEST_QUERY]
    while len(words) > 2 and words[-1].lower() in _SMALL_WORDS:  # cut off by the limit of words, here or in the model
        words.pop()
    line = " ".join(words)
    return line[:1].upper() + line[1:]


def clean_caption(text: str, language: Language) -> str:
    """A caption: one line, not longer than a line is, ending where a word or a clause ends."""
    line = one_line(text)
    if language == "zh" and HAN.search(line):
        line = _THIS_IS.sub("", line)
        if len(line) > LONGEST_ZH:
            line = re.split(r"(?<=[。！？])|[，；,;](?=[^，；,;]*$)", line[:LONGEST_ZH])[0]
        return line.rstrip("。，；,;: ")
    words = line.split()
    if len(words) > LONGEST_EN:
        line = " ".join(words[:LONGEST_EN])
        ends = [match.start() for match in re.finditer(r"[.,;:](?=\s)", line)]
        line = line[: ends[-1]] if ends and ends[-1] > 20 else line
    line = line.rstrip(".,;: ")
    return line[:1].upper() + line[1:]


def clean_heading(text: str) -> str:
    """A heading: no full stop, no marks, no numbering; of a long Chinese one the first clause."""
    line = re.sub(r"^[一二三四五六七八九十]+[、．.]\s*", "", one_line(text))
    line = line.strip(".。!！,，;；:： ").replace("。", "，")
    first = re.match("[^，；：《“「]{3,}(?=[，；：])", line)
    return first[0] if first and HAN.search(line) and len(line) > ONE_THOUGHT_ZH else line


def from_text(text: str, language: Language) -> str:
    """A caption made of a paragraph's own first clause, for when the model gave none."""
    clause = re.split(r"[.!?。！？；;]\s*", inline.plain(text), maxsplit=1)[0]
    return clean_caption(clause, language) or clause[:LONGEST_ZH]


def alike(query: str, other: str) -> bool:
    """Whether two search phrases ask for the same thing: most of the shorter one's words are in the other."""
    first, second = (set(re.findall(r"\w+", text.lower())) - _SMALL_WORDS for text in (query, other))
    smaller = min(len(first), len(second))
    return smaller > 0 and len(first & second) / smaller > 0.6
