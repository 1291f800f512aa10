"""How an article is to be written: its length, its tone, its readers. What a person may choose, and what it means."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from common.messages import _
from composer.article import Language
from composer.errors import InputError

Length = Literal["short", "medium", "long"]
LENGTHS: tuple[Length, ...] = ("short", "medium", "long")
FEWEST_WORDS, MOST_WORDS = 50, 3000  # that can be asked for; Chinese: characters
LONGEST_WISH = 200  # characters of a tone or of readers in a person's own words

WORDS: dict[Length, int] = {"short": 160, "medium": 300, "long": 600}  # of an English article of that length
CHARACTERS: dict[Length, int] = {"short": 250, "medium": 500, "long": 1000}  # as much in Chinese

TONES: dict[str, tuple[str, str]] = {  # name -> as the model is told in English and in Chinese
    "neutral": ("neutral and factual", "客观平实"),
    "news": ("a news report", "新闻报道"),
    "travel": ("a travel magazine", "旅游杂志"),
    "advertising": ("an advertisement", "广告文案"),
    "science": ("popular science", "科普文章"),
    "children": ("a book for children", "儿童读物"),
    "personal": ("a personal letter", "私人书信"),
}


@dataclass(frozen=True, slots=True)
class Style:
    """How an article is to be written."""

    length: Length | int = "medium"  # or so many words; Chinese: characters
    tone: str = ""  # a name in `TONES`, or a person's own words; empty: as the title suggests
    readers: str = ""  # for whom, in a person's own words; empty: anybody

    def checked(self) -> "Style":
        """The same without blanks around words. Raises InputError for a value that cannot be used."""
        if isinstance(self.length, int) and not FEWEST_WORDS <= self.length <= MOST_WORDS:
            raise InputError(
                _(
                    "The article is to have {words:,} words; {fewest} to {most:,} can be asked for.",
                    words=self.length,
                    fewest=FEWEST_WORDS,
                    most=MOST_WORDS,
                )
            )
        if not isinstance(self.length, int) and self.length not in LENGTHS:
            raise InputError(
                _(
                    "The length is '{length}'; it can be short, medium, long or a number of words.",
                    length=str(self.length)[:40],
                )
            )
        tone, readers = " ".join(self.tone.split()), " ".join(self.readers.split())
        for wish in (tone, readers):
            if len(wish) > LONGEST_WISH:
                raise InputError(
                    _(
                        "'{beginning} …' has {length:,} characters; a tone or readers can have {most}. Say it shorter, "
                        "or in the instruction above.",
                        beginning=wish[:30],
                        length=len(wish),
                        most=LONGEST_WISH,
                    )
                )
        return Style(self.length, tone, readers)

    def words(self, language: Language) -> int:
        """How many words (Chinese: characters) are wanted."""
        if isinstance(self.length, int):
            return self.length
        return (CHARACTERS if language == "zh" else WORDS)[self.length]

    def max_tokens(self, language: Language) -> int:
        """Room for an article of that length: what a word (a Chinese character) takes, and half again for long-winded
        ones."""
        return int(self.words(language) * (1.56 if language == "zh" else 2.2))

    def tone_in(self, language: Language) -> str:
        """The tone as a model is told."""
        return TONES.get(self.tone, (self.tone, self.tone))[language == "zh"]


def style_of(parameters: Mapping[str, Any]) -> Style:
    """How an article was asked for, from its parameters; as usual where they do not say."""
    length, tone, readers = parameters.get("length"), parameters.get("tone"), parameters.get("readers")
    try:
        return Style(length or "medium", str(tone or ""), str(readers or "")).checked()
    except InputError:  # a file of another program
        return Style()


def read_length(typed: str) -> Length | int:
    """ "short", "450", "450 words" or "450 字" as a length; what is none stays as it is, for `checked` to refuse."""
    first = typed.replace(",", "").split()[0] if typed.split() else ""
    digits = first.rstrip("字词个")
    return int(digits) if digits.isdecimal() and len(digits) < 8 else typed.strip()  # type: ignore[return-value]
