"""MilvusGallery: the calls of a gallery on a Milvus collection. The only file that knows all others of this folder.

A place is `milvus://host:19530/name` (a cluster, or one server) or the path of a Milvus Lite file (`pictures.db`, the
engine inside this process). Facts, words and vector of a picture are one row of one collection; its file stays where
it is, so machines that show pictures need the same folders. docs/gallery-server.md has the sizes.

Milvus Lite (3.2) differs from a cluster where its own documentation says so: one process at a time, exact search or
HNSW and IVF without product quantization, BM25 weights counted by segment instead of over all. It has no word stems
either; they are sent with the words (stems.py). Sharding, replicas, DiskANN and users are the cluster's.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from retrieval.base import GalleryInfo, Hit
from retrieval.encoders import Encoder, encode_pictures, for_queries, read_dictionary
from retrieval.errors import Reason
from retrieval.index import DEPTH, NEAR_DUPLICATE_BITS, differing_bits, evidence, fuse, is_likely, words_table
from retrieval.ingest import BrowserFormats
from retrieval.milvus import editing
from retrieval.milvus.collection import MilvusCollection
from retrieval.milvus.ingest import add_folder, take_files
from retrieval.milvus.rankings import text_rankings
from retrieval.milvus.schema import HIT_COLUMNS, filter_expression, without_secrets
from retrieval.paths import real_path
from retrieval.pictures import load_picture
from retrieval.records import Choices, Filters, Picture, cleaned_fields

if TYPE_CHECKING:
    from PIL import Image

    from retrieval.ingest import IngestOptions, IngestReport, Progress


class MilvusGallery(MilvusCollection):
    """A gallery in a Milvus collection; a PictureGallery. Several threads may use it.

    `encoder`: a name for `load_encoder` or a loaded one; None takes the collection's own, for a new one the default.
    `create` makes the collection where it is absent, with `index` over the vectors: AUTOINDEX lets Milvus choose; a
    cluster also has HNSW, IVF_SQ8, DISKANN. Raises GalleryNotFound, WrongEncoder, EncoderUnavailable, and
    GalleryUnreadable where Milvus cannot be asked.
    """

    def __init__(
        self, place: str, encoder: str | Encoder | None = None, *, create: bool = False, index: str = "AUTOINDEX"
    ) -> None:
        super().__init__(place, encoder, create=create, index=index)
        self._query_encoder = for_queries(self.encoder)
        read_dictionary()
        local = self.local_gallery
        self._browser_formats = BrowserFormats(local / "shown", local / "thumbnails")

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
        """Nearest vectors, and BM25 over the words in both languages, fused by rank as in a local gallery,
        near-duplicates last; each with whether it is a likely one."""
        if k < 1:
            return []
        depth = max(DEPTH, 4 * k)
        if isinstance(query, (str, Sequence)):
            given = [query] if isinstance(query, str) else query
            phrasings = [phrasing for phrasing in dict.fromkeys(given) if phrasing.strip()]
            encoder = self._query_encoder
            rankings = text_rankings(self, phrasings, encoder, depth, exclude, filters)
            hits = self._best_hits(rankings, k, quick)
            likely = self._likely([hit.id for hit in hits], phrasings, encoder)
            return [replace(hit, likely=hit.id in likely) for hit in hits]
        vector = encode_pictures(self.encoder, [load_picture(query)])[0].tolist()
        near = self.nearest_ids("dense", [vector], depth, filter_expression(exclude, filters))
        return self._best_hits([(ids, 1.0) for ids in near], k, quick)

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
        vector = editing.one_row(self, picture_id, ("dense",))["dense"]
        expression = filter_expression({*exclude, picture_id}, filters)
        return self._best_hits(
            [(ids, 1.0) for ids in self.nearest_ids("dense", [vector], max(DEPTH, 4 * k), expression)], k, quick
        )

    def get(self, picture_id: str) -> Hit:
        """One picture by id (score 0). Raises KeyError."""
        return self.hit(editing.one_row(self, picture_id, HIT_COLUMNS), 0.0)

    def picture(self, picture_id: str) -> Picture:
        """Everything the collection knows about a picture. Raises KeyError."""
        return editing.picture(self, picture_id)

    def thumbnail(self, picture_id: str, size: int = 256) -> Path:
        """A small WebP file, no side above `size` pixels (at most 512). Raises KeyError, PictureUnreadable."""
        row = editing.one_row(self, picture_id, ("sha256", "path"))
        return self._browser_formats.thumbnail(str(row["sha256"]), Path(real_path(row["path"])), size)

    def browse(self, *, limit: int = 60, offset: int = 0, filters: Filters | None = None) -> list[Hit]:
        """Pictures without a query, the newest first (of a large collection: of a sample)."""
        return [self.hit(row, 0.0, quick=True) for row in editing.newest(self, limit, offset, filters)]

    def choices(self) -> Choices:
        """What the pictures can be filtered by (of a large collection: of a sample)."""
        return editing.choices(self)

    def duplicates(self) -> list[list[Hit]]:
        """Groups of pictures that look nearly the same (of a large collection: of a sample)."""
        return [[self.hit(row, 0.0, quick=True) for row in group] for group in editing.duplicates(self)]

    def skipped(self) -> list[tuple[str, Reason]]:
        """Files that this machine looked at and did not take: (path, reason)."""
        return editing.skipped(self)

    def info(self) -> GalleryInfo:
        pictures, version, index = self.facts()
        return GalleryInfo(
            name=self.name,
            place=without_secrets(self.place),
            pictures=pictures,
            encoder=self.encoder.name,
            skipped=len(self.skipped()),
            details={"engine": f"Milvus {version}", "index": index},
        )

    # -- changing ----------------------------------------------------------------------------------

    def add(
        self,
        folder: str | Path,
        *,
        progress: "Callable[[Progress], None] | None" = None,
        stop: Callable[[], bool] | None = None,
        options: "IngestOptions | None" = None,
    ) -> "IngestReport":
        """Brings a folder's pictures in, incrementally, as a local gallery does. Raises RetrievalError."""
        return add_folder(self, Path(folder), progress=progress, stop=stop, options=options)

    def take(
        self, files: Sequence[str | Path], *, progress: "Callable[[Progress], None] | None" = None
    ) -> "IngestReport":
        """Copies pictures into a folder of this machine and brings them in. Raises RetrievalError."""
        return take_files(self, files, progress=progress)

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
        new = cleaned_fields(caption=caption, tags=tags, credit=credit, licence=licence, source=source)
        editing.edit(self, picture_id, new, self.thumbnail)
        return self.get(picture_id)

    def hit(self, row: Mapping[str, Any], score: float, *, quick: bool = False) -> Hit:
        """A row with the columns SHOWN as a hit; its path is a file that browsers can show, where there is one."""
        sha256, source = str(row["sha256"]), Path(real_path(row["path"]))
        path = (self._browser_formats.quick if quick else self._browser_formats.large)(sha256, source)
        return Hit(
            id=str(row["id"]),
            path=str(path),
            score=score,
            caption=str(row["caption"]),
            credit=str(row["credit"]),
            licence=str(row["licence"]),
            source=str(row["source"]),
            approximate=bool(row["approximate"]),
            drawing=bool(row["drawing"]),
        )

    # -- inside ------------------------------------------------------------------------------------

    def _likely(self, ids: Sequence[str], phrasings: Sequence[str], encoder: Encoder) -> set[str]:
        """Which of these pictures are likely what one of the phrasings asks for."""
        rows = self.rows(ids, ("caption", "tags", "words", "approximate", "dense"))
        numbered = list(enumerate(rows.values()))
        pictures = [
            Picture(
                id=str(row["id"]),
                sha256="",
                number=number,
                caption=str(row["caption"]),
                tags=", ".join(row["tags"]),
                approximate=bool(row["approximate"]),
            )
            for number, row in numbered
        ]
        own = {number: np.array([row["dense"]], dtype=np.float32) for number, row in numbered}
        with closing(words_table({number: str(row["words"]) for number, row in numbered})) as words:
            facts = evidence(words, pictures, own, phrasings, encoder)
        return {picture.id for picture in pictures if is_likely(facts[picture.number or 0], encoder)}

    def _best_hits(self, rankings: Sequence[tuple[Sequence[str], float]], k: int, quick: bool) -> list[Hit]:
        """The k best of the fused rankings of ids as hits, near-duplicates of better ones last."""
        found = list(dict.fromkeys(picture_id for ids, _ in rankings for picture_id in ids))
        numbers = {picture_id: number for number, picture_id in enumerate(found)}
        scores = fuse([([numbers[picture_id] for picture_id in ids], weight) for ids, weight in rankings])
        best = {found[number]: score for number, score in list(scores.items())[: max(4 * k, 20)]}
        rows = self.rows(list(best), HIT_COLUMNS)
        ranked = _demote_near_duplicates({one: rows[one] for one in best if one in rows})
        return [self.hit(row, best[picture_id], quick=quick) for picture_id, row in list(ranked.items())[:k]]


def _demote_near_duplicates(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Rows by id, best first, with near-duplicates of a better picture (by difference hash) behind everything else."""
    first: dict[str, Mapping[str, Any]] = {}
    later: dict[str, Mapping[str, Any]] = {}
    for picture_id, row in rows.items():
        duplicate = any(
            differing_bits(int(row["phash"]), int(other["phash"])) <= NEAR_DUPLICATE_BITS for other in first.values()
        )
        (later if duplicate else first)[picture_id] = row
    return first | later
