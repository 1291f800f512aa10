"""Descriptions of pictures for models that cannot see: a classifier's labels, and the text read in the picture.

This does not replace sight: the classifier knows 1,000 classes (ImageNet) and always names some. The wording for the
model says so.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from common.errors import ReadableError
from composer.models.base import Picture
from retrieval.pictures import TextReader

if TYPE_CHECKING:
    from PIL import Image

log = logging.getLogger(__name__)

LABELS = 5  # labels asked of the classifier
MIN_PROBABILITY = 0.15  # of a label that is named; if none has it, the best one is named as a guess
MAX_TEXT = 600  # characters of read text that are kept
_CACHE_SIZE = 64  # descriptions, by the picture's hash

Labels = Callable[["Sequence[Image.Image]", int], list[list[tuple[str, float]]]]
Reader = Callable[["Image.Image"], list[str]]


@dataclass(frozen=True, slots=True)
class Description:
    """What the classifier and the text reader recognised in one picture."""

    labels: tuple[tuple[str, float], ...] = ()  # (English name, probability), likeliest first
    text: str = ""  # lines read in the picture, from top to bottom

    def as_text(self, language: str) -> str:
        """One line for a prompt, in "en" or "zh"."""
        parts = [self._labels_text(language)]
        if self.text:
            parts.append(f"识别到的文字：“{self.text}”" if language == "zh" else f'text read in it: "{self.text}"')
        filled = [part for part in parts if part]
        if language == "zh":
            return ("；".join(filled) or "没有识别出任何内容") + "。"
        return ("; ".join(filled) or "nothing was recognised in it") + "."

    def _labels_text(self, language: str) -> str:
        if not self.labels:
            return ""  # no classifier is installed
        named = [(name, share) for name, share in self.labels if share >= MIN_PROBABILITY]
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
    """Describes pictures; its two models are loaded for the first one. Several threads may use it."""

    def __init__(self, labels: Labels | None = None, reader: Reader | None = None) -> None:
        """labels, reader: other functions than the installed classifier and text reader."""
        self._lock = threading.Lock()
        self._labels, self._reader = labels, reader
        self._cache: dict[str, Description] = {}

    def describe(self, picture: Picture) -> Description:
        """What is recognised in the picture. A recogniser that is not installed is left out, and the log says so."""
        with self._lock:
            known = self._cache.get(picture.sha256)
            if known is not None:
                return known
            self._labels = self._labels or _classifier()
            self._reader = self._reader or _text_reader()
            named = self._labels([picture.image], LABELS)
            description = Description(tuple(named[0]) if named else (), _join_lines(self._reader(picture.image)))
            if len(self._cache) >= _CACHE_SIZE:
                self._cache.pop(next(iter(self._cache)))
            self._cache[picture.sha256] = description
            return description


def _join_lines(lines: Sequence[str]) -> str:
    text = " / ".join(lines).replace('"', "'")  # the text is quoted in the prompt
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def _classifier() -> Labels:
    try:
        from retrieval.encoders import ImageLabeller

        labeller = ImageLabeller()
    except (ReadableError, ImportError) as error:
        log.warning("Pictures are described without a classifier: %s", error)
        return lambda images, top: []
    return lambda images, top: labeller.labels(images, top=top)


def _text_reader() -> Reader:
    try:
        return TextReader().lines
    except ImportError as error:  # raised too where OpenCV lacks a shared library
        log.warning("Text in pictures is not read: %s", error)
        return lambda image: []
