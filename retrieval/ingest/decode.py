"""One picture file, read once: its hash, words, small pictures. Runs in worker processes and imports no torch.

Everything that a stranger's file can do happens here: endless decoding, huge claims, crashes of a codec. The caller
gives a worker a time limit and lives on when it dies.
"""

import functools
import hashlib
import io
import os
import sqlite3
import sys
import warnings
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from common.messages import _
from retrieval.encoders import Preparation
from retrieval.errors import PictureUnreadable
from retrieval.ingest.metadata import Metadata, read_metadata
from retrieval.pictures import (
    BEGINNING,
    DRAWING_SIDE,
    MAX_BYTES,
    PILLOW_ERRORS,
    RAW_SUFFIXES,
    check_readable,
    is_drawing,
    load_picture,
    open_picture,
    raw_size,
    suffix_of,
)

THUMBNAIL = 256  # pixels of the longer side
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WORKER_MEMORY = 4 * 1024**3  # bytes of address space: 120 M pixels need 0.5 GB as they are decoded


def bounded(time_ns: int) -> int:
    """A file's time as the catalogue can hold it: clocks of cameras say 2286 and 1601, and SQLite has 64 bits."""
    return max(-(2**63), min(time_ns, 2**63 - 1))


def file_date(time_ns: int) -> str:
    """ISO 8601 of a file's time; empty where no calendar has it."""
    try:
        return (_EPOCH + timedelta(microseconds=time_ns // 1000)).isoformat(timespec="seconds")
    except OverflowError:
        return ""


@dataclass(frozen=True, slots=True)
class Job:
    """A file to read, as it was when the folder was scanned."""

    path: str
    size: int  # bytes
    mtime_ns: int
    sidecars: tuple[str, ...] = ()  # the files beside it that hold its words, the one that counts most first
    words_mtime_ns: int = 0  # changes with each of them
    fresh: bool = False  # decode it even where its content is known


@dataclass(slots=True)
class Decoded:
    """What came out. `pixels` is None where the content is known already: then only the words were read."""

    job: Job
    sha256: str
    words: Metadata
    pixels: NDArray[np.uint8] | None = None  # (side, side, 3), as the encoder's preparation makes it
    width: int = 0  # pixels, upright
    height: int = 0
    phash: int = 0
    bytes_read: int = 0
    seconds: float = 0.0
    thumbnail: bytes = b""  # WebP, where it was not written by the worker
    encoded: "tuple[NDArray[np.float32] | None, str] | None" = None  # as `encoding.encode` gives it, where it was made


@dataclass(slots=True)
class Worker:
    """What a worker process knows; made once in each by `start`."""

    preparation: Preparation
    thumbnails: Path | None
    catalogue: Path | None
    connection: sqlite3.Connection | None = field(default=None)


_worker: Worker | None = None


def start(preparation: Preparation, thumbnails: str | None, catalogue: str | None) -> None:
    """Prepares this process for `decode`.

    thumbnails: the folder for them; None: they travel with what was read. catalogue: its file, where known pictures are
    looked up; None: all are decoded.
    """
    global _worker
    _worker = Worker(preparation, Path(thumbnails) if thumbnails else None, Path(catalogue) if catalogue else None)
    Image.MAX_IMAGE_PIXELS = None  # load_picture has its own limit, with a sentence
    if sys.platform.startswith("linux"):
        import resource

        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (WORKER_MEMORY, hard))
        os.nice(5)  # the page and the language model come first


def decode(job: Job) -> Decoded:
    """Reads one file. Raises PictureUnreadable with the reason it is left out, OSError where it cannot be read now."""
    if _worker is None:
        raise RuntimeError("decode.start was not called in this process")
    path = Path(job.path)
    check_readable(path.name)
    data = _read(path, job)
    digest = hashlib.sha256(data).hexdigest()
    words = read_metadata(path, data, tuple(map(Path, job.sidecars)))
    if not job.fresh and _known(_worker, digest):
        return Decoded(job, digest, words, bytes_read=len(data))
    # JPEG is decoded at a half, a quarter or an eighth while both sides stay above this; then it is resized to the side
    enough = max(round(1.25 * _worker.preparation.side), THUMBNAIL)
    source = io.BytesIO(data)
    source.name = path.name  # named in messages
    width, height = raw_size(data) if suffix_of(path.name) in RAW_SUFFIXES else _upright_size(data)
    picture = load_picture(source, enough=enough)
    if not width:
        width, height = picture.size
    if is_drawing(data[:BEGINNING]):  # it has any size; that of its largest copy is noted
        scale = DRAWING_SIDE / max(picture.size)
        width, height = (max(1, round(side * scale)) for side in picture.size)
    small = picture.copy()
    small.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.BILINEAR, reducing_gap=2.0)
    shown = io.BytesIO()
    small.save(shown, format="WEBP", quality=80, method=0)
    if _worker.thumbnails is not None:
        save_thumbnail(shown.getvalue(), _worker.thumbnails, digest)
    return Decoded(
        job=job,
        sha256=digest,
        words=words,
        pixels=_worker.preparation.apply(picture),
        width=width,
        height=height,
        phash=difference_hash(small),
        bytes_read=len(data),
        thumbnail=b"" if _worker.thumbnails else shown.getvalue(),
    )


def _read(path: Path, job: Job) -> bytes:
    if job.size > MAX_BYTES:
        raise PictureUnreadable(
            name=path.name,
            reason=_(
                "it has {size:,.0f} MB; at most {most:,.0f} MB are read", size=job.size / 1e6, most=MAX_BYTES / 1e6
            ),
        )
    if job.size == 0:
        raise PictureUnreadable(name=path.name, reason=_("it is empty"))
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
        after = os.fstat(file.fileno())
    if (after.st_size, bounded(after.st_mtime_ns)) != (job.size, job.mtime_ns) or len(data) != job.size:
        raise PictureUnreadable(name=path.name, reason=_("it changed while it was being read; index again"))
    return data


def _upright_size(data: bytes) -> tuple[int, int]:
    """Width and height as seen, from the header; (0, 0) where only decoding tells (SVG)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with open_picture(io.BytesIO(data)) as image:
                turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
                return (image.height, image.width) if turned else image.size
        except PILLOW_ERRORS:
            return 0, 0


def _known(worker: Worker, digest: str) -> bool:
    """Whether the catalogue has the content, and its thumbnail is there."""
    if worker.catalogue is None or worker.thumbnails is None or not thumbnail_path(worker.thumbnails, digest).is_file():
        return False
    if worker.connection is None:
        worker.connection = sqlite3.connect(f"{worker.catalogue.absolute().as_uri()}?mode=ro", uri=True, timeout=30)
    return (
        worker.connection.execute("SELECT 1 FROM pictures WHERE id = ?", (picture_id(digest),)).fetchone() is not None
    )


def picture_id(digest: str) -> str:
    """The gallery's id of a picture: the first 20 of its content's hash's 64 digits."""
    return digest[:20]


def thumbnail_path(folder: Path, digest: str) -> Path:
    return folder / digest[:2] / f"{picture_id(digest)}.webp"


@functools.lru_cache(maxsize=20_000)
def thumbnail_colours(path: Path) -> NDArray[np.float32]:
    """8 x 8 colours of a thumbnail, (64, 3); not numbers where there is none. What a difference hash leaves out."""
    try:
        with Image.open(path) as thumbnail:
            small = thumbnail.convert("RGB").resize((8, 8), Image.Resampling.BOX)
    except PILLOW_ERRORS:
        return np.full((64, 3), np.nan, dtype=np.float32)
    return np.asarray(small, dtype=np.float32).reshape(64, 3)


def save_thumbnail(shown: bytes, folder: Path, digest: str) -> None:
    """Writes a thumbnail, whole or not at all."""
    path = thumbnail_path(folder, digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_bytes(shown)
    part.replace(path)


def difference_hash(picture: Image.Image) -> int:
    """64 bits, signed: whether each of 8 x 8 places is brighter than its right neighbour (Krawetz 2013, "dHash").

    Near-identical pictures differ in few bits; SQLite keeps signed numbers.
    """
    grey = np.asarray(picture.convert("L").resize((9, 8), Image.Resampling.BILINEAR), dtype=np.int16)
    bits = (grey[:, :-1] > grey[:, 1:]).flatten()
    return int.from_bytes(np.packbits(bits).tobytes(), "big", signed=True)
