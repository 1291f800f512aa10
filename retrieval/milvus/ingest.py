"""Fills a Milvus collection from folders or from a local gallery's catalogue.

Folders are first read into a local gallery in this machine's cache (with the same processes and limits as any gallery,
and resumable); what changed there is then sent. Each row holds the station it came from, a hash of machine and local
gallery, so that several machines can fill one collection: each adds, updates and removes its own pictures only. A
picture that two stations hold belongs to the one that sent it last.
"""

import hashlib
import json
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retrieval.encoders import unit
from retrieval.gallery import Gallery
from retrieval.index import Catalogue, stored_words
from retrieval.ingest import GALLERY_FILE, IngestOptions, IngestReport, Progress, path_words
from retrieval.milvus.collection import MilvusCollection
from retrieval.paths import real_path

EDITABLE = ("caption", "tags", "credit", "licence", "source")  # what a person may have changed
BATCH = 256  # rows a message: 256 x (2 kB of vector + words) stays far below gRPC's 64 MB
_TEXT_COLUMNS = ("id", "sha256", "caption", "credit", "licence", "source", "date", "indexed_at", "path", "words")

_ROWS = """
SELECT p.*, w.caption || ' ' || w.tags || ' ' || w.names AS words,
    (SELECT MIN(path) FROM files f WHERE f.number = p.number) AS path
FROM pictures p JOIN words w ON w.rowid = p.number
WHERE p.number > ? ORDER BY p.number LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class SendCounts:
    """How many pictures were sent, removed and found unchanged."""

    stored: int
    removed: int
    unchanged: int


def add_folder(
    collection: MilvusCollection,
    folder: Path,
    *,
    progress: Callable[[Progress], None] | None = None,
    stop: Callable[[], bool] | None = None,
    options: IngestOptions | None = None,
) -> IngestReport:
    """Reads what changed under `folder` and sends it; the report is that of a local gallery, with the stage "send".

    Raises FolderUnreadable, GalleryBusy, GalleryFull, GalleryUnreadable, EncoderUnavailable.
    """
    return _ingest_and_send(collection, lambda local: local.add(folder, progress=progress, stop=stop, options=options))


def take_files(
    collection: MilvusCollection, files: Sequence[str | Path], *, progress: Callable[[Progress], None] | None = None
) -> IngestReport:
    """Copies files into this machine's own folder for the collection and sends them; raises as `add_folder`."""
    return _ingest_and_send(collection, lambda local: local.take(files, progress=progress))


def _ingest_and_send(collection: MilvusCollection, ingest: Callable[[Gallery], IngestReport]) -> IngestReport:
    place = collection.local_gallery
    with Gallery.open(place, create=True, encoder=collection.encoder) as local:
        report = ingest(local)
    started = time.perf_counter()
    send(place, collection)
    report.seconds["send"] = time.perf_counter() - started
    return report


def send(local: Path, collection: MilvusCollection) -> SendCounts:
    """Makes the collection's rows of this station equal to the local gallery's: sends changes, removes what is gone.

    `local`: the folder of a gallery with the same encoder. May be interrupted anywhere; the next call continues.
    """
    station = hashlib.sha256(f"{platform.node()}\n{local.resolve()}".encode("utf-8", "surrogatepass")).hexdigest()
    remote_stamps = collection.stamps(station)
    stored = unchanged = 0
    catalogue = Catalogue(local / GALLERY_FILE)
    try:
        for rows in _batches(catalogue, collection, station):
            changed = [row for row in rows if remote_stamps.pop(str(row["id"]), None) != row["stamp"]]
            edited = _edited_metadata(collection, [str(row["id"]) for row in changed])
            collection.store(
                [_with_edited_metadata(row, edited[i]) if (i := str(row["id"])) in edited else row for row in changed]
            )
            stored += len(changed)
            unchanged += len(rows) - len(changed)
    finally:
        catalogue.close()
    removed = collection.remove(list(remote_stamps))
    if stored or removed:
        collection.flush()
    return SendCounts(stored=stored, removed=removed, unchanged=unchanged)


def _edited_metadata(collection: MilvusCollection, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """id -> its row with the texts that a person gave it, of those ids that were edited."""
    rows = collection.rows(ids, ("edited", "approximate", *EDITABLE))
    return {one: row for one, row in rows.items() if row["edited"]}


def _with_edited_metadata(row: dict[str, Any], edited: dict[str, Any]) -> dict[str, Any]:
    """A row that is sent again, with the texts that a person gave the picture."""
    metadata = {name: edited[name] for name in EDITABLE}
    texts = (edited["caption"], ", ".join(edited["tags"]), path_words(real_path(row["path"])))
    return row | metadata | {"edited": True, "approximate": False, "words": " ".join(map(stored_words, texts))}


def _batches(catalogue: Catalogue, collection: MilvusCollection, station: str) -> Iterator[list[dict[str, Any]]]:
    last = 0
    while found := catalogue.connection.execute(_ROWS, (last, BATCH)).fetchall():
        last = int(found[-1]["number"])
        vectors = catalogue.vectors_of([int(one["number"]) for one in found], collection.encoder.dim)
        rows: list[dict[str, Any]] = []
        for one in found:
            own = vectors.get(int(one["number"]))
            if own is None or not one["path"]:
                continue  # nothing to find it by, or no file to show
            # a collection has one vector a picture: several wordings of a drawing become their mean
            dense = unit(own.mean(axis=0))  # (V, dim) -> (dim,)
            row: dict[str, Any] = {name: str(one[name] or "") for name in _TEXT_COLUMNS}
            row |= {name: int(one[name] or 0) for name in ("width", "height", "phash")}
            row |= {name: bool(one[name]) for name in ("approximate", "drawing", "edited")}
            row["tags"] = [tag.strip().lower() for tag in str(one["tags"]).split(",") if tag.strip()]
            sent = row | {"indexed_at": "", "words": collection.indexed_words([str(row["words"])])[0]}
            digest = hashlib.sha256(json.dumps(sent, sort_keys=True).encode() + dense.tobytes())
            rows.append(row | {"station": station, "stamp": digest.hexdigest(), "dense": dense.tolist()})
        yield rows
