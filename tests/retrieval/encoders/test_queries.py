"""Searches that come at once: what waits is encoded together, the last queries are remembered."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from retrieval.encoders import Vectors, queries
from retrieval.encoders.queries import for_queries
from tests.retrieval.helpers import ColourEncoder


class Slow(ColourEncoder):
    """Notes each batch; the first waits until it is let go, so that others come meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[str]] = []
        self.let_go = threading.Event()
        self.fails_at = ""

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        self.batches.append(sorted(texts))
        if len(self.batches) == 1:
            assert self.let_go.wait(20)
        if self.fails_at in texts:
            raise RuntimeError("no memory")
        return super().encode_texts(texts)


COLOURS = ("red", "green", "blue", "yellow", "grey")


def wait_for(count: int, encoder: object) -> None:
    for _ in range(2_000):
        if len(encoder._waiting) == count:  # type: ignore[attr-defined]
            return
        threading.Event().wait(0.005)
    raise AssertionError("the searches do not wait")


def test_what_waits_is_encoded_in_one_batch_and_each_gets_its_own() -> None:
    slow = Slow()
    encoder = for_queries(slow)
    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(encoder.encode_texts, ["red"])
        wait_for(0, encoder) if slow.batches else threading.Event().wait(0.2)
        rest = [pool.submit(encoder.encode_texts, [colour, "red blue"]) for colour in COLOURS[1:]]
        wait_for(4, encoder)
        slow.let_go.set()
        found = [first.result(), *(one.result() for one in rest)]
    assert slow.batches == [["red"], sorted((*COLOURS[1:], "red blue"))]
    plain = ColourEncoder()
    assert np.array_equal(found[0], plain.encode_texts(["red"]))
    for colour, rows in zip(COLOURS[1:], found[1:], strict=True):
        assert np.array_equal(rows, plain.encode_texts([colour, "red blue"]))


def test_a_failure_leaves_the_others_their_turn() -> None:
    slow = Slow()
    slow.fails_at = "red"
    encoder = for_queries(slow)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(encoder.encode_texts, ["red"])
        threading.Event().wait(0.2)
        other = pool.submit(encoder.encode_texts, ["blue"])
        wait_for(1, encoder)
        slow.let_go.set()
        with pytest.raises(RuntimeError):
            first.result()
        assert other.result().shape == (1, slow.dim)
    with pytest.raises(RuntimeError):
        encoder.encode_texts(["red"])


def test_the_last_queries_are_remembered_and_the_oldest_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "REMEMBERED", 2)
    slow = Slow()
    slow.let_go.set()
    encoder = for_queries(slow)
    for colour in ("red", "blue", "red", "green", "red", "blue"):
        encoder.encode_texts([colour, colour])
    assert slow.batches == [["red"], ["blue"], ["green"], ["blue"]]


def test_everything_else_is_the_encoders_own() -> None:
    encoder = for_queries(ColourEncoder())
    assert (encoder.name, encoder.dim, encoder.identity["name"]) == ("colours", 48, "colours")
    assert encoder.encode_texts([]).shape == (0, 48)
