"""What a gallery is to those who only search it, whichever way it is stored."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from retrieval.records import Picture

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, slots=True)
class Hit:
    """One picture found."""

    id: str  # stable within its gallery
    path: str  # absolute path of a picture file on this machine that can be shown as it is
    score: float  # relevance, higher is better; comparable within one search only
    caption: str = ""
    credit: str = ""  # who made it, as it must be shown
    licence: str = ""
    source: str = ""  # web page of the picture, if any
    approximate: bool = False  # the caption was guessed by an image classifier
    drawing: bool = False  # a drawn icon, not a photograph
    likely: bool = True  # False: it came because something has to, and is hardly what was asked for (index/likely.py)


def described(picture: Picture, path: str, score: float, likely: bool = True) -> Hit:
    """What a catalogue knows of a picture as a picture found; `path` of the file that can be shown."""
    return Hit(
        id=picture.id,
        path=path,
        score=score,
        caption=picture.caption,
        credit=picture.credit,
        licence=picture.licence,
        source=picture.source,
        approximate=picture.approximate,
        drawing=picture.drawing,
        likely=likely,
    )


@dataclass(frozen=True, slots=True)
class GalleryInfo:
    """Plain facts for the page and the command line."""

    name: str
    place: str  # where it is stored, or its address
    pictures: int
    encoder: str
    updated: str = ""  # ISO 8601, UTC
    skipped: int = 0  # files that were looked at and not taken
    attribution: str = ""  # the line that must stand where its pictures are shown
    details: dict[str, str] = field(default_factory=dict)


@runtime_checkable
class PictureGallery(Protocol):
    """A searchable collection of pictures. All calls may come from several threads at once."""

    name: str
    query_languages: tuple[str, ...]  # languages its dense encoder understands, e.g. ("en",) or ("en", "zh")

    def search(
        self,
        query: "str | Sequence[str] | Image.Image",
        *,
        k: int = 4,
        exclude: Collection[str] = (),
    ) -> list[Hit]:
        """The k best pictures, best first, none of them in `exclude` (ids). Several strings are phrasings of one query,
        e.g. the same caption in two languages; their results are fused. Raises RetrievalError."""
        ...

    def get(self, picture_id: str) -> Hit:
        """One picture by id (score 0). Raises KeyError."""
        ...

    def info(self) -> GalleryInfo: ...


@runtime_checkable
class FindsMany(Protocol):
    """A gallery that answers many queries at once, and makes or fetches no file for it."""

    def find_many(self, queries: Sequence[str], *, k: int = 4) -> list[list[Hit]]:
        """As `search` for each of the queries, in a fraction of the time: the paths of the hits are empty, and `get`
        gives a hit with its file. Raises RetrievalError."""
        ...


@runtime_checkable
class Browsable(Protocol):
    """A gallery that can be looked through without a query."""

    def browse(self, *, limit: int = 60) -> list[Hit]:
        """The first `limit` pictures in an order that stays."""
        ...
