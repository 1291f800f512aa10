"""The choice of tokens: cuts that agree with transformers, options, and what beam search promises while it runs."""

from pathlib import Path
from typing import Any

import pytest
import torch

from composer.models.xcomposer.checkpoint.config import XComposerConfig
from composer.models.xcomposer.decoding import cache
from composer.models.xcomposer.decoding.engine import Engine, Prompt, common_length
from composer.models.xcomposer.decoding.generation import (
    GenerationOptions,
    _FinishedBeams,
    _LogitsRules,
    _next_beams,
    generate,
    generate_steps,
)
from composer.models.xcomposer.model import XComposer


@pytest.fixture(scope="module")
def engine(tiny_folder: Path) -> Engine:
    return XComposer.from_folder(tiny_folder, num_gpus=0).engine


def prompt(engine: Engine, count: int = 12) -> Prompt:
    return engine.prompt([list(range(20, 20 + count))])


@pytest.mark.parametrize(
    ("top_k", "top_p", "temperature"), [(5, 1.0, 1.0), (50, 0.7, 0.8), (0, 0.5, 1.3), (3, 0.01, 1.0)]
)
def test_sampling_draws_from_the_distribution_that_transformers_cuts(
    top_k: int, top_p: float, temperature: float
) -> None:
    from transformers.generation import logits_process as p

    scores = torch.randn(1, 40, generator=torch.Generator().manual_seed(2)) * 2
    cut = p.TemperatureLogitsWarper(temperature)(None, scores)
    cut = p.TopKLogitsWarper(top_k)(None, cut) if top_k else cut
    expected = p.TopPLogitsWarper(top_p)(None, cut).softmax(-1)[0] if top_p < 1 else cut.softmax(-1)[0]
    choice = GenerationOptions(num_beams=1, do_sample=True, top_k=top_k, top_p=top_p, temperature=temperature, seed=4)
    drawn = _LogitsRules(choice, torch.device("cpu")).sample(scores.expand(20_000, -1))
    found = torch.bincount(drawn, minlength=40) / 20_000
    assert not found[expected == 0].any()
    assert float((found - expected).abs().max()) < 0.02


def test_streamed_beams_never_take_back_what_was_sure(engine: Engine) -> None:
    choice = GenerationOptions(max_new_tokens=30, num_beams=5, repetition_penalty=1.4, eos=(30, 2))
    values = list(generate_steps(engine, [prompt(engine)], choice))
    best = values[-1][1][0]
    sure = [value[0] for value, _ in values[:-1] if value is not None]
    assert any(sure)
    for ids in sure:
        assert best[: len(ids)] == ids
    assert [len(ids) for ids in sure] == sorted(len(ids) for ids in sure)


def test_beams_find_what_greedy_misses(engine: Engine) -> None:
    def likelihood(ids: list[int]) -> float:
        whole = prompt(engine).extended(ids[:-1])
        logits = engine.prefill([whole], room=0, last=len(ids)).logits[0].log_softmax(-1)
        return float(sum(logits[i, token] for i, token in enumerate(ids)))

    greedy, beams = (
        generate(engine, [prompt(engine)], GenerationOptions(max_new_tokens=8, num_beams=n, repetition_penalty=1.0))[0]
        for n in (1, 8)
    )
    assert likelihood(beams) > likelihood(greedy)


def test_length_options_and_stop_words(engine: Engine, tiny_folder: Path) -> None:
    config = XComposerConfig.read(tiny_folder)
    greedy = {"num_beams": 1, "repetition_penalty": 1.3}

    def answer(**options: object) -> list[int]:
        return generate(engine, [prompt(engine)], GenerationOptions.from_options(config, None, **greedy, **options))[0]

    whole = answer(max_new_tokens=10)
    assert len(whole) == 10
    assert answer(max_length=6) == whole[:5]  # the BOS at the beginning counts
    stop = whole[3]
    assert answer(max_new_tokens=10, stop_words_ids=[stop]) == whole[: whole.index(stop) + 1]
    assert answer(max_new_tokens=10, eos_token_id=stop)[-1] == stop
    assert len(answer(max_new_tokens=10, eos_token_id=stop, min_length=9)) > whole.index(stop) + 1


@pytest.mark.parametrize("options", [{"num_beams": 0}, {"max_new_tokens": 0}, {"repetition_penalty": 0.0}])
def test_bad_options(engine: Engine, tiny_folder: Path, options: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        GenerationOptions.from_options(XComposerConfig.read(tiny_folder), None, **options)
    with pytest.raises(TypeError, match="no_such_option"):
        GenerationOptions.from_options(XComposerConfig.read(tiny_folder), None, no_such_option=1)


def test_prompts_are_cut_and_compared_by_what_they_hold(engine: Engine) -> None:
    vectors = torch.randn(6, 32)
    one = engine.prompt([[1, 2, 3], vectors, [4, 5]])
    two = engine.prompt([[1, 2, 3], vectors, [4, 6]])
    three = engine.prompt([[1, 2, 3], vectors.clone(), [4, 5]])
    assert len(one) == 11
    assert common_length(one.keys, two.keys) == 10
    assert common_length(one.keys, three.keys) == 3  # another picture
    middle = one.cut(2, 10)
    assert torch.equal(engine.embed(middle), engine.embed(one)[2:10])
    assert len(one.extended([7, 8])) == 13


@pytest.mark.parametrize("kernel", ["MATH", "FLASH_ATTENTION"])
def test_padding_changes_nothing(engine: Engine, kernel: str) -> None:
    from torch.nn.attention import SDPBackend, sdpa_kernel

    short, long = prompt(engine, 5), prompt(engine, 25).cut(3)
    with sdpa_kernel(getattr(SDPBackend, kernel)):  # some kernels make NaN of a row that looks at nothing
        alone = engine.prefill([short], room=0).logits
        together = engine.prefill([short, long], room=0)
    assert torch.allclose(alone[0], together.logits[0], atol=1e-4)
    assert all(bool(b.isfinite().all()) for held in together.cache._layers if held for b in held)
    seen = torch.tensor([[False, False, True], [True, True, True]])
    mask = engine._mask(seen, 1)  # [2, 1, 2, 3]
    assert bool(mask.any(-1).all())
    assert mask[0, 0].tolist() == [[False, True, False], [False, False, True]]
    assert mask[1, 0].tolist() == [[True, True, False], [True, True, True]]


def test_an_end_counts_only_among_the_best_beams() -> None:
    choice = GenerationOptions(num_beams=2, eos=(9,))
    finished = _FinishedBeams(choice)
    live = [[5], [6]]
    # flat indices of a vocabulary of 10, best first: 3 and 4 go on beam 0; the end comes third, behind both beams
    kept = _next_beams(0, finished, live, [-1.0, -2.0, -2.5], [3, 4, 19], 10, choice, 2)
    assert [(row, token) for row, token, _ in kept] == [(0, 3), (0, 4)]
    assert finished.kept == []
    kept = _next_beams(0, finished, live, [-1.0, -2.0, -2.5, -3.0], [3, 19, 9, 14], 10, choice, 2)
    assert [(row, token) for row, token, _ in kept] == [(0, 3), (1, 4)]
    assert finished.kept == [(-1.0, [6, 9])]  # -2 over two tokens; the end in third place was passed over


@pytest.mark.parametrize(("counts", "beams"), [((12,), 5), ((9, 14, 11), 3), ((7, 7), 2)])
def test_beams_begin_in_the_buffers_they_go_on_in(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, counts: tuple[int, ...], beams: int
) -> None:
    prompts = [prompt(engine, count) for count in counts]
    made: list[int] = []
    build = cache.KeyValues.__init__

    def counted(self: cache.KeyValues, layers: int, rows: int, capacity: int, **options: Any) -> None:
        if options.get("base") is None:
            made.append(rows)
        build(self, layers, rows, capacity, **options)

    monkeypatch.setattr(cache.KeyValues, "__init__", counted)
    state = engine.prefill(prompts, room=4, repeats=beams)
    assert made == [len(counts) * beams]  # keys and values of a prompt are not held twice, as the plan says
    for layer in state.cache._layers:
        assert layer is not None
        for buffer in layer:
            rows = buffer[:, :, : state.cache.length].unflatten(0, (len(counts), beams))
            assert torch.equal(rows, rows[:, :1].expand_as(rows))
            assert len({float(row.double().sum()) for row in rows[:, 0]}) == len(set(counts))


def test_beams_exchange_only_what_differs() -> None:
    random = torch.Generator().manual_seed(3)
    rows = torch.randn(1, 2, 6, 4, generator=random).repeat(3, 1, 1, 1)
    rows[:, :, 4:] = torch.randn(3, 2, 2, 4, generator=random)  # alike before slot 4
    order = torch.tensor([2, 2, 0])
    caches = [cache.KeyValues(1, 3, 8) for _ in range(2)]
    for each, start in zip(caches, (0, 4), strict=True):
        each.update(rows, -rows, 0)
        each.advance(6)
        each.reorder(order, start)
        keys, values = each.update(torch.zeros(3, 2, 0, 4), torch.zeros(3, 2, 0, 4), 0)
        assert torch.equal(keys, rows[order])
        assert torch.equal(values, -rows[order])


def test_options_are_scored_apart_and_leave_a_held_beginning_as_it_was(engine: Engine) -> None:
    asked = prompt(engine, 40)
    options = [[31, 32, 33], [31, 32, 34], [31], [50, 51, 52, 53], [31, 60]]

    def alone(ids: list[int]) -> float:
        logits = engine.prefill([asked.extended(ids[:-1])], room=0, last=len(ids)).logits[0].log_softmax(-1)
        return float(sum(logits[i, token] for i, token in enumerate(ids)))

    expected = pytest.approx([alone(ids) for ids in options], abs=1e-4)
    assert engine.score(asked, options) == expected
    held = engine.compute_prefix(asked.cut(0, 30))
    before = engine.reused
    for _ in range(2):  # behind the held row, which the first time must not change
        assert engine.score(asked, options, held) == expected
    assert engine.reused - before == 60
    assert engine.score(asked.cut(0, 20).extended([7] * 20), options, held) == pytest.approx(
        engine.score(asked.cut(0, 20).extended([7] * 20), options), abs=1e-4
    )
    batch = [asked.extended([21] * 20 + [n]) for n in (1, 2)]  # 20 more in common: read behind the held row, too
    together = engine.prefill(batch, room=0, prefix=held).logits
    assert torch.allclose(together, engine.prefill(batch, room=0).logits, atol=1e-4)
    assert engine.score(asked, options, held) == expected


def test_whole_numbers_are_numbers_too(engine: Engine) -> None:
    # a slider of the page gives 5, not 5.0
    options = [{"repetition_penalty": kind(5), "temperature": kind(1), "top_p": kind(1)} for kind in (int, float)]
    for beams, draws in ((1, False), (3, False), (1, True), (3, True)):
        whole, broken = (
            generate(
                engine,
                [prompt(engine)],
                GenerationOptions(max_new_tokens=6, num_beams=beams, do_sample=draws, seed=1, **each),
            )
            for each in options
        )
        assert whole == broken
