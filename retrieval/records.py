"""What the catalogue knows about a picture, and what a search may ask of it. Values only."""

from dataclasses import dataclass
from typing import Literal

from common.decoding import well_formed
from retrieval.paths import under


@dataclass(frozen=True, slots=True)
class Picture:
    """One row of the catalogue. `number` is None until it is stored."""

    id: str
    sha256: str
    path: str = ""
    number: int | None = None
    phash: int | None = None  # 64-bit difference hash, signed
    width: int = 0  # pixels, upright
    height: int = 0
    caption: str = ""
    tags: str = ""  # comma-separated
    credit: str = ""
    licence: str = ""
    source: str = ""
    date: str = ""  # when it was taken, ISO 8601
    indexed_at: str = ""  # ISO 8601, UTC
    approximate: bool = False
    drawing: bool = False
    text_inside: str | None = None  # read in the picture, a line a row; None: nobody has looked
    edited: bool = False  # a person changed its words: indexing again keeps them

    @property
    def tag_list(self) -> list[str]:
        return [tag.strip() for tag in self.tags.split(",") if tag.strip()]


@dataclass(frozen=True, slots=True)
class Choices:
    """What pictures can be filtered by, each with how many pictures have it."""

    tags: dict[str, int]  # the most frequent first
    folders: dict[str, int]  # absolute path -> files in it or below, by name
    licences: dict[str, int]  # the most frequent first


@dataclass(frozen=True, slots=True)
class Filters:
    """Which pictures count in a search. Empty fields say nothing."""

    tag: str = ""
    folder: str = ""  # absolute path: pictures in it or below
    after: str = ""  # ISO 8601 date, inclusive
    before: str = ""  # ISO 8601 date, exclusive
    orientation: Literal["", "landscape", "portrait", "square"] = ""
    min_width: int = 0  # pixels
    min_height: int = 0
    licence: str = ""  # beginning of the licence's name, e.g. "CC BY"

    def where(self, *, few: bool = False) -> tuple[str, list[object]]:
        """An SQL condition over `pictures p` and its values; "" where nothing is asked.

        `few`: for a query that looks at few pictures, one by one; else sets of all pictures with a tag or in a folder
        are made first.
        """

        def among(query: str) -> str:
            return f"EXISTS ({query} AND number = p.number)" if few else f"p.number IN ({query})"

        shapes = {"landscape": "p.width > p.height", "portrait": "p.width < p.height", "square": "p.width = p.height"}
        asked: list[tuple[str, list[object]]] = []
        if self.tag:
            asked.append((among("SELECT number FROM tags WHERE tag = ?"), [self.tag.strip().lower()]))
        if self.folder:
            asked.append((among("SELECT number FROM files WHERE path >= ? AND path < ?"), [*under(self.folder)]))
        if self.after:
            asked.append(("p.date >= ?", [self.after]))
        if self.before:
            asked.append(("p.date < ?", [self.before]))
        if self.orientation:
            asked.append((shapes[self.orientation], []))
        if self.min_width:
            asked.append(("p.width >= ?", [self.min_width]))
        if self.min_height:
            asked.append(("p.height >= ?", [self.min_height]))
        if self.licence:
            asked.append(("p.licence LIKE ? || '%'", [self.licence]))
        given = [well_formed(v) if isinstance(v, str) else v for _, values in asked for v in values]
        return " AND ".join(condition for condition, _ in asked), given


def cleaned_fields(**words: str | None) -> dict[str, str]:
    """The words that were given, each as one line; None was not given."""
    return {name: " ".join(well_formed(value).split()) for name, value in words.items() if value is not None}
