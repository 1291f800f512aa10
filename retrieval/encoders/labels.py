"""LabelEncoder: pictures placed among words by what a classifier sees in them. Works without any CLIP weights."""

import functools
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from retrieval.encoders.base import Encoder, Vectors, encode_pictures, unit
from retrieval.encoders.classifier import LABEL_PREPARATION, WEIGHTS_SHA256, ImageLabeller, shared_labeller
from retrieval.encoders.dictionary import readable
from retrieval.encoders.text import MiniLmEncoder, shared_text_encoder

if TYPE_CHECKING:
    from PIL import Image


class LabelEncoder:
    """Pictures placed among words by the names of what a classifier sees in them ("ConSE").

    A picture's vector is the mean of the class names' text vectors, weighted by the classifier's probabilities of its
    ten best classes (Norouzi et al. 2013, arXiv:1312.5650; they use T = 10). Coarse, but needs no CLIP weights.
    """

    words_first = True
    batch = 4
    TOP = 10

    def __init__(self, text: MiniLmEncoder, labeller: ImageLabeller | None = None) -> None:
        self._text = text
        self._labeller = labeller
        self._class_vectors: Vectors | None = None
        self._lock = threading.Lock()
        self.name = f"{text.name} + picture labels"
        self.spec = "labels"
        self.preparation = LABEL_PREPARATION
        self.dim = text.dim
        self.query_languages = text.query_languages

    @property
    def identity(self) -> dict[str, str]:
        own = self._text.identity
        return {
            **own,
            "name": self.name,
            "weights": f"{own['weights']}+{WEIGHTS_SHA256}",
            "preprocessing": f"{own['preprocessing']}; ConSE, {self.TOP} classes",
        }

    @property
    def labeller(self) -> ImageLabeller:
        with self._lock:
            if self._labeller is None:
                self._labeller = shared_labeller()
            return self._labeller

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        return self._text.encode_texts(texts)

    def encode_prepared(self, pixels: NDArray[np.uint8]) -> Vectors:
        return self.encode_probabilities(self.labeller.probabilities(pixels))

    def encode_labelled(self, pixels: NDArray[np.uint8]) -> tuple[Vectors, list[str]]:
        probabilities = self.labeller.probabilities(pixels)
        return self.encode_probabilities(probabilities), [self._spoken(row) for row in probabilities]

    def _spoken(self, row: Vectors) -> str:
        """The likely classes of one picture as a caption: "tabby, Egyptian cat"."""
        best = [int(i) for i in np.argsort(-row)[:3]]
        likely = [i for i in best if row[i] >= max(0.1, 0.3 * row[best[0]])] or best[:1]
        return ", ".join(self.labeller.names[i].split(",")[0] for i in likely)

    def encode_probabilities(self, probabilities: Vectors) -> Vectors:
        """Vectors (B, dim) for the classifier's probabilities (B, classes)."""
        names = self.labeller.names
        with self._lock:
            if self._class_vectors is None:
                self._class_vectors = self._text.encode_texts(names)  # (classes, dim)
        kept = np.zeros_like(probabilities)
        best = np.argsort(-probabilities, axis=1)[:, : self.TOP]
        np.put_along_axis(kept, best, np.take_along_axis(probabilities, best, axis=1), axis=1)
        return unit(kept @ self._class_vectors)


@functools.cache
def shared_label_encoder() -> LabelEncoder:
    """The one label encoder of this process; its classifier loads when the first picture without words comes."""
    return LabelEncoder(shared_text_encoder())


def encode_caption(encoder: Encoder, caption: str, picture: "Callable[[], Image.Image]") -> Vectors:
    """The vector (1, dim) of a picture for an encoder that puts words first: its caption's, or its pixels' where the
    encoder can read nothing of the caption."""
    text = readable(caption, encoder.query_languages)
    return encoder.encode_texts([text]) if text else encode_pictures(encoder, [picture()])
