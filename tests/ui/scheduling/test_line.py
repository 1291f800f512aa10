"""The line before the model: whose turn it is, with jobs and calls but without a page."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from composer.models import Capabilities
from ui.scheduling import Job, Line
from ui.scheduling import line as line_module

SOON = 5.0  # seconds, at most, for what needs none
NEVER = threading.Event()


def line_with(**can: int) -> Line:
    return Line(lambda: Capabilities(**can))


class Caller:
    """Somebody whose call takes until it is told to end."""

    def __init__(self, line: Line, job: Job, *, is_text: bool = False, stop: threading.Event | None = None) -> None:
        self.began, self.done, self.ended = threading.Event(), threading.Event(), threading.Event()
        self.refused = False
        self._thread = threading.Thread(target=self._run, args=(line, job, is_text, stop), daemon=True)
        self._thread.start()
        while job.waited_for == 0 and job.calls == 0 and not self.ended.is_set():
            time.sleep(0.001)  # it stands in the line

    def _run(self, line: Line, job: Job, is_text: bool, stop: threading.Event | None) -> None:
        with line.call(job, is_text=is_text, stop=stop) as mine:
            self.refused = not mine
            if mine:
                self.began.set()
                self.done.wait(SOON)
        self.ended.set()

    @property
    def waits(self) -> bool:
        return not self.began.wait(0.15)

    def end(self) -> None:
        self.done.set()
        assert self.ended.wait(SOON)


@contextmanager
def waiting(line: Line, job: Job) -> Iterator[threading.Event]:
    """Somebody waits until that job is begun."""
    begun = threading.Event()

    def wait() -> None:
        while not line.wait(job, 0.05) and not over.is_set():
            pass
        if not over.is_set():
            begun.set()

    over = threading.Event()
    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    while job.waited_for == 0 and job.begun is None:
        time.sleep(0.001)
    try:
        yield begun
    finally:
        over.set()
        thread.join(SOON)


def begun_in_order(line: Line, jobs: list[Job]) -> list[str]:
    """The keys of the jobs as they begin, each ended as soon as it has."""
    order: list[str] = []
    events = {}
    stack = [waiting(line, job) for job in jobs]
    for job, one in zip(jobs, stack, strict=True):
        events[job.key] = one.__enter__()
    deadline = time.monotonic() + SOON
    while len(order) < len(jobs) and time.monotonic() < deadline:
        for job in jobs:
            if job.key not in order and events[job.key].is_set():
                order.append(job.key)
                line.end(job)
        time.sleep(0.001)
    for one in stack:
        one.__exit__(None, None, None)
    return order


def test_articles_come_one_after_another_and_one_of_each_person_in_turn() -> None:
    line = line_with()
    jobs = [line.join(key, key[0], long=True) for key in ("a1", "a2", "a3", "b1", "c1", "b2")]
    assert begun_in_order(line, jobs) == ["a1", "b1", "c1", "a2", "b2", "a3"]
    assert line.count() == 0


@pytest.mark.parametrize("at_once", [1, 3])
def test_as_many_articles_are_made_at_once_as_the_model_computes_calls(at_once: int) -> None:
    line = line_with(at_once=at_once)
    jobs = [line.join(str(number), str(number), long=True) for number in range(5)]
    callers = [Caller(line, job) for job in jobs]
    assert [not caller.waits for caller in callers] == [number < at_once for number in range(5)]
    callers[0].end()
    line.end(jobs[0])
    assert callers[at_once].began.wait(SOON), "the next one begins when one has ended, not when one call has"
    for caller in callers:
        caller.done.set()
    for job in jobs:
        line.end(job)


def test_a_short_work_comes_between_the_calls_of_an_article_and_the_article_between_short_ones() -> None:
    line = line_with()
    article, answer = line.join("article", "ann", long=True), line.join("chat", "bob", long=False)
    first = Caller(line, article)
    assert first.began.wait(SOON)
    asked = Caller(line, answer)
    assert asked.waits, "one call at a time"
    second = threading.Event()

    def go_on() -> None:  # the article's next call comes at once
        first.end()
        caller = Caller(line, article)
        caller.began.wait(SOON)
        second.set()
        caller.end()

    thread = threading.Thread(target=go_on)
    thread.start()
    assert asked.began.wait(SOON)
    assert not second.wait(0.15), "the answer's turn"
    another = threading.Thread(target=lambda: Caller(line, answer).end())
    asked.done.set()
    another.start()
    assert second.wait(SOON), "then the article's, however many more are asked"
    thread.join(SOON)
    another.join(SOON)
    line.end(answer)
    line.end(article)


def test_texts_are_written_side_by_side_where_the_model_can_and_other_calls_alone() -> None:
    line = line_with(texts_at_once=2)
    article, answer = line.join("article", "ann", long=True), line.join("chat", "bob", long=False)
    text = Caller(line, article, is_text=True)
    assert text.began.wait(SOON)
    beside = Caller(line, answer, is_text=True)
    assert beside.began.wait(SOON), "an answer begins while the article is being written"
    text.end()
    question = Caller(line, article)
    assert question.waits, "what is not a text is computed alone"
    beside.end()
    assert question.began.wait(SOON)
    again = Caller(line, answer, is_text=True)
    assert again.waits, "and nothing beside it"
    question.end()
    assert again.began.wait(SOON)
    again.end()
    for job in (article, answer):
        line.end(job)


def test_who_waits_for_the_model_alone_is_not_overtaken_by_one_text_after_another() -> None:
    line = line_with(texts_at_once=2)
    answers = [line.join(name, name, long=False) for name in ("bob", "eve")]
    beside = [Caller(line, job, is_text=True) for job in answers]
    assert all(caller.began.wait(SOON) for caller in beside)
    article = line.join("article", "ann", long=True)
    question = Caller(line, article)
    beside[0].end()
    late = Caller(line, answers[0], is_text=True)
    assert late.waits
    beside[1].end()
    assert question.began.wait(SOON)
    question.end()
    assert late.began.wait(SOON)
    late.end()
    for job in (article, *answers):
        line.end(job)


def test_a_call_that_is_made_while_its_own_text_is_written_does_not_wait_for_itself() -> None:
    line = line_with()
    with (
        line.job("chat", "ann", long=False) as job,
        line.call(job, is_text=True),
        line.call(job, is_text=False) as mine,
    ):
        assert mine


def test_stop_ends_the_waiting() -> None:
    line = line_with()
    article, other, stop = line.join("a", "ann", long=True), line.join("b", "bob", long=False), threading.Event()
    computed = Caller(line, article)
    stopped = Caller(line, other, stop=stop)
    began = time.monotonic()
    stop.set()
    assert stopped.ended.wait(SOON)
    assert stopped.refused
    assert time.monotonic() - began < 1
    line.end(other)
    computed.end()
    line.end(article)
    assert line.count() == 0


def test_the_place_in_the_line_and_the_time_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(line_module.time, "monotonic", lambda: now)
    monkeypatch.setattr(line_module, "ABSENT", 1000)
    line = line_with()
    first, second, third = (line.join(name, name, long=True) for name in "abc")
    assert line.wait(first, 0)
    place = line.place("c")
    assert place is not None
    assert (place.begun, place.ahead, place.seconds) == (False, 2, None), "nothing is known of how long one takes"
    now += 40
    line.end(first)
    assert line.wait(second, 0)
    now += 10
    place = line.place("c")
    assert place is not None
    assert (place.ahead, place.seconds) == (1, 30)
    fourth = line.place(line.join("d", "d", long=True).key)
    assert fourth is not None
    assert (fourth.ahead, fourth.seconds) == (2, 70)
    short = line.place(line.join("chat", "e", long=False).key)
    assert short is not None
    assert short.ahead == 0, "an answer does not wait for articles"
    begun = line.place("b")
    assert begun is not None
    assert begun.begun
    assert line.place("nobody") is None
    line.end(third)


def test_a_place_is_not_kept_for_ever_and_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    line = line_with()
    line.join("announced", "ann", long=True)  # its page has vanished before the work was begun
    other = line.join("here", "bob", long=True)
    assert line.wait(other, SOON), "who is not there is passed over"
    line.end(other)
    monkeypatch.setattr(line_module, "ABSENT", -1)
    late = line.join("late", "eve", long=True)
    assert line.wait(late, SOON)
    assert line.place("announced") is None
    line.end(late)


def test_nothing_begins_while_the_model_is_changed() -> None:
    line = line_with()
    article = line.join("a", "ann", long=True)
    assert line.wait(article, 0)
    changing, changed = threading.Event(), threading.Event()

    def change() -> None:
        with line.closed(NEVER) as free:
            assert free
            changing.set()
            changed.wait(SOON)

    thread = threading.Thread(target=change, daemon=True)
    thread.start()
    assert not changing.wait(0.15), "what is begun goes on with the model that it has"
    other = line.join("b", "bob", long=False)
    with waiting(line, other) as begun:
        assert not begun.wait(0.15)
        line.end(article)
        assert changing.wait(SOON)
        assert not begun.is_set()
        changed.set()
        assert begun.wait(SOON)
    thread.join(SOON)
    line.end(other)


def test_a_change_of_the_model_waits_for_the_call_of_a_job_that_was_stopped() -> None:
    line = line_with()
    answer = line.join("a", "ann", long=False)
    assert line.wait(answer, SOON)
    changing = threading.Event()

    def change() -> None:
        with line.closed(NEVER) as free:
            assert free
            changing.set()

    with line.call(answer, is_text=True) as mine:
        assert mine
        line.end(answer)
        thread = threading.Thread(target=change, daemon=True)
        thread.start()
        assert not changing.wait(0.15), "the model still computes it"
    assert changing.wait(SOON)
    thread.join(SOON)


def test_who_waits_longer_than_a_place_is_kept_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody looks now and then, as the page does; between two looks nobody waits."""
    monkeypatch.setattr(line_module, "ABSENT", 0.1)
    line = line_with(at_once=1)
    assert line.wait(line.join("first", "ann", long=True), 0)
    stop, told = threading.Event(), []
    for place in line.places(line.join("second", "bob", long=True), stop, every=0.02):
        told.append(place.ahead)
        if len(told) == 12:
            line.leave("first")
    assert set(told) == {1}
    assert len(told) >= 12
    announced = line.join("third", "cid", long=True)
    time.sleep(0.15)
    assert line.place(announced.key) is None, "nobody came back to it"


def test_no_more_are_begun_where_more_than_fit_are_begun_already() -> None:
    line = line_with(at_once=2)
    short = [line.join(f"short {number}", f"owner {number}", long=False) for number in range(7)]
    assert [line.wait(job, 0) for job in short[:2]] == [True, True]
    assert line.wait(line.join("long", "ann", long=True), 0)  # from now on one short job has room
    for job in short[2:]:
        job.waited_for += 1  # all stand in the line at once
    assert [line.wait(job, 0) for job in short[2:]] == [False] * 5
