"""A person's own pictures as material of an article: each stands in it once, and before the pictures of a gallery.

They are described as a gallery describes its pictures, by the words that travel with them or by what a classifier sees,
and matched with the paragraphs by the same evidence.
"""

import contextlib
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from common.errors import ReadableError
from common.messages import _
from composer.article import Candidate
from composer.errors import InputError, PictureError
from composer.illustrating.fit import PERHAPS
from composer.illustrating.places import choose_pictures
from retrieval.base import GalleryInfo, Hit, PictureGallery
from retrieval.encoders import file_sha256

if TYPE_CHECKING:
    from PIL import Image

MOST_OWN = 20  # pictures that can be given to one article


class OwnPictures:
    """The pictures that a person gave for one article, in a gallery of their own that lasts as long as this object.

    They are described when they are first needed: not while the person waits for the first words.
    """

    def __init__(self, files: Sequence[str | Path], *, store: Callable[[str], Candidate] | None = None) -> None:
        """store: keeps a picture where the article may show it from, and says where; None: it is shown from its file.

        Raises InputError for too many.
        """
        if len(files) > MOST_OWN:
            raise InputError(
                _(
                    "{count} pictures of your own are too many for one article; at most {most} can be given.",
                    count=len(files),
                    most=MOST_OWN,
                )
            )
        self.given = len(files)
        self._files, self._store = [Path(file) for file in files], store or _as_it_is
        self._problems: list[ReadableError] = []
        self._closing = contextlib.ExitStack()

    def check(self) -> None:
        """Raises PictureError for the first file that is no usable picture: for who gives them before an article is
        written, and can give others."""
        from composer.models import Picture

        for file in self._files:
            if not file.is_file():
                raise PictureError(name=file.name, reason=_("there is no such file"))
            Picture.open(file)

    @property
    def problems(self) -> list[ReadableError]:
        """Why files were left out that are no usable pictures. Raises what `retrieval.Gallery.take` raises."""
        _ = self._pictures  # finds them
        return self._problems

    @cached_property
    def _pictures(self) -> dict[str, Candidate]:
        """By their ids in the gallery, which is made for it."""
        from retrieval import Gallery  # loads the encoders

        folder = self._closing.enter_context(tempfile.TemporaryDirectory(prefix="xcomposer-own-"))
        self._gallery = self._closing.enter_context(Gallery.open(Path(folder) / "gallery", create=True))
        kept: dict[str, Candidate] = {}  # by the hash of the file
        for file in self._files:
            try:
                kept.setdefault(file_sha256(file), self._store(str(file)))
            except ReadableError as error:
                self._problems.append(error)
            except OSError as error:
                self._problems.append(PictureError(name=file.name, reason=error.strerror or str(error)))
        usable = [file for file in self._files if file.is_file() and file_sha256(file) in kept]
        if usable:
            self._gallery.take(usable)
        return {
            hit.id: replace(
                kept[self._gallery.picture(hit.id).sha256],
                caption=hit.caption,
                credit=hit.credit,
                licence=hit.licence,
                source=hit.source,
                approximate=hit.approximate,
                drawing=hit.drawing,
            )
            for hit in self._gallery.browse(limit=MOST_OWN)
        }

    def __len__(self) -> int:
        return len(self._pictures)

    def __iter__(self) -> Iterator[Candidate]:
        return iter(self._pictures.values())

    def __enter__(self) -> "OwnPictures":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the gallery. The pictures themselves stay where they are."""
        self._closing.close()

    def find(self, queries: Sequence[str]) -> list[list[Hit]]:
        """All pictures for each of the queries, the best first. Raises RetrievalError."""
        if not self._pictures:
            return [[] for _query in queries]
        found = self._gallery.find_many(queries, k=len(self._pictures))
        return [[self._hit(hit) for hit in hits] for hits in found]

    def _hit(self, hit: Hit) -> Hit:
        own = self._pictures[hit.id]
        return replace(hit, id=own.id, path=own.path)


class OwnFirst:
    """A gallery that offers a person's own pictures, those that are likely, before its others: for a family that
    searches with captions of its own."""

    def __init__(self, own: OwnPictures, gallery: PictureGallery) -> None:
        self._own, self._gallery = own, gallery
        self.name, self.query_languages = gallery.name, gallery.query_languages

    def search(
        self, query: "str | Sequence[str] | Image.Image", *, k: int = 4, exclude: Collection[str] = ()
    ) -> list[Hit]:
        """See retrieval.base.PictureGallery. Own pictures are found by words only."""
        phrasings = [query] if isinstance(query, str) else query if isinstance(query, Sequence) else []
        found = {hit.id: hit for hits in self._own.find(phrasings) for hit in hits if hit.likely}
        own = [hit for hit in found.values() if hit.id not in exclude][:k]
        return [*own, *self._gallery.search(query, k=k - len(own), exclude=exclude)] if len(own) < k else own

    def get(self, picture_id: str) -> Hit:
        """See retrieval.base.PictureGallery."""
        own = next((picture for picture in self._own if picture.id == picture_id), None)
        if own is None:
            return self._gallery.get(picture_id)
        return Hit(
            own.id, own.path, 0.0, own.caption, own.credit, own.licence, own.source, own.approximate, own.drawing
        )

    def info(self) -> GalleryInfo:
        """Of the gallery behind."""
        return self._gallery.info()


def _as_it_is(file: str) -> Candidate:
    from composer.models import Picture

    return Candidate(id=f"upload-{Picture.open(Path(file)).sha256[:16]}", path=str(Path(file).absolute()))


def place_own(
    widths: Sequence[float],
    options: Sequence[Sequence[Candidate]],
    most: int,
    *,
    fixed: Collection[int],
    others: Sequence[float],
) -> dict[int, Candidate]:
    """Index of the paragraph -> the own picture that stands after it: each picture once, as many as there are.

    widths, fixed: as in `choose_pictures`. options: of each paragraph, own pictures with their fit. most: pictures of
    the whole article, the fixed ones included. others: fit of the best picture of the gallery for each paragraph; an
    own picture that fits nowhere stands where it displaces least.
    """
    known = [{c.id: c for c in each} for each in options]
    weighed = [
        [replace(c, fit=(c.fit or 0.0) * (1 - best) if (c.fit or 0.0) < PERHAPS else c.fit) for c in each]
        for each, best in zip(options, others, strict=True)
    ]
    picks = choose_pictures(
        widths,
        weighed,
        min(most, len({c.id for each in options for c in each}) + len(fixed)),
        same=lambda one, other: one.id == other.id,
        worth=0.0,
        fixed=fixed,
    )
    return {place: known[place][picture.id] for place, picture in picks.items()}
