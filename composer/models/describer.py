"""Words for a picture, for models that do not see: what a classifier takes it for, and the text read in it.

Not sight: the classifier knows 1,000 things (ImageNet) and always names some. The wording for the model says so.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import ImageOps

from composer.models.base import Picture
from retrieval.errors import ReadableError

if TYPE_CHECKING:
    from PIL import Image

log = logging.getLogger(__name__)

LABELS = 5  # asked for
LIKELY = 0.15  # a label is named from this probability on; the first one always, as the guess it is
READ_SURELY = 0.6  # confidence of a line of text, 0..1, below which it is left out
MAX_TEXT = 600  # characters of read text that are kept
MAX_SIDE = 1600  # pixels; text smaller than this leaves is rarely meant to be read, and reading takes seconds
MAX_RATIO = 4  # longer strips are padded: the reader enlarges the short side, a 3000 x 5 picture took it 73 s
_KEPT = 64  # descriptions remembered, by the picture's hash

Labels = Callable[["Sequence[Image.Image]", int], list[list[tuple[str, float]]]]
Reader = Callable[["Image.Image"], list[tuple[str, float]]]


@dataclass(frozen=True, slots=True)
class Description:
    """What two programs recognised in one picture."""

    labels: tuple[tuple[str, float], ...] = ()  # (English name, probability), likeliest first
    text: str = ""  # lines read in the picture, from top to bottom

    def as_text(self, language: str) -> str:
        """One line for a prompt, "en" or "zh"."""
        parts = [self._guesses(language)]
        if self.text:
            parts.append(f"识别到的文字：“{self.text}”" if language == "zh" else f'text read in it: "{self.text}"')
        said = [part for part in parts if part]
        if language == "zh":
            return ("；".join(said) or "没有识别出任何内容") + "。"
        return ("; ".join(said) or "nothing was recognised in it") + "."

    def _guesses(self, language: str) -> str:
        if not self.labels:
            return ""  # no classifier is installed
        named = [(name, share) for name, share in self.labels if share >= LIKELY]
        if language == "zh":
            if named:
                return "图像分类器认为画面可能是：" + "、".join(f"{name}（{share:.0%}）" for name, share in named)
            best = "".join(f"（最接近的猜测：{name}，{share:.0%}）" for name, share in self.labels[:1])
            return f"图像分类器认不出画面{best}"
        if named:
            return "an image classifier takes it for: " + ", ".join(f"{name} ({share:.0%})" for name, share in named)
        best = "".join(f" (its best guess: {name}, {share:.0%})" for name, share in self.labels[:1])
        return f"an image classifier does not recognise it{best}"


class PictureDescriber:
    """Describes pictures; its two models load with the first one. Safe from several threads."""

    def __init__(self, labels: Labels | None = None, reader: Reader | None = None) -> None:
        """labels, reader: in place of the packaged classifier and text reader."""
        self._lock = threading.Lock()
        self._labels, self._reader = labels, reader
        self._kept: dict[str, Description] = {}

    def describe(self, picture: Picture) -> Description:
        """What is recognised in the picture. A recogniser that is not installed is left out, with a line in the log."""
        with self._lock:
            known = self._kept.get(picture.sha256)
            if known is not None:
                return known
            self._labels = self._labels or _classifier()
            self._reader = self._reader or _text_reader()
            named = self._labels([picture.image], LABELS)
            description = Description(tuple(named[0]) if named else (), _joined(self._reader(picture.image)))
            if len(self._kept) >= _KEPT:
                self._kept.pop(next(iter(self._kept)))
            self._kept[picture.sha256] = description
            return description


def _joined(lines: Sequence[tuple[str, float]]) -> str:
    text = " / ".join(
        " ".join(line.split()) for line, confidence in lines if confidence >= READ_SURELY and line.strip()
    )
    text = text.replace('"', "'")  # the text is quoted in the prompt
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def _classifier() -> Labels:
    try:
        from retrieval.labels import ImageLabeller

        labeller = ImageLabeller()
    except (ReadableError, ImportError) as error:
        log.warning("Pictures are described without a classifier: %s", error)
        return lambda images, top: []
    return lambda images, top: labeller.labels(images, top=top)


def _text_reader() -> Reader:
    try:
        from rapidocr_onnxruntime import RapidOCR

        engine: Any = RapidOCR()
    except ImportError as error:  # also where a shared library of OpenCV is absent
        log.warning("Text in pictures is not read: %s", error)
        return lambda image: []

    def read(image: "Image.Image") -> list[tuple[str, float]]:
        image = image.copy()
        image.thumbnail((MAX_SIDE, MAX_SIDE))
        long = max(image.size)
        if min(image.size) * MAX_RATIO < long:
            size = (max(image.width, long // MAX_RATIO), max(image.height, long // MAX_RATIO))
            image = ImageOps.pad(image, size, color="white", centering=(0, 0))
        pixels = np.asarray(image)[:, :, ::-1]  # (height, width, BGR), as OpenCV has it
        found, _ = engine(np.ascontiguousarray(pixels))
        return [(str(text), float(confidence)) for _box, text, confidence in found or ()]

    return read
