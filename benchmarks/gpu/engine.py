"""The engine for models of transformers against its bounds: a Qwen3-VL with random weights, through the protocol."""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.gpu.figures import Figure, Session

# the language model of Qwen3-VL-2B but for its vocabulary: made, written and loaded in less than a minute
LARGE: dict[str, Any] = {
    "hidden_size": 2048,
    "intermediate_size": 6144,
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
}


def engine(session: Session) -> Iterator[Figure]:
    """`stream` against `generate`, `score` against one reading, a shared prefix, captions as one batch, several people
    at the same time, memory."""
    session.release()
    from benchmarks.models import transformers_vlm
    from tests.composer.models.tiny_vlm import make

    options = argparse.Namespace(num_gpus=1 if session.on_gpu else 0, threads=None, rounds=3 if session.real else 1)
    with tempfile.TemporaryDirectory() as place:
        folder = make("qwen3_vl", Path(place) / "qwen3-vl", **LARGE if session.real else {})
        for name, values in transformers_vlm.measure(folder, options):
            yield from figures(session, name, values)


def figures(session: Session, name: str, values: dict[str, float]) -> Iterator[Figure]:
    """Those of one group of the benchmark's values."""
    wanted = session.wanted
    if name == "decode":
        yield Figure("tokens a second, prompt included", values["stream tok/s"])
        yield Figure("times the bare generate", values["ratio"], "×", at_least=wanted(0.97))
    elif name == "captions":
        yield Figure("eight captions as one reply, times eight calls", values["ratio"], "×", at_least=wanted(3.0))
    elif name == "people":
        yield Figure("eight people's answers as one batch, times one by one", values["ratio"], "×")
        yield Figure("eight people's choices read together, times one by one", values["ratio of choices"], "×")
    elif name == "score":
        yield Figure("score of four letters, of one reading", values["ratio"], "×", at_most=wanted(1.15))
    elif name == "prefix":
        yield Figure("ten questions with a shared beginning, of without", values["ratio"], at_most=wanted(0.3))
    elif name == "memory":
        yield Figure("memory, of the plan", values["used GiB"] / values["planned GiB"], at_most=wanted(1.08))
