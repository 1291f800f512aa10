"""What a gallery of a person's own pictures can do beyond being searched, whichever way it is stored."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from retrieval.base import Hit, PictureGallery
from retrieval.errors import Reason
from retrieval.records import Choices, Filters, Picture

if TYPE_CHECKING:
    from PIL import Image

    from retrieval.ingest import IngestReport, Progress


@runtime_checkable
class FilteredGallery(PictureGallery, Protocol):
    """A gallery whose searches can be narrowed. All calls may come from several threads.

    `quick`: the path of a hit that takes a moment to have (a copy of a HEIC, TIFF or SVG file that browsers can show, a
    large picture of another machine) is its thumbnail's. `get` always has the large one.
    """

    def search(
        self,
        query: "str | Sequence[str] | Image.Image",
        *,
        k: int = 4,
        exclude: Collection[str] = (),
        filters: Filters | None = None,
        quick: bool = False,
    ) -> list[Hit]: ...

    def like(
        self,
        picture_id: str,
        *,
        k: int = 4,
        exclude: Collection[str] = (),
        filters: Filters | None = None,
        quick: bool = False,
    ) -> list[Hit]:
        """More pictures like that one, without it. Raises KeyError."""
        ...


@runtime_checkable
class EditableGallery(FilteredGallery, Protocol):
    """Words that can be changed, folders that can be added. All calls may come from several threads."""

    def browse(self, *, limit: int = 60, offset: int = 0, filters: Filters | None = None) -> list[Hit]:
        """Pictures without a query, the newest first; their paths are as with `quick`."""
        ...

    def choices(self) -> Choices:
        """What its pictures can be filtered by."""
        ...

    def duplicates(self) -> list[list[Hit]]:
        """Groups of pictures that look nearly the same; their paths are as with `quick`."""
        ...

    def skipped(self) -> list[tuple[str, Reason]]:
        """Files that were looked at and not taken: (path, reason)."""
        ...

    def picture(self, picture_id: str) -> Picture:
        """Everything that is known about a picture. Raises KeyError."""
        ...

    def thumbnail(self, picture_id: str, size: int = 256) -> Path:
        """A small WebP file, no side above `size` pixels (at most 512). Raises KeyError, PictureUnreadable."""
        ...

    def edit(
        self,
        picture_id: str,
        *,
        caption: str | None = None,
        tags: str | None = None,
        credit: str | None = None,
        licence: str | None = None,
        source: str | None = None,
    ) -> Hit:
        """Other words for a picture; None leaves a field as it is. Indexing again keeps them. Raises KeyError."""
        ...

    def remove(self, ids: Collection[str]) -> int:
        """Takes pictures out; their files stay where they are. Returns how many there were."""
        ...

    def add(
        self,
        folder: str | Path,
        *,
        progress: "Callable[[Progress], None] | None" = None,
        stop: Callable[[], bool] | None = None,
    ) -> "IngestReport":
        """Brings the pictures under `folder` in, or up to date. Raises RetrievalError."""
        ...

    def take(
        self, files: Sequence[str | Path], *, progress: "Callable[[Progress], None] | None" = None
    ) -> "IngestReport":
        """Copies pictures into a folder of the gallery's own and brings them in. Raises RetrievalError."""
        ...
