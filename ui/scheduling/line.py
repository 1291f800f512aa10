"""The line before the model, on two levels.

A **job** is a piece of work of one person: long (an article) or short (an answer of the chat, a paragraph). As many
long ones are begun at once as the model computes calls at once; the others wait, one of each person in turn, first
come first served. Short ones wait for short ones only: one at least is always begun.

A **call** is one question to the model. Calls of the jobs that are begun are computed in the order in which they come,
and a job makes one at a time: they take turns. So an answer waits for one call of another's article, not for the
article; and where the model writes several texts side by side, not even for that.
"""

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from composer.models import Capabilities

REMEMBERED = 8  # durations, from which it is said how long somebody waits
ABSENT = 30.0  # seconds that a place is kept for somebody who has only announced a job
LOOK = 0.1  # seconds between two looks at whether a person has stopped


@dataclass(eq=False)
class Job:
    """A piece of one person's work. Made by `Line.join`."""

    key: str
    owner: str
    long: bool
    round: int  # the first work of each person, then the second of each
    number: int  # in the order in which they came
    seen: float  # seconds of the monotonic clock: when somebody last announced it or waited for it
    begun: float | None = None  # likewise; None: it waits
    waited_for: int = 0  # threads that wait until it is begun
    calls: int = 0  # that are being computed
    stop: threading.Event | None = None  # set by the person: no call of it waits any longer

    @property
    def stopped(self) -> bool:
        return self.stop is not None and self.stop.is_set()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a job stands."""

    begun: bool
    ahead: int = 0  # jobs of its kind that come first, those that are begun included
    seconds: float | None = None  # until it begins, judged by the last ones; None: not known


@dataclass(eq=False)
class _Call:
    job: Job
    is_text: bool


class Line:
    """One per process. All methods may be called from any thread."""

    def __init__(self, model: Callable[[], Capabilities | None]) -> None:
        """model: what the model of the moment can do; None while there is none."""
        self._model = model
        self._changed = threading.Condition()
        self._jobs: dict[str, Job] = {}
        self._numbers = itertools.count()
        self._round = {True: 0, False: 0}  # of the job of each kind that began last
        self._next_round: dict[tuple[str, bool], int] = {}  # owner and kind -> of their next one
        self._waiting: list[_Call] = []
        self._computed: list[_Call] = []
        self._took: dict[bool, deque[float]] = {kind: deque(maxlen=REMEMBERED) for kind in (True, False)}
        self._closed = False  # nothing begins: the model is being changed

    # -- jobs ----------------------------------------------------------------------------------------

    def join(self, key: str, owner: str, *, long: bool) -> Job:
        """The job of that key, at the end of the line where there is none yet. `leave` ends it."""
        with self._changed:
            job = self._jobs.get(key)
            if job is None:
                turn = max(self._round[long], self._next_round.get((owner, long), 0))
                self._next_round = {who: when for who, when in self._next_round.items() if when > self._round[who[1]]}
                self._next_round[owner, long] = turn + 1
                job = self._jobs[key] = Job(key, owner, long, turn, next(self._numbers), time.monotonic())
            return job

    def rename(self, job: Job, key: str) -> None:
        """Another session goes on with it."""
        with self._changed:
            if self._jobs.get(job.key) is job:
                del self._jobs[job.key]
                self._jobs[key] = job
            job.key = key

    def leave(self, key: str) -> None:
        """The job of that key has ended, or is not wanted any more. Does nothing where there is none."""
        with self._changed:
            job = self._jobs.get(key)
        if job is not None:
            self.end(job)

    def end(self, job: Job) -> None:
        """The job has ended; another one of its key goes on."""
        with self._changed:
            if self._jobs.get(job.key) is job:
                del self._jobs[job.key]
                if job.begun is not None:
                    self._took[job.long].append(time.monotonic() - job.begun)
            self._changed.notify_all()

    def count(self) -> int:
        """How many jobs are in the line or at work."""
        with self._changed:
            return len(self._jobs)

    def place(self, key: str) -> Place | None:
        """Where a job stands; None for one that is not in the line."""
        with self._changed:
            job = self._jobs.get(key)
            if job is None:
                return None
            if job.begun is not None:
                return Place(begun=True)
            others = self._in_order(job.long)
            if job not in others:
                return None
            before = others.index(job)
            return Place(begun=False, ahead=before + self._begun(job.long), seconds=self._seconds(job.long, before))

    def wait(self, job: Job, seconds: float) -> bool:
        """Waits so long at most; whether the job is begun."""
        with self._changed:
            job.waited_for += 1
            self._jobs.setdefault(job.key, job)  # it may have been away for long: until the model was loaded
            try:
                self._changed.wait_for(lambda: self._begin(job), seconds)
            finally:
                job.waited_for -= 1
                job.seen = time.monotonic()
            return job.begun is not None

    def places(self, job: Job, stop: threading.Event, every: float = 0.3) -> Iterator[Place]:
        """Where a job stands, so often (seconds), until it is begun or `stop` is set."""
        while not stop.is_set() and not self.wait(job, every):
            place = self.place(job.key)
            if place is not None:
                yield place

    @contextmanager
    def job(self, key: str, owner: str, *, long: bool) -> Iterator[Job]:
        """A job for as long as the block lasts."""
        made = self.join(key, owner, long=long)
        try:
            yield made
        finally:
            self.end(made)

    # -- calls ---------------------------------------------------------------------------------------

    @contextmanager
    def call(self, job: Job, *, is_text: bool, stop: threading.Event | None = None) -> Iterator[bool]:
        """Waits until it is the turn of this call of the job, which is computed while the block lasts; False where
        `stop` or that of the job was set before. is_text: it writes a text (`stream`). Calls within the block are part
        of it."""
        if job.calls:
            yield True
            return
        call = _Call(job, is_text)
        with self._changed:
            self._waiting.append(call)
            job.waited_for += 1
            if job.begun is None:
                self._jobs.setdefault(job.key, job)
            try:
                while not self._may_compute(call):
                    if job.stopped or (stop is not None and stop.is_set()):
                        break
                    self._changed.wait(LOOK)
                else:
                    self._computed.append(call)
                    job.calls += 1
            finally:
                job.waited_for -= 1
                job.seen = time.monotonic()
                self._waiting.remove(call)
                self._changed.notify_all()
        try:
            yield call in self._computed
        finally:
            with self._changed:
                if call in self._computed:
                    self._computed.remove(call)
                    job.calls -= 1
                self._changed.notify_all()

    @contextmanager
    def closed(self, stop: threading.Event) -> Iterator[bool]:
        """Waits until every job that is begun has ended, the call that it was stopped in too, and lets none begin while
        the block lasts; False where `stop` was set before."""
        with self._changed:
            self._closed = True
            while (self._computed or any(self._begun(kind) for kind in (True, False))) and not stop.is_set():
                self._changed.wait(LOOK)
        try:
            yield not stop.is_set()
        finally:
            with self._changed:
                self._closed = False
                self._changed.notify_all()

    # -- inside, with the lock held ------------------------------------------------------------------

    def _begun(self, long: bool) -> int:
        return sum(job.begun is not None and job.long == long for job in self._jobs.values())

    def _in_order(self, long: bool) -> list[Job]:
        """The jobs of a kind that wait, in their order. Those that nobody came back to are dropped."""
        now = time.monotonic()
        for job in list(self._jobs.values()):
            if job.begun is None and not job.waited_for and now - job.seen > ABSENT:
                del self._jobs[job.key]
        waiting = [job for job in self._jobs.values() if job.begun is None and job.long == long]
        return sorted(waiting, key=lambda job: (job.round, job.number))

    def _lanes(self) -> tuple[int, int]:
        """How many calls the model computes at once, and how many texts it writes side by side."""
        can = self._model() or Capabilities()
        return max(1, can.at_once), max(1, can.at_once, can.texts_at_once)

    def _begin(self, job: Job) -> bool:
        """Begins the job if it is its turn; whether it is begun."""
        if job.begun is None and not self._closed:
            calls, texts = self._lanes()
            most = calls if job.long else max(1, texts - self._begun(True))
            present = [one for one in self._in_order(job.long) if one.waited_for]
            if job in present[: max(0, most - self._begun(job.long))]:
                job.begun = time.monotonic()
                self._round[job.long] = max(self._round[job.long], job.round)
                self._changed.notify_all()
        return job.begun is not None

    def _may_compute(self, call: _Call) -> bool:
        if not self._begin(call.job):
            return False
        # who came first is waited for, even where another one could go on at once: else it might wait for ever
        if call is not next((one for one in self._waiting if one.job.begun is not None), None):
            return False
        calls, texts = self._lanes()
        if len(self._computed) < calls:
            return True
        return len(self._computed) < texts and call.is_text and all(one.is_text for one in self._computed)

    def _seconds(self, long: bool, before: int) -> float | None:
        """Until the job begins that has so many of its kind before it which are not begun."""
        if not self._took[long]:
            return None
        mean = sum(self._took[long]) / len(self._took[long])
        now = time.monotonic()
        begun = [job.begun for job in self._jobs.values() if job.long == long and job.begun is not None]
        left = sum(max(mean - (now - since), mean / 10) for since in begun)
        return (left + mean * before) / max(1, self._lanes()[0 if long else 1])
