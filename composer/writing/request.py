"""What a person types above an article: cleaned, checked, and read for the language it asks for."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from common.decoding import without_controls
from common.language import HAN
from common.messages import _
from composer.article import Language
from composer.errors import InputError

LONGEST_TITLE = 80  # characters; longer input is an instruction, and the model names the article itself
MOST_CHARACTERS_A_TOKEN = 40  # of a long text; one that is longer still need not be counted

_WORD = re.compile(r"[A-Za-z][A-Za-z'’-]*")


def _asks_at_end(english: str, chinese: str) -> re.Pattern[str]:
    """For the end of a title: "… in English", "……，用英文写", "……（英文）".

    A Chinese name of a language that nothing sets apart belongs to the title: "如何学好英语".
    """
    written = r"(?:版|写|撰写|回答)?[)）]?[\s.。]*$"
    return re.compile(
        rf"[\s,，]*[(（]?\b(?:written )?in {english}\b[)）]?[\s.。]*$"
        rf"|[\s,，]*[(（]?请?(?:用|使用|以){chinese}{written}"
        rf"|(?:[\s,，]*[(（]|[\s,，]+){chinese}{written}",
        re.IGNORECASE,
    )


def _asks_within(english: str, chinese: str) -> re.Pattern[str]:
    """For instructions; "in Chinese restaurants" speaks of restaurants."""
    return re.compile(
        rf"\b(?:write|written|answer|article|text|guide)\b[^.]*\bin {english}\b"
        r"(?!\s+(?!(?:about|on|for|with|of|and|that|which|please|using|to)\b)\w)"
        rf"|用{chinese}",
        re.IGNORECASE,
    )


_ENGLISH, _CHINESE = ("English", "(?:英文|英语)"), ("(?:Simplified )?Chinese", "(?:中文|汉语)")
_AT_END: dict[Language, re.Pattern[str]] = {"en": _asks_at_end(*_ENGLISH), "zh": _asks_at_end(*_CHINESE)}
_WITHIN: dict[Language, re.Pattern[str]] = {"en": _asks_within(*_ENGLISH), "zh": _asks_within(*_CHINESE)}
_INSTRUCTION = re.compile(
    r"^(?:please\b|write\b|compose\b|draft\b|create\b|tell\b|describe\b|explain\b|i (?:want|need|would)\b|can you\b)"
    r"|^(?:请|写一|撰写|帮我|给我|介绍一下|用(?:英文|英语|中文|汉语)(?:写|撰写|介绍))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Request:
    """What to write about."""

    text: str  # one line or several, without control characters; given to the model
    language: Language
    title: str  # of the article; empty where the text is an instruction, from which the model makes a title


def is_blank(text: str) -> bool:
    """Whether nothing of it can be seen: blanks, controls, and marks that only join or direct others."""
    return all(c.isspace() or unicodedata.category(c) == "Cf" for c in without_controls(text))


def fitting(text: str, room: int, count: Callable[[str], int]) -> str:
    """The text, or as much of its beginning as has at most `room` tokens by `count`."""
    text = text[: MOST_CHARACTERS_A_TOKEN * room]
    while text and (tokens := count(text)) > room:
        text = text[: min(len(text) * room // tokens, len(text) - 1)]
    return text


def detect_language(text: str) -> Language:
    """Chinese where Chinese characters carry the text, otherwise English.

    One Chinese character says about as much as half a word, hence the comparison.
    """
    han, words = len(HAN.findall(text)), len(_WORD.findall(text))
    return "zh" if han and han >= words else "en"


def read_request(
    text: str, *, language: str = "auto", room: int | None = None, count: Callable[[str], int] = len
) -> Request:
    """What a person typed, checked.

    `room` is the number of tokens that the model has for it (None: not checked), `count` says how many a text takes.
    "in English" and its like decide the language where `language` is "auto", and are taken off the end of a title.
    Raises InputError with a sentence for the person.
    """
    lines = [" ".join(line.split()) for line in without_controls(text).split("\n")]
    cleaned = "\n".join(line for line in lines if line)
    if is_blank(cleaned):
        raise InputError(_("Please type a title or say what the article should be about."))
    if room is not None and (characters := len(fitting(cleaned, room, count))) < len(cleaned):
        raise InputError(
            _(
                "The title or instruction has {count:,} characters; this model can take about {characters:,}. "
                "Shorten it.",
                count=len(cleaned),
                characters=characters,
            )
        )
    title, asked = _without_language(cleaned)
    is_title = "\n" not in title and len(title) <= LONGEST_TITLE and not _INSTRUCTION.match(title)
    if not is_title and asked is None:
        asked = next((of for of, pattern in _WITHIN.items() if pattern.search(cleaned)), None)
    chosen: Language = "zh" if language == "zh" else "en" if language == "en" else asked or detect_language(cleaned)
    return Request(text=title if is_title else cleaned, language=chosen, title=title if is_title else "")


def provisional_title(request: Request) -> str:
    """What an article is called as long as nobody has given it a title: the beginning of what was asked for."""
    if request.title:
        return request.title
    first_line = request.text.split("\n", 1)[0]
    return first_line[:LONGEST_TITLE].rsplit(" ", 1)[0] if len(first_line) > LONGEST_TITLE else first_line


def _without_language(text: str) -> tuple[str, Language | None]:
    """The text without a language asked for at its end, and that language."""
    for language, pattern in _AT_END.items():
        shorter = pattern.sub("", text)
        if shorter and shorter != text:
            return shorter, language
    return text, None
