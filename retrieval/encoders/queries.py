"""Query vectors for many people who search at once: those that wait are encoded together, the last ones are kept.

Sixteen short texts take as long together as four one after the other, and encoders gain nothing from several threads at
once: on two cores twenty threads that each encode their own query stand in each other's way.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from retrieval.encoders.base import Encoder, Vectors

REMEMBERED = 2_000  # queries; 3 MB at 384 numbers a query


def for_queries(encoder: Encoder) -> Encoder:
    """The encoder for searches that come from several threads: `encode_texts` encodes what waits in one batch and
    remembers the last REMEMBERED texts. Everything else is the encoder's own."""
    return cast("Encoder", _QueryEncoder(encoder))


class _Asked:
    """The texts of one search, and their vectors once there are any."""

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts
        self.rows: dict[str, Vectors] | None = None


class _QueryEncoder:
    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._known: OrderedDict[str, Vectors] = OrderedDict()  # the one asked for last at the end
        self._waiting: list[_Asked] = []
        self._state = threading.Lock()  # held for moments: what is known and who waits
        self._encoding = threading.Lock()  # held while a batch is encoded

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return self._encoder.encode_texts(texts)
        rows = self._remembered(texts)
        if missing := [text for text in dict.fromkeys(texts) if text not in rows]:
            rows |= self._encoded(_Asked(missing))
        return np.stack([rows[text] for text in texts])

    def _encoded(self, asked: _Asked) -> dict[str, Vectors]:
        with self._state:
            self._waiting.append(asked)
        with self._encoding:
            if asked.rows is None:  # else whoever encoded before has done it too
                self._encode_all(asked)
        assert asked.rows is not None
        return asked.rows

    def _encode_all(self, asked: _Asked) -> None:
        """Encodes what this search asks and what all that wait ask. Where that fails, the others try for themselves."""
        with self._state:
            together = {asked, *self._waiting}
            self._waiting = []
        texts = list(dict.fromkeys(text for one in together for text in one.texts))
        rows = dict(zip(texts, self._encoder.encode_texts(texts), strict=True))
        for one in together:
            one.rows = {text: rows[text] for text in one.texts}
        with self._state:
            self._known.update(rows)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)

    def _remembered(self, texts: Sequence[str]) -> dict[str, Vectors]:
        with self._state:
            for text in texts:
                if text in self._known:
                    self._known.move_to_end(text)
            return {text: self._known[text] for text in texts if text in self._known}
