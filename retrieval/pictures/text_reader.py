"""The text in a picture, read by RapidOCR: Chinese and English, printed or on signs.

Its models are in its package. Knows pixels; neither files nor galleries.
"""

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import ImageOps

if TYPE_CHECKING:
    from PIL import Image

TEXT_SIDE = 1600  # pixels a picture is reduced to: text that becomes illegible is rarely meant to be read
MAX_RATIO = 4  # longer strips are padded: the reader enlarges the short side, and a 3000 x 5 picture took it 73 s
MIN_CONFIDENCE = 0.6  # of a line of text, 0..1; lines below it are left out


class TextReader:
    """Reads lines of text. Several threads may use one; they take turns."""

    def __init__(self) -> None:
        """Raises ImportError where RapidOCR, its engine or a library of the system is missing."""
        import onnxruntime  # noqa: F401  # RapidOCR asks for it with the first picture only
        from rapidocr import RapidOCR

        self._engine: Any = RapidOCR(params={"Global.log_level": "error"})  # it warns of every picture without text
        self._lock = threading.Lock()

    def lines(self, image: "Image.Image") -> list[str]:
        """The lines of text in an RGB picture, from top to bottom, those that are hard to read left out."""
        image = image.copy()
        image.thumbnail((TEXT_SIDE, TEXT_SIDE))
        long = max(image.size)
        if min(image.size) * MAX_RATIO < long:
            size = (max(image.width, long // MAX_RATIO), max(image.height, long // MAX_RATIO))
            image = ImageOps.pad(image, size, color="white", centering=(0, 0))
        pixels = np.ascontiguousarray(np.asarray(image)[:, :, ::-1])  # (height, width, BGR), as OpenCV has it
        with self._lock:
            found = self._engine(pixels)
        read = zip(found.txts or (), found.scores or (), strict=True)
        lines = (" ".join(str(text).split()) for text, confidence in read if confidence >= MIN_CONFIDENCE)
        return [line for line in lines if line]
