"""Steps of fixed shape against plain ones. Here they run uncaptured; capturing them needs a CUDA card."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from composer.models.xcomposer.decoding import graphs
from composer.models.xcomposer.decoding.engine import Engine, Prompt
from composer.models.xcomposer.decoding.generation import GenerationOptions, generate, generate_steps
from composer.models.xcomposer.decoding.graphs import GraphSteps
from composer.models.xcomposer.model import XComposer


@pytest.fixture
def engine(tiny_folder: Path) -> Iterator[Engine]:
    engine = XComposer.from_folder(tiny_folder, num_gpus=0).engine
    yield engine
    engine.fast = None


def prompts(engine: Engine, *lengths: int) -> list[Prompt]:
    random = torch.Generator().manual_seed(5)
    return [engine.prompt([torch.randint(5, 300, (n,), generator=random).tolist()]) for n in lengths]


def choice(beams: int = 1, room: int = 12) -> GenerationOptions:
    return GenerationOptions(max_new_tokens=room, num_beams=beams, repetition_penalty=1.3)


@pytest.mark.parametrize("beams", [1, 4])
@pytest.mark.parametrize("lengths", [(20,), (7, 30, 18)])
def test_fixed_steps_choose_the_same_tokens(engine: Engine, beams: int, lengths: tuple[int, ...]) -> None:
    asked = prompts(engine, *lengths)
    plain = generate(engine, asked, choice(beams))
    fast = engine.fast = GraphSteps(engine)
    assert generate(engine, asked, choice(beams)) == plain
    slot = fast._slot
    assert slot is not None
    assert generate(engine, asked, choice(beams)) == plain
    assert fast._slot is slot  # the second answer of that size finds the step captured


def test_a_shared_beginning_goes_into_the_fixed_cache(engine: Engine) -> None:
    (whole,) = prompts(engine, 40)
    plain = generate(engine, [whole], choice())
    engine.fast = GraphSteps(engine)
    held = engine.compute_prefix(whole.cut(0, 33))
    assert generate(engine, [whole], choice(), prefix=held) == plain


def test_two_answers_at_once(engine: Engine) -> None:
    asked = prompts(engine, 20, 11)
    plain = [generate(engine, [prompt], choice())[0] for prompt in asked]
    engine.fast = GraphSteps(engine)
    first, second = (generate_steps(engine, [prompt], choice()) for prompt in asked)
    pairs = list(zip(first, second, strict=True))
    assert [pairs[-1][0][1][0], pairs[-1][1][1][0]] == plain
    # both have given their cache back
    assert engine.fast.cache(1, 10) is not None


def test_an_answer_that_fails_or_is_left_gives_the_cache_back(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = engine.fast = GraphSteps(engine)
    (prompt,) = prompts(engine, 10)
    left = generate_steps(engine, [prompt], choice())
    next(left)
    next(left)
    assert fast._busy
    left.close()  # type: ignore[attr-defined]  # a generator
    assert not fast._busy

    def broken(*args: object) -> None:
        raise torch.OutOfMemoryError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(engine, "_mask", broken)
        with pytest.raises(torch.OutOfMemoryError):
            generate(engine, [prompt], choice())
    assert not fast._busy


def test_the_step_is_one_graph_for_the_compiler_at_any_width(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [prompts(engine, count) for count in (10, 20, 30)]
    plain = [generate(engine, prompt, choice(room=4)) for prompt in asked]
    compile_ = torch.compile
    seen: list[dict[str, object]] = []

    def eager(function: object, **options: object) -> object:
        seen.append(options)
        return compile_(function, backend="eager", **options)  # type: ignore[call-overload]  # options pass through

    monkeypatch.setattr(torch, "compile", eager)
    monkeypatch.setattr(graphs, "BUCKET", 4)
    engine.fast = GraphSteps(engine, compiled=True)
    with torch._dynamo.config.patch(recompile_limit=1):  # by default the ninth width would be refused
        assert [generate(engine, prompt, choice(room=4)) for prompt in asked] == plain
    assert seen == [{"fullgraph": True, "dynamic": False}] * 3


def test_a_beginning_that_is_held_takes_the_place_of_the_last_answers_cache(engine: Engine) -> None:
    (prompt,) = prompts(engine, 20)
    fast = engine.fast = GraphSteps(engine)
    generate(engine, [prompt], choice())
    assert fast._slot is not None
    engine.compute_prefix(prompt)
    assert fast._slot is None  # the plan counts one of them
    going_on = generate_steps(engine, [prompt], choice())
    next(going_on)
    engine.compute_prefix(prompt)
    assert fast._slot is not None  # an answer has it
    going_on.close()  # type: ignore[attr-defined]  # a generator


@pytest.mark.skipif(not torch.cuda.is_available(), reason="captures a CUDA graph")
def test_captured_steps_choose_the_same_tokens(tiny_folder: Path) -> None:
    engine = XComposer.from_folder(tiny_folder, num_gpus=1, dtype=torch.float32).engine
    asked = prompts(engine, 20)
    fast, engine.fast = engine.fast, None
    plain = [generate(engine, asked, choice(beams)) for beams in (1, 4)]
    engine.fast = fast
    assert isinstance(fast, GraphSteps)
    assert [generate(engine, asked, choice(beams)) for beams in (1, 4)] == plain
