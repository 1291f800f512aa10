"""Pictures and an encoder for logic tests of the gallery. The encoder knows colours and needs no weights."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from retrieval.encoders.base import Preparation, Vectors, unit

COLOURS = {
    "red": (220, 30, 30),
    "green": (30, 200, 40),
    "blue": (30, 40, 220),
    "yellow": (230, 220, 30),
    "grey": (128, 128, 128),
}


class ColourEncoder:
    """A picture's vector is its colours at 4 x 4 places around grey; a text's the colours it names."""

    name = "colours"
    dim = 48
    query_languages: tuple[str, ...] = ("en",)
    words_first = False
    preparation = Preparation(side=32)
    batch = 8

    def __init__(self, weights: str = "one") -> None:
        self.weights = weights
        self.encoded = 0  # pictures seen, to count work

    @property
    def identity(self) -> dict[str, str]:
        return {"name": self.name, "weights": self.weights, "preprocessing": "32", "dim": str(self.dim)}

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        rows = []
        for text in texts:
            named = [COLOURS[word] for word in text.lower().split() if word in COLOURS] or [(127, 127, 127)]
            rows.append(np.tile(np.mean(named, axis=0), 16))
        return unit(np.array(rows, dtype=np.float32).reshape(-1, self.dim) - 127.5)

    def encode_prepared(self, pixels: NDArray[np.uint8]) -> Vectors:
        self.encoded += len(pixels)
        cells = pixels.reshape(-1, 4, 8, 4, 8, 3).mean(axis=(2, 4))  # (B, 4, 4, 3)
        return unit(cells.reshape(len(pixels), self.dim).astype(np.float32) - 127.5)


def paint(path: Path, colour: str = "red", size: tuple[int, int] = (64, 48), mark: str = "", **options: object) -> Path:
    """A picture of one colour with a pattern that is different for every `mark` (default: the file's name)."""
    image = Image.new("RGB", size, COLOURS[colour])
    draw = ImageDraw.Draw(image)
    digest = hashlib.sha256(os.fsencode(mark or path.name)).digest()
    width, height = size
    for i, byte in enumerate(digest[:24]):
        x, y = byte % 8 * width // 8, byte // 32 * height // 8
        if i % 3 == 0:
            draw.rectangle((x, y, x + width // 10, y + height // 10), fill=(byte, 255 - byte, 128))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)  # type: ignore[arg-type]  # Pillow's own options
    return path
