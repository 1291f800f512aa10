"""Several callers at one model of transformers, where one of them stops or fails: the others never notice."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from composer.errors import ModelFailed, OutOfMemory
from composer.models import Sampling, load_model, user
from composer.models.transformers_vlm.decoding import batching
from tests.composer.models.test_batching import LONG, at_the_same_time, streamed
from tests.composer.models.test_transformers_vlm import QUESTION, TURNS
from tests.composer.models.tiny_vlm import make

ASKED = (TURNS, QUESTION, [user("Bee?")])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    found: Any = load_model(make("llama", tmp_path_factory.mktemp("llama")), context_tokens=4096, threads=1, at_once=8)
    found._ends = frozenset()
    yield found
    found.close()


@pytest.fixture(scope="module")
def expected(model: Any) -> list[str]:
    return [streamed(model, each, LONG) for each in ASKED]


def works(model: Any) -> list[Callable[[], Any]]:
    return [lambda each=each: streamed(model, each, LONG) for each in ASKED]  # type: ignore[misc]


def no_memory(*_arguments: Any, **_named: Any) -> Any:
    raise torch.OutOfMemoryError("CUDA out of memory")


def test_who_leaves_does_not_wait_for_the_others_texts(model: Any) -> None:
    writing, far = threading.Event(), threading.Event()

    def other() -> None:
        for number, _piece in enumerate(model.stream(TURNS, Sampling(max_tokens=900))):
            writing.set()
            if number > 20 and far.is_set():
                return

    thread = threading.Thread(target=other)
    thread.start()
    assert writing.wait(5)
    took = []
    for number in range(8):
        leaving = model.stream([user("And? " * number)], LONG)
        next(leaving)
        begun = time.perf_counter()
        leaving.close()
        took.append(time.perf_counter() - begun)
    assert thread.is_alive(), "it has been writing all the time"
    far.set()
    thread.join(10)
    assert max(took) < 0.4


def test_who_reads_for_another_and_stops_does_not_wait_for_the_end_of_their_prompt(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = [user("The bird sings in the garden. " * 100)]
    expected = streamed(model, long, LONG)
    stop, reading = threading.Event(), threading.Event()
    mine, took = model.stream(TURNS, Sampling(max_tokens=900), stop=stop), []
    next(mine)
    extend, leave_out, reader = model.network._extend, model.batching._leave_out, threading.current_thread()

    def slow(*arguments: Any, **named: Any) -> Any:
        if threading.current_thread() is reader:
            reading.set()
            time.sleep(0.1)  # a part of a prompt
        return extend(*arguments, **named)

    def with_another() -> None:  # at the beginning of a round: the prompt of the other has come
        deadline = time.monotonic() + 5
        while threading.current_thread() is reader and not model.batching._waiting and time.monotonic() < deadline:
            if reading.is_set():
                break
            time.sleep(0.005)
        leave_out()

    def drive() -> None:
        nonlocal reader
        reader = threading.current_thread()
        for _piece in mine:
            pass
        took.append(time.perf_counter())

    monkeypatch.setattr(model.network, "_extend", slow)
    monkeypatch.setattr(model.network, "chunk", 12)
    monkeypatch.setattr(model.batching, "_leave_out", with_another)
    driving = threading.Thread(target=drive)
    driving.start()
    while reader is threading.current_thread():
        time.sleep(0.005)
    found: list[str] = []
    other = threading.Thread(target=lambda: found.append(streamed(model, long, LONG)))
    other.start()
    assert reading.wait(5)
    begun = time.perf_counter()
    stop.set()
    driving.join(20)
    other.join(20)
    assert took[0] - begun < 1.0
    assert found == [expected]


def test_a_step_that_fails_for_want_of_memory_ends_only_whom_there_is_no_room_for(
    model: Any, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    step, kept = model.network.step, batching.kept
    failing = threading.Event()

    def tired(batch: Any, tokens: Any) -> None:
        if len(tokens) == 3 and not failing.is_set():
            failing.set()
            no_memory()
        step(batch, tokens)

    def little(batch: Any, rows: Any) -> Any:
        if failing.is_set() and batch.logits.shape[0] == 3 and list(rows) == [1]:
            no_memory()
        return kept(batch, rows)

    monkeypatch.setattr(model.network, "step", tired)
    monkeypatch.setattr(batching, "kept", little)
    found = at_the_same_time(works(model))
    assert failing.is_set()
    assert sum(isinstance(each, OutOfMemory | ModelFailed) for each in found) == 1
    assert all(mine == right for mine, right in zip(found, expected, strict=True) if isinstance(mine, str))
    assert not model.batching._groups


@pytest.mark.parametrize("name", ["read_of", "kept", "joined"])
def test_what_cannot_be_copied_for_want_of_memory_is_done_without(
    model: Any, expected: list[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    lengths = (40, 10, 25)
    right = [streamed(model, each, Sampling(max_tokens=most)) for each, most in zip(ASKED, lengths, strict=True)]
    monkeypatch.setattr(batching, name, no_memory)
    asked = [
        lambda each=each, most=most: streamed(model, each, Sampling(max_tokens=most))  # type: ignore[misc]
        for each, most in zip(ASKED, lengths, strict=True)
    ]
    assert at_the_same_time(asked) == right
    assert not model.batching._groups


def test_a_text_that_cannot_be_put_into_compiled_steps_goes_on_without(
    model: Any, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model.network, "faster", no_memory)
    assert at_the_same_time(works(model)) == expected
