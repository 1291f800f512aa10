"""What is written about one picture, whoever wrote it; and the cleaning of a stranger's words. Values only."""

import html
import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime

from common.decoding import decode_text, repaired, well_formed
from retrieval.records import Picture

MAX_CAPTION = 1000  # characters
MAX_TAGS = 60
TAGS_IN_CAPTION = 5
WORD_FIELDS = ("caption", "tags", "credit", "licence", "source")  # what the catalogue has of them, too
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,8}\d?);", re.IGNORECASE)
_DATE = re.compile(r"(\d{4})[-:](\d\d)(?:[-:](\d\d))?(?:[T ](\d\d:\d\d(?::\d\d)?))?")


@dataclass(frozen=True, slots=True)
class Metadata:
    """What is written about one picture. Empty strings where nothing is."""

    caption: str = ""
    tags: str = ""  # comma-separated
    credit: str = ""
    licence: str = ""
    source: str = ""
    date: str = ""  # ISO 8601

    def over(self, under: "Metadata") -> "Metadata":
        """These words, and where there are none those of `under`. Tags of both count."""
        given = {name: value for name in Metadata.__slots__ if (value := getattr(self, name))}
        return replace(under, **given | {"tags": joined_tags([*self.tags.split(","), *under.tags.split(",")])})

    @classmethod
    def of(cls, picture: Picture) -> "Metadata":
        """What the catalogue has of them, without the date."""
        return cls(**{name: getattr(picture, name) for name in WORD_FIELDS})

    def captioned(self, guess: str) -> "Metadata":
        """The same with a caption: a person's own; else the first tags, then what a classifier takes it for."""
        return self if self.caption else replace(self, caption=", ".join(filter(None, (self._first_tags(), guess))))

    def guess(self) -> str:
        """What a classifier takes the picture for, of a caption that `captioned` made."""
        return self.caption.removeprefix(self._first_tags()).removeprefix(", ")

    def _first_tags(self) -> str:
        return ", ".join(joined_tags(self.tags.split(",")).split(", ")[:TAGS_IN_CAPTION])


def cleaned(value: object) -> str:
    """One line of composed Unicode without controls, from text or bytes of any encoding; "" for anything else.

    Signs that a program wrote as HTML does, and into another format, become what they mean: "Tom &amp; Ann".
    """
    if isinstance(value, bytes):
        text = decode_text(value)
    elif isinstance(value, str):
        text = well_formed(value)
    else:
        return ""
    text = repaired(well_formed(_ENTITY.sub(lambda entity: html.unescape(entity[0]), text)))
    text = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in unicodedata.normalize("NFC", text))
    return " ".join(text.split())[:MAX_CAPTION]


def joined_tags(tags: list[str]) -> str:
    """Distinct tags as one comma-separated text, in their order; at most 60."""
    distinct: dict[str, str] = {}
    for tag in tags:
        if text := cleaned(tag.replace(",", " ")):
            distinct.setdefault(text.casefold(), text)
    return ", ".join(list(distinct.values())[:MAX_TAGS])


def titled(title: str, description: str) -> str:
    """A caption of a title and a description, of which one may be empty or begin the other."""
    if not title or title.casefold() in description.casefold():
        return description
    if not description or description.casefold() in title.casefold():
        return title
    return f"{title}. {description}"[:MAX_CAPTION]


def iso_date(value: object) -> str:
    """A date as ISO 8601, from what EXIF, XMP, PNG and people write; "" where no calendar has it."""
    match = _DATE.match(cleaned(value))
    if match is None:
        return ""
    year, month, day, time = match.groups()
    try:
        datetime.fromisoformat(f"{year}-{month}-{day or '01'}T{time or '00:00'}")
    except ValueError:
        return ""
    return "-".join(filter(None, (year, month, day))) + (f"T{time}" if day and time else "")
