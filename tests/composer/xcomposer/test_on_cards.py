"""The program on cards that exist in shape only: memory against the plan, and what a decoding step asks for.

All widths are the published ones, with few layers: the rest of `python -m benchmarks.xcomposer_memory`.
"""

import argparse

import pytest

from benchmarks import xcomposer_compose, xcomposer_memory
from benchmarks.xcomposer_common import random_model
from composer.models.base import Sampling
from composer.models.xcomposer.adapter import XComposerModel
from composer.models.xcomposer.decoding.generation import GenerationOptions, generate_steps
from tests.composer.xcomposer.fake_cards import fake_cards

GB = 10**9
LAYERS = 4


def model_of(*, num_gpus: int = 1, gptq: bool = False) -> XComposerModel:
    options = argparse.Namespace(size="7b", dtype="float16", gptq=gptq, compile=False)
    return random_model(
        options, num_gpus=num_gpus, num_hidden_layers=LAYERS, tiny_overrides={"vision": {"depth": LAYERS}}
    )


@pytest.mark.parametrize(
    ("cards", "memory", "gptq", "rows"),
    [(1, 24.0, False, 5), (1, 4.8, False, 1), (2, 24.0, False, 5), (1, 24.0, True, 5)],
    ids=["one card", "one beam on a small card", "two cards", "4 bits"],
)
def test_the_program_takes_what_is_planned(
    monkeypatch: pytest.MonkeyPatch, cards: int, memory: float, gptq: bool, rows: int
) -> None:
    monkeypatch.setattr(xcomposer_memory, "WRITTEN", 3)
    monkeypatch.setattr(xcomposer_compose, "CAPTION", Sampling(max_tokens=3))
    with fake_cards(cards, int(memory * GB)) as counted:  # which also refuses tensors that meet on different cards
        model = model_of(num_gpus=cards, gptq=gptq)
        assert model.capabilities.devices == tuple(f"cuda:{number}" for number in range(cards))
        assert model.placement.plan.rows == rows
        shares = xcomposer_memory.compare(model, counted)
    for card in range(cards):
        assert 0.92 <= max(part[card] for part in shares) <= 1.08


def test_a_step_waits_for_its_token_alone_and_launches_little() -> None:
    with fake_cards() as counted:
        model = model_of()
        prompt = model.engine.prompt([[5] * 100])
        steps = generate_steps(model.engine, [prompt], GenerationOptions(max_new_tokens=4, num_beams=1, eos=(-1,)))
        next(steps)
        counted.reset()
        next(steps)
        assert counted.reads == 1
        # 26 a layer: 7 linears, 2 norms, 10 for the angles, 2 stores, attention, 2 for the gate, 2 sums
        assert counted.kernels.total() - 26 * LAYERS < 40
