"""How many threads an engine should compute with: the processors that are free, not all of them.

Threads that meet at barriers are as slow as the slowest of them. On two cores beside two busy programs, two threads
wrote 4 tokens a second and one thread 15 (`benchmarks/model_decode.py --busy` measures it on your machine).
"""

import math
import os
import time
from pathlib import Path

import psutil

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
