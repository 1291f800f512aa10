"""Several callers at one model of transformers: each gets what it would get alone, in fewer forward passes."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from composer.errors import ModelFailed
from composer.models import Sampling, assistant, load_model, user
from tests.composer.models.test_transformers_vlm import (
    QUESTION,
    SHARED,
    SMALL,
    TOKENS,
    TURNS,
    WIDE,
    WITH_PICTURE,
    greedy,
    scores,
    text_of,
)
from tests.composer.models.test_transformers_vlm_writing import compiled_by
from tests.composer.models.tiny_vlm import KINDS, make

JOINING = tuple(kind for kind in KINDS if kind not in ("gemma3", "qwen3_5"))
SHORT = Sampling(max_tokens=TOKENS)
LONG = Sampling(max_tokens=40)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The tiny models, several texts of which are one batch, as on a card."""

    class Loaded(dict[str, Any]):
        def __missing__(self, kind: str) -> Any:
            folder = make(kind, tmp_path_factory.mktemp(kind))
            self[kind] = load_model(folder, context_tokens=4096, threads=1, at_once=8)
            return self[kind]

    found = Loaded()
    yield found
    for model in found.values():
        model.close()


class Passes:
    """Counts a network's forward passes, and the rows of each."""

    def __init__(self, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rows: list[int] = []
        forward = model.network._forward

        def counted(ids: Any, *arguments: Any, **named: Any) -> Any:
            self.rows.append(len(ids))
            return forward(ids, *arguments, **named)

        monkeypatch.setattr(model.network, "_forward", counted)

    def taken(self) -> int:
        count = len(self.rows)
        self.rows.clear()
        return count


def at_the_same_time(works: list[Callable[[], Any]]) -> list[Any]:
    """What each gives, or the error that it ends with."""
    found: list[Any] = [None] * len(works)
    ready = threading.Barrier(len(works))

    def run(number: int) -> None:
        ready.wait()
        try:
            found[number] = works[number]()
        except Exception as error:  # noqa: BLE001 - looked at by the test
            found[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return found


def streamed(model: Any, messages: Any, sampling: Sampling = SHORT) -> str:
    return "".join(model.stream(messages, sampling))


@pytest.mark.parametrize("kind", JOINING)
def test_ten_callers_get_their_own_in_fewer_passes(
    models: dict[str, Any], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = models[kind]
    can = model.capabilities
    assert (can.at_once, can.texts_at_once) == (6, 8)
    plain = [user("The bird sings in the garden.")]
    expected: list[Any] = [
        *(text_of(model, greedy(model, each)) for each in (TURNS, [*SHARED, *QUESTION], plain)),
        [text_of(model, greedy(model, each)) for each in ([*SHARED, *WITH_PICTURE], TURNS)],
        *([s[0] for s in scores(model, each, ["A", "B", "C"])] for each in (TURNS, plain, [*SHARED, *WITH_PICTURE])),
        [s[0] for s in scores(model, [*SHARED, *QUESTION], ["Yes", "No"])],
        text_of(model, greedy(model, [*SHARED, *WITH_PICTURE])),
        [text_of(model, greedy(model, [*SHARED, *QUESTION]))],
    ]
    with model.prefix(SHARED) as ask:
        works: list[Callable[[], Any]] = [
            lambda: streamed(model, TURNS),
            lambda: streamed(model, [*SHARED, *QUESTION]),
            lambda: streamed(model, plain),
            lambda: model.reply([[*SHARED, *WITH_PICTURE], TURNS], SHORT),
            lambda: model.score(TURNS, ["A", "B", "C"]),
            lambda: model.score(plain, ["A", "B", "C"]),
            lambda: model.score([*SHARED, *WITH_PICTURE], ["A", "B", "C"]),
            lambda: ask.score(QUESTION, ["Yes", "No"]),
            lambda: streamed(ask, WITH_PICTURE),
            lambda: ask.reply([QUESTION], SHORT),
        ]
        passes = Passes(model, monkeypatch)
        alone = [work() for work in works]
        one_by_one = passes.taken()
        together = at_the_same_time(works)
        assert max(passes.rows) >= 3
        assert passes.taken() < one_by_one * 0.7
    for found in (alone, together):
        for mine, right in zip(found, expected, strict=True):
            number = isinstance(right, list) and isinstance(right[0], float)
            assert mine == (pytest.approx(right, abs=1e-4) if number else right)


def test_choices_that_come_while_one_is_computed_are_read_together(
    models: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = models["smolvlm"]
    asked = [[user(f"Picture {number}: ", WIDE, " Which letter?" * number)] for number in range(6)]
    expected = [[row[0] for row in scores(model, each, ["A", "B", "C"])] for each in asked]
    read, begun, deadline = model.network.read, threading.Event(), time.monotonic() + 5

    def slow(*arguments: Any) -> Any:  # the first one: the others come meanwhile
        begun.set()
        while len(model.batching._waiting) < len(asked) - 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        return read(*arguments)

    def ask(number: int) -> Any:
        if number:
            begun.wait(5)
        return model.score(asked[number], ["A", "B", "C"])

    monkeypatch.setattr(model.network, "read", slow)
    passes = Passes(model, monkeypatch)
    works = [lambda number=number: ask(number) for number in range(len(asked))]
    for found, right in zip(at_the_same_time(works), expected, strict=True):  # type: ignore[arg-type]
        assert found == pytest.approx(right, abs=1e-4)
    assert passes.rows == [1, len(asked) - 1]


@pytest.mark.parametrize("kind", ["gemma3", "qwen3_5"])
def test_a_model_whose_texts_cannot_join_answers_one_at_a_time(models: dict[str, Any], kind: str) -> None:
    model = models[kind]
    can = model.capabilities
    assert (can.at_once, can.texts_at_once) == (1, 1)
    works: list[Callable[[], Any]] = [lambda: streamed(model, TURNS), lambda: streamed(model, [user("The bird.")])]
    assert at_the_same_time(works) == [work() for work in works]


def test_a_text_joins_others_that_are_under_way_and_leaves_them(
    models: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = models["qwen3_vl"]
    monkeypatch.setattr(model, "_ends", frozenset())
    prompts = [TURNS, [*SHARED, *QUESTION], [user("And? ", SMALL)]]
    lengths = [Sampling(max_tokens=40), Sampling(max_tokens=10), Sampling(max_tokens=25)]
    expected = [streamed(model, prompt, sampling) for prompt, sampling in zip(prompts, lengths, strict=True)]
    passes = Passes(model, monkeypatch)
    going = [model.stream(prompt, sampling) for prompt, sampling in zip(prompts, lengths, strict=True)]
    texts = ["", "", ""]
    for turn in range(200):  # each begins later, all in one thread
        for number, each in enumerate(going[: 1 + turn // 3]):
            texts[number] += next(each, "")
    assert texts == expected
    assert set(passes.rows) == {1, 2, 3}
    assert not model.batching._groups


def test_the_same_seed_draws_the_same_words_beside_others(models: dict[str, Any]) -> None:
    model = models["llama"]
    drawn = Sampling(max_tokens=20, temperature=1.0, top_p=0.95, seed=3, repetition_penalty=1.3)
    alone = streamed(model, QUESTION, drawn)
    works: list[Callable[[], Any]] = [
        lambda: streamed(model, QUESTION, drawn),
        lambda: streamed(model, [user("A much longer prompt of the bird in the garden.")], LONG),
        lambda: streamed(model, TURNS, LONG),
    ]
    assert at_the_same_time(works)[0] == alone
    several = model.reply([QUESTION] * 3, drawn)
    assert several[0] == alone
    assert len(set(several)) > 1  # one seed, three drafts


def test_who_stops_stops_nobody_else(models: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    model = models["smolvlm"]
    monkeypatch.setattr(model, "_ends", frozenset())
    expected = streamed(model, TURNS, LONG)
    stop, closed = threading.Event(), model.stream([user("Bee?")], LONG)
    next(closed)
    pieces: list[str] = []

    def stopped() -> str:
        for piece in model.stream(QUESTION, Sampling(max_tokens=400), stop=stop):
            pieces.append(piece)
            if len(pieces) == 3:
                stop.set()
                closed.close()
        return "".join(pieces)

    before = model.usage
    found = at_the_same_time([stopped, lambda: streamed(model, TURNS, LONG)])
    assert found[1] == expected
    assert len(pieces) <= 5
    assert (model.usage - before).generated < 120  # of 400 wanted: two others of 40, and a few
    assert not model.batching._groups
    assert not model.batching._waiting
    held = model.stream(QUESTION, LONG, stop=(gone := threading.Event()))
    next(held)
    gone.set()  # nobody asks for the next piece: the page is gone
    passes = Passes(model, monkeypatch)
    assert streamed(model, TURNS, LONG) == expected
    assert max(passes.rows) == 1
    held.close()


def test_an_error_of_one_is_nobody_elses(models: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    model = models["llava"]
    expected = streamed(model, TURNS)
    read, marked = model.network.read, model.reader.read([user("No!")]).ids

    def broken(prompt: Any, *arguments: Any) -> Any:
        if prompt.ids == marked:
            raise RuntimeError("a cold card")
        return read(prompt, *arguments)

    def together(prompts: Any, known: Any) -> Any:
        raise RuntimeError("a cold card")

    monkeypatch.setattr(model.network, "read", broken)
    monkeypatch.setattr(model.network, "together", together)
    works: list[Callable[[], Any]] = [
        lambda: streamed(model, [user("No!")]),
        lambda: model.score([user("No!")], ["A", "B"]),
        lambda: model.score(TURNS, ["A", "B"]),
        *([lambda: streamed(model, TURNS)] * 3),
    ]
    found = at_the_same_time(works)
    assert [isinstance(each, ModelFailed) for each in found] == [True, True, False, False, False, False]
    assert "a cold card" in str(found[0])
    assert found[3:] == [expected] * 3


def test_where_a_step_of_many_fails_each_goes_on_alone(models: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    model = models["qwen2_5_vl"]
    expected = [streamed(model, each, LONG) for each in (TURNS, QUESTION, [user("Bee?")])]
    layer = model.network.model.model.language_model.layers[1]
    forward, failed = layer.forward, []

    def tired(states: Any, *arguments: Any, **named: Any) -> Any:
        if states.shape[0] > 1 and states.shape[1] == 1:
            failed.append(states.shape[0])  # the first layer's cache holds the token already
            raise RuntimeError("no room")
        return forward(states, *arguments, **named)

    monkeypatch.setattr(layer, "forward", tired)
    asked = (TURNS, QUESTION, [user("Bee?")])
    found = at_the_same_time([lambda each=each: streamed(model, each, LONG) for each in asked])  # type: ignore[misc]
    assert found == expected
    assert failed


def test_who_finds_no_room_waits_until_there_is_some(models: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    model = models["llama"]
    expected = [streamed(model, each, LONG) for each in (TURNS, QUESTION, [user("Bee?")])]
    paused = model.stream([user("The fox.")], LONG)  # nobody takes it any further, and it gives its room away
    next(paused)
    passes = Passes(model, monkeypatch)
    for most, tokens in ((2, model.batching.tokens), (8, 300)):
        monkeypatch.setattr(model.batching, "most", most)
        monkeypatch.setattr(model.batching, "tokens", tokens)
        works = [lambda each=each: streamed(model, each, LONG) for each in (TURNS, QUESTION, [user("Bee?")])]
        assert at_the_same_time(works) == expected  # type: ignore[arg-type]
        assert max(passes.rows) <= (2 if most == 2 else 3)
    assert "".join(paused)


@pytest.mark.parametrize("kind", ["qwen3_vl", "llama"])
def test_a_text_in_compiled_steps_lets_others_join(
    models: dict[str, Any], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One text alone decodes in a static cache, as on a card; here its steps are not compiled."""
    model, calls = models[kind], []

    def call(**inputs: Any) -> Any:
        calls.append(1)
        return model.network.model(**inputs)

    monkeypatch.setattr(model, "_ends", frozenset())
    other = [user("Bee?")]
    expected = [streamed(model, TURNS, LONG), streamed(model, other)]
    compiled_by(model, monkeypatch, call)
    outer = model.stream(TURNS, LONG)
    text = "".join(next(outer) for _piece in range(5))
    before = len(calls)
    assert before > 3
    assert streamed(model, other) == expected[1]
    assert len(calls) <= before + 1
    assert text + "".join(outer) == expected[0]
    assert len(calls) > before + 10  # alone again
    assert not model.network._static_busy.locked()
    answer = [*TURNS, assistant(expected[0]), user("And?")]
    assert streamed(model, answer) == text_of(model, greedy(model, answer))


def test_on_the_cpu_everybody_is_computed_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model: Any = load_model(make("llama", tmp_path / "llama"), context_tokens=2048, threads=1)
    assert (model.capabilities.at_once, model.capabilities.texts_at_once) == (1, 1)
    passes = Passes(model, monkeypatch)
    works = [lambda each=each: streamed(model, each) for each in (TURNS, QUESTION, [user("Bee?")])]
    assert at_the_same_time(works) == [work() for work in works]  # type: ignore[arg-type]
    assert set(passes.rows) == {1}
    model.reply([TURNS, QUESTION], SHORT)
    assert max(passes.rows) == 2
    begun = time.monotonic()
    paused = model.stream(TURNS, LONG)
    next(paused)
    assert model.score(QUESTION, ["A", "B"])
    assert time.monotonic() - begun < 5
    model.close()
