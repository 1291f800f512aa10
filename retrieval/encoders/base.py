"""What every encoder is, and what encoders share: preparation of pictures, unit vectors, threads, hashes of files."""

import contextlib
import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image


Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Preparation:
    """How a picture becomes a square of pixels for an encoder. Needs no torch, so that worker processes can do it."""

    side: int  # pixels
    crop: float = 1.0  # the part of the shorter side that the centre crop keeps
    fit: Literal["crop", "squash", "pad"] = "crop"  # cut the centre out, distort, or add borders
    bicubic: bool = True  # else bilinear
    fill: int = 0  # grey of the borders

    def apply(self, picture: "Image.Image") -> NDArray[np.uint8]:
        """(side, side, 3) from an upright RGB picture."""
        from PIL import Image

        kind = Image.Resampling.BICUBIC if self.bicubic else Image.Resampling.BILINEAR
        width, height = picture.size
        if self.fit == "squash":
            return np.asarray(picture.resize((self.side, self.side), kind))
        if self.fit == "pad":
            scale = self.side / max(width, height)
            small = picture.resize((max(1, round(width * scale)), max(1, round(height * scale))), kind)
            square = Image.new("RGB", (self.side, self.side), (self.fill,) * 3)
            square.paste(small, ((self.side - small.width) // 2, (self.side - small.height) // 2))
            return np.asarray(square)
        edge = min(width, height) * self.crop
        left, top = (width - edge) / 2, (height - edge) / 2
        return np.asarray(picture.resize((self.side, self.side), kind, box=(left, top, left + edge, top + edge)))


@runtime_checkable
class Encoder(Protocol):
    """Turns words and pictures into vectors of the same space. Calls may come from several threads."""

    name: str
    dim: int
    query_languages: tuple[str, ...]
    words_first: bool  # a picture that has words is placed by its words; its pixels count only where it has none
    preparation: Preparation
    batch: int  # how many pictures at once are fastest

    @property
    def identity(self) -> dict[str, str]:
        """What a gallery remembers to refuse another encoder: name, weights (sha256), preprocessing, dim."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """float32 (len(texts), dim), rows of length 1. An empty list gives (0, dim)."""
        ...

    def encode_prepared(self, pixels: NDArray[np.uint8]) -> Vectors:
        """float32 (B, dim), rows of length 1, from what `preparation` made: (B, side, side, 3).

        Raises EncoderUnavailable where the encoder reads no pictures.
        """
        ...


def encoding_together(encoder: Encoder, texts: Sequence[str]) -> Encoder:
    """The encoder with these texts encoded in one batch; others are encoded when they are asked for, each once. For
    many searches at once: sixteen short texts take as long together as four one after the other."""
    return cast("Encoder", _EncodingTogether(encoder, list(dict.fromkeys(texts))))


class _EncodingTogether:
    def __init__(self, encoder: Encoder, texts: Sequence[str]) -> None:
        self._encoder = encoder
        self._known: dict[str, Vectors] = {}
        self._remember(texts)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        self._remember([text for text in dict.fromkeys(texts) if text not in self._known])
        return np.stack([self._known[text] for text in texts]) if texts else self._encoder.encode_texts([])

    def _remember(self, texts: Sequence[str]) -> None:
        if texts:
            self._known.update(zip(texts, self._encoder.encode_texts(texts), strict=True))


def encode_pictures(encoder: Encoder, pictures: "Sequence[Image.Image]") -> Vectors:
    """float32 (len(pictures), dim), rows of length 1, from upright RGB pictures."""
    if not pictures:
        return np.zeros((0, encoder.dim), dtype=np.float32)
    return encoder.encode_prepared(np.stack([encoder.preparation.apply(picture) for picture in pictures]))


def unit(vectors: Vectors) -> Vectors:
    """The rows scaled to length 1; rows of zeros stay zeros."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: Vectors = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
    return scaled


def file_sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Runs torch's operators of this thread with `count` threads.

    Small batches gain little from a second thread, and while a language model keeps the cores busy they lose
    everything: the threads spin at barriers (1,658 short texts: 2.5 s with one thread, 30 s with two).
    """
    import torch

    with _threads.lock:
        if _threads.users == 0:
            _threads.usual = torch.get_num_threads()
        _threads.users += 1
    torch.set_num_threads(count)
    try:
        yield
    finally:
        with _threads.lock:
            _threads.users -= 1
            torch.set_num_threads(_threads.usual)


class _Threads:
    """torch's setting is half global, half a thread's own: the usual number is remembered while anyone is inside."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.usual = 1


_threads = _Threads()


def free_cores() -> int:
    """How many cores nobody else is using now, at least one."""
    cores = os.cpu_count() or 1
    try:
        load = os.getloadavg()[0]
    except (AttributeError, OSError):  # not on Windows
        load = 0.0
    return max(1, cores - round(load))
