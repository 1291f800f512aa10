"""A person's own gallery: a folder with a catalogue, an index and thumbnails of pictures that stay where they are.

pictures.gallery/
    gallery.sqlite     facts, words and vectors (catalogue.py)
    vectors/           the index over the vectors, made anew from the catalogue whenever it is missing (vectors.py)
    thumbnails/        small WebP pictures
    shown/             pictures in a format that browsers know, for HEIC, TIFF and the like
    pictures/          copies of pictures that were dropped in through the page
"""

import errno
import json
import sqlite3
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from common.messages import _
from retrieval.base import GalleryInfo, Hit, described
from retrieval.encoders import (
    Encoder,
    encode_caption,
    encode_pictures,
    encoding_together,
    for_queries,
    load_encoder,
    understood,
)
from retrieval.errors import GalleryBusy, GalleryFull, GalleryNotFound, GalleryUnreadable, Reason, WrongEncoder
from retrieval.index import NEAR_DUPLICATE_BITS, Catalogue, Searcher, alike_in_colour, near_groups, needs_file
from retrieval.ingest import (
    GALLERY_FILE,
    BrowserFormats,
    Ingest,
    IngestOptions,
    IngestReport,
    Progress,
    check_text_reader,
    leave_out,
    read_texts,
    take_in,
    thumbnail_colours,
    thumbnail_path,
)
from retrieval.pictures import load_picture
from retrieval.records import Choices, Filters, Picture, cleaned_fields

if TYPE_CHECKING:
    from PIL import Image


LOCK_FILE = "indexing.lock"  # held by whoever adds
TAKEN = "pictures"  # its folder of what was dropped in


class Gallery:
    """An open gallery. All calls may come from several threads; one process at a time may add."""

    def __init__(self, place: Path, catalogue: Catalogue, encoder_name: str) -> None:
        self.place = place
        self.name = place.name.removesuffix(".gallery") or str(place)
        self.encoder_name = encoder_name
        self.catalogue = catalogue
        self._shown = BrowserFormats(place / "shown", place / "thumbnails")
        self._encoder: Encoder | None = None
        self._query_encoder: Encoder | None = None
        self._searcher: Searcher | None = None
        self._loading = threading.RLock()
        self.query_languages: tuple[str, ...] = tuple((catalogue.fact("languages") or "en").split(","))

    @classmethod
    def open(cls, place: str | Path, *, create: bool = False, encoder: str | Encoder | None = None) -> "Gallery":
        """The gallery in the folder `place`.

        `encoder` is a name for `load_encoder`, or a loaded encoder; None takes the gallery's own, for a new gallery the
        default. The encoder itself is loaded when it is first needed. Raises GalleryNotFound, GalleryUnreadable,
        WrongEncoder, EncoderUnavailable.
        """
        folder = Path(place).expanduser().absolute()
        file = folder / GALLERY_FILE
        try:
            exists = file.is_file()
        except OSError as error:
            raise GalleryUnreadable(place=place, reason=str(error)) from error
        if not exists:
            if not create:
                raise GalleryNotFound(place=place)
            full = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
            if full and not file.is_file():  # else another program has just made it
                raise GalleryUnreadable(
                    place=place,
                    reason=_("there is something else at this place. Name an empty or new folder for the gallery"),
                )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            catalogue = Catalogue(file)  # first: a folder with anything else in it would be refused the next time
            (folder / "thumbnails").mkdir(exist_ok=True)
        except (OSError, sqlite3.Error) as error:
            raise GalleryUnreadable(place=place, reason=str(error)) from error
        stored = catalogue.fact("encoder")
        given = encoder if encoder is None or isinstance(encoder, str) else encoder.name
        gallery = cls(folder, catalogue, stored or given or "")
        try:
            if stored is None or encoder is not None:
                name = given or "auto"
                gallery._use(encoder if isinstance(encoder, Encoder) else load_encoder(name), name)
        except BaseException:
            catalogue.close()
            raise
        return gallery

    def close(self) -> None:
        """Closes the files. The gallery cannot be used afterwards."""
        with self._loading:
            if self._searcher is not None:
                self._searcher.close()
            self.catalogue.close()

    def __enter__(self) -> "Gallery":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- encoder -----------------------------------------------------------------------------------

    @property
    def encoder(self) -> Encoder:
        """The gallery's encoder, loaded when first asked for. Raises EncoderUnavailable, WrongEncoder."""
        with self._loading:
            if self._encoder is None:
                self._use(load_encoder(self.encoder_name), self.encoder_name)
            assert self._encoder is not None
            return self._encoder

    @property
    def query_encoder(self) -> Encoder:
        """The encoder for searches that come at once. Raises as `encoder` does."""
        return self._query_encoder or for_queries(self.encoder)

    def _use(self, encoder: Encoder, name: str) -> None:
        """Takes the encoder if it is the one the gallery was made with, or the gallery's first."""
        if self.catalogue.fact("identity") is None:
            with self.catalogue.transaction():
                if self.catalogue.fact("identity") is None:  # another program may have been first
                    self.catalogue.set_fact("encoder", getattr(encoder, "spec", name))
                    self.catalogue.set_fact("identity", json.dumps(encoder.identity))
                    self.catalogue.set_fact("languages", ",".join(encoder.query_languages))
        known = json.loads(self.catalogue.fact("identity") or "{}")
        different = [key for key in known if known[key] != encoder.identity.get(key)]
        if different:
            raise WrongEncoder(
                place=self.place, stored=known["name"], given=encoder.name, difference=", ".join(different)
            )
        self._encoder, self._query_encoder = encoder, for_queries(encoder)
        self.encoder_name = self.catalogue.fact("encoder") or name
        self.query_languages = encoder.query_languages

    @property
    def dim(self) -> int:
        """Numbers a vector."""
        identity = json.loads(self.catalogue.fact("identity") or "{}")
        return int(identity.get("dim", 0)) or self.encoder.dim

    @property
    def searcher(self) -> Searcher:
        with self._loading:
            if self._searcher is None:
                self._searcher = Searcher(
                    self.catalogue, self.dim, self.place / "vectors", both_languages=True, colours=self._colours
                )
            return self._searcher

    # -- changing ----------------------------------------------------------------------------------

    def add(
        self,
        folder: str | Path,
        *,
        progress: Callable[[Progress], None] | None = None,
        stop: Callable[[], bool] | None = None,
        options: IngestOptions | None = None,
        wait: float = 0,
    ) -> IngestReport:
        """Brings the pictures under `folder` in, or up to date; pictures whose files are gone are dropped.

        What a person wrote about a picture is remembered by its content and comes back with it. A folder that holds no
        pictures any more changes nothing unless `options.prune` says so: its drive may be away.

        `stop()` is asked between files; what was read until then is kept. `wait` is how many seconds to wait for
        another program that is indexing. Raises FolderUnreadable, FolderEmpty, GalleryBusy, GalleryFull,
        EncoderUnavailable, RetrievalError where text is to be read and cannot.
        """
        from filelock import FileLock, Timeout

        root = Path(folder).expanduser().resolve()  # one folder is one, however it is spelled
        options = options or IngestOptions()
        if options.read_text:
            check_text_reader()
        run = Ingest(self.catalogue, lambda: self.encoder, self.place / "thumbnails", options, progress, stop)
        try:
            with FileLock(self.place / LOCK_FILE, timeout=wait):
                report = run.run(root)
                read_texts(self.catalogue, options, report, progress, stop)
        except Timeout as error:
            raise GalleryBusy(place=self.place) from error
        except (OSError, sqlite3.OperationalError) as error:
            full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
            if full or getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                raise GalleryFull(place=self.place) from error
            raise
        if self._searcher is not None or needs_file(self.catalogue.counts()["vectors"]):
            self.searcher.refresh()  # whoever only indexes needs neither the vectors nor the dictionary in memory
            self.searcher.rebuild_if_wanted()
        return report

    def take(self, files: Sequence[str | Path], *, progress: Callable[[Progress], None] | None = None) -> IngestReport:
        """Copies pictures into the gallery's own folder and indexes them, for files that were dropped in.

        A file keeps its name as its caption; files among them that hold a picture's words, as `add` knows them, give
        it those. Raises what `add` raises.
        """
        own = (self.place / TAKEN).resolve()
        try:
            take_in([Path(file) for file in files], own)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise GalleryFull(place=self.place) from error
            raise GalleryUnreadable(place=self.place, reason=str(error)) from error
        return self.add(own, progress=progress, wait=60)

    def remove(self, ids: Collection[str]) -> int:
        """Takes pictures out of the gallery; their files stay where they are. Returns how many there were.

        Indexing their folder again brings them back; one that was dropped in comes back when it is dropped in again.
        """
        numbers = self.catalogue.numbers_of_ids(ids)
        paths = [path for number in numbers for path in self.catalogue.paths_of(number)]
        try:
            leave_out(paths, (self.place / TAKEN).resolve())
        except OSError as error:
            raise GalleryUnreadable(place=self.place, reason=Reason.of(error)) from error
        self.catalogue.drop(numbers)
        return len(numbers)

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
        """Other words for a picture; None leaves a field as it is. Indexing again keeps them.

        Raises KeyError, and PictureUnreadable where a picture without words must be placed by pixels that are gone.
        """
        self.picture(picture_id)  # known at all: loading an encoder takes a while
        new = cleaned_fields(caption=caption, tags=tags, credit=credit, licence=licence, source=source)
        vectors = None
        if "caption" in new and self.encoder.words_first:
            vectors = encode_caption(self.encoder, new["caption"], lambda: load_picture(self.thumbnail(picture_id)))
        with self.catalogue.transaction():  # what another thread changes meanwhile is kept
            changed = replace(self.picture(picture_id), edited=True, **new)  # type: ignore[arg-type]  # names of texts
            if "caption" in new:
                changed = replace(changed, approximate=False)
            self.catalogue.rewrite(changed, vectors=vectors)
        return self._hit(changed, 0.0)

    # -- searching ---------------------------------------------------------------------------------

    def search(
        self,
        query: "str | Sequence[str] | Image.Image",
        *,
        k: int = 4,
        exclude: Collection[str] = (),
        filters: Filters | None = None,
        quick: bool = False,
    ) -> list[Hit]:
        """The k best pictures, best first, each with whether it is a likely one. `filters` narrows the pictures that
        count. Raises RetrievalError.

        `quick`: what browsers cannot show has its thumbnail's path; else a large copy is made of each.
        """
        excluded = self.catalogue.numbers_of_ids(exclude)
        if isinstance(query, str):
            query = [query]
        if not isinstance(query, Sequence):
            vector = encode_pictures(self.encoder, [load_picture(query)])[0]
            near = self.searcher.by_vector(vector, k, excluded, filters)
            return [self._hit(picture, score, quick=quick) for picture, score in near]
        phrasings, encoder = [q for q in query if q.strip()], self.query_encoder
        found = self.searcher.by_text(phrasings, encoder, k, excluded, filters)
        return [self._hit(*each, quick) for each in found]

    def find_many(self, queries: Sequence[str], *, k: int = 4) -> list[list[Hit]]:
        """See retrieval.base.FindsMany."""
        known = [query for query in queries if understood(query, self.encoder.query_languages)]
        encoder = encoding_together(self.encoder, known)
        asked = [[query] if query.strip() else [] for query in queries]
        return [
            [described(picture, "", score, likely) for picture, score, likely in self.searcher.by_text(one, encoder, k)]
            for one in asked
        ]

    def like(
        self,
        picture_id: str,
        *,
        k: int = 4,
        exclude: Collection[str] = (),
        filters: Filters | None = None,
        quick: bool = False,
    ) -> list[Hit]:
        """More pictures like that one, without it; `quick` as for `search`. Raises KeyError."""
        picture = self.picture(picture_id)
        excluded = self.catalogue.numbers_of_ids({*exclude, picture_id})
        return [self._hit(p, s, quick=quick) for p, s in self.searcher.like(picture, k, excluded, filters)]

    def browse(self, *, limit: int = 60, offset: int = 0, filters: Filters | None = None) -> list[Hit]:
        """Pictures without a query, the newest first; what browsers cannot show has its thumbnail's path."""
        return [self._hit(picture, 0.0, quick=True) for picture in self.catalogue.newest(limit, offset, filters)]

    def tags(self) -> dict[str, int]:
        """tag -> how many pictures carry it, the most frequent first."""
        return self.catalogue.tags()

    def choices(self) -> Choices:
        """What the pictures can be filtered by."""
        return Choices(self.catalogue.tags(), self.catalogue.folders(), self.catalogue.licences())

    def duplicates(self) -> list[list[Hit]]:
        """Groups of pictures that look nearly the same: by their difference hashes and their colours."""
        pictures = {p.number: p for p in self.catalogue.pictures() if p.number is not None and p.phash is not None}
        groups = near_groups(
            {number: p.phash for number, p in pictures.items() if p.phash is not None}, NEAR_DUPLICATE_BITS
        )
        alike = (same for group in groups for same in alike_in_colour([pictures[n] for n in group], self._colours))
        return [[self._hit(picture, 0.0, quick=True) for picture in same] for same in alike]

    def _colours(self, picture: Picture) -> NDArray[np.float32]:
        return thumbnail_colours(thumbnail_path(self.place / "thumbnails", picture.sha256))

    def get(self, picture_id: str) -> Hit:
        """One picture by id (score 0). Raises KeyError."""
        return self._hit(self.picture(picture_id), 0.0)

    def picture(self, picture_id: str) -> Picture:
        """Everything the catalogue knows about a picture. Raises KeyError."""
        picture = self.catalogue.by_id(picture_id)
        if picture is None:
            raise KeyError(picture_id)
        return picture

    def info(self) -> GalleryInfo:
        identity = json.loads(self.catalogue.fact("identity") or "{}")
        counts = self.catalogue.counts()
        return GalleryInfo(
            name=self.name,
            place=str(self.place),
            pictures=counts["pictures"],
            encoder=identity.get("name", self.encoder_name),
            updated=self.catalogue.fact("updated") or "",
            skipped=counts["skipped"],
            details={"files": str(counts["files"]), "vectors": str(counts["vectors"]), "dim": identity.get("dim", "")},
        )

    def skipped(self) -> list[tuple[str, Reason]]:
        """Files that were looked at and not taken: (path, reason)."""
        return self.catalogue.skipped()

    # -- files -------------------------------------------------------------------------------------

    def thumbnail(self, picture_id: str, size: int = 256) -> Path:
        """A small WebP file, no side above `size` pixels (at most 512). Raises KeyError, PictureUnreadable."""
        picture = self.picture(picture_id)
        return self._shown.thumbnail(picture.sha256, Path(picture.path), size)

    def _hit(self, picture: Picture, score: float, likely: bool = True, quick: bool = False) -> Hit:
        source = self._existing(picture)
        path = (self._shown.quick if quick else self._shown.large)(picture.sha256, source)
        return described(picture, str(path), score, likely)

    def _existing(self, picture: Picture) -> Path:
        """The file of a picture; of several copies one that is there."""
        first = Path(picture.path)
        if picture.number is None or first.is_file():
            return first
        return next((path for path in map(Path, self.catalogue.paths_of(picture.number)) if path.is_file()), first)
