"""How many threads an engine should compute with: the processors that are free, not all of them. And one that is alone.

Threads that meet at barriers are as slow as the slowest of them. On two cores beside two busy programs, two threads
wrote 4 tokens a second and one thread 15 (`benchmarks/model_decode.py --busy` measures it on your machine).
"""

import math
import os
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

import psutil

T = TypeVar("T")

MAX_THREADS = 16  # beyond it more threads gain nothing: reading weights from memory is the limit long before
_SAMPLE_SECONDS = 0.25


def free_threads(wanted: int | None = None) -> int:
    """The number of threads to compute with, at least 1. `wanted`: a person's choice, which is not changed."""
    if wanted:
        return max(1, wanted)
    usable = min(usable_cpus(), psutil.cpu_count(logical=False) or usable_cpus(), MAX_THREADS)
    idle = (os.cpu_count() or 1) - busy_cpus()
    return max(1, min(usable, round(idle)))


def usable_cpus() -> int:
    """The number of processors this process may use, by its affinity and the container's quota."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(affinity, _quota() or affinity))


def busy_cpus(seconds: float = _SAMPLE_SECONDS) -> float:
    """How many processors other programs keep busy, measured over `seconds`. This program's own work does not count."""
    own = psutil.Process()
    before, before_own, start = psutil.cpu_times(), sum(own.cpu_times()[:2]), time.monotonic()
    time.sleep(seconds)
    after, after_own, end = psutil.cpu_times(), sum(own.cpu_times()[:2]), time.monotonic()
    idle = (after.idle - before.idle) + getattr(after, "iowait", 0.0) - getattr(before, "iowait", 0.0)
    busy = (os.cpu_count() or 1) - idle / (end - start) - (after_own - before_own) / (end - start)
    return max(0.0, float(busy))


def pinned_cpus(threads: int) -> tuple[int, ...]:
    """The processors to bind the threads to, one for each; empty where binding would not help.

    With as many threads as processors, a scheduler that puts two threads on one processor halves the speed. With more
    processors than threads it finds a free one by itself.
    """
    if not hasattr(os, "sched_getaffinity"):
        return ()
    cpus = sorted(os.sched_getaffinity(0))
    return tuple(cpus) if 1 < threads == len(cpus) else ()


def _quota() -> int:
    """The container's limit in processors, rounded up (cgroup v2); 0 where there is none."""
    try:
        limit, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return 0
    return 0 if limit == "max" else math.ceil(int(limit) / int(period))


class LoneThread:
    """Runs what it is given, one after the other, in one thread: for libraries whose state belongs to a thread.

    It starts with the first work, and unlike an executor's it does not keep a program that ends waiting.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._waiting: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._started = self._closed = False

    def submit(self, work: Callable[[], T]) -> "Future[T]":
        """The result to come; an exception of the work is raised by `result()`. Raises RuntimeError after `close`."""
        future: Future[T] = Future()
        with self._lock:
            if self._closed:  # nobody would do it, and who waits for it would wait for ever
                raise RuntimeError(f"the thread {self._name} was closed")
            if not self._started:
                threading.Thread(target=self._run, name=self._name, daemon=True).start()
                self._started = True
            self._waiting.put((future, work))
        return future

    def close(self) -> None:
        """Ends the thread after what it was given."""
        with self._lock:
            self._closed = True
            self._waiting.put(None)

    def _run(self) -> None:
        while (given := self._waiting.get()) is not None:
            future, work = given
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
                future.set_exception(error)
