"""How many threads an engine should compute with: what is free, not what is there.

Threads that meet at barriers are as slow as the slowest of them: on two cores beside two busy programs, two threads
wrote 4 tokens a second and one thread 15 (`benchmarks/model_decode.py --busy` measures it for this machine).
"""

import math
import os
import time
from pathlib import Path

import psutil

MAX_THREADS = 16  # reading weights from memory is the limit long before
_SAMPLE_SECONDS = 0.25


def free_threads(wanted: int | None = None) -> int:
    """Threads to compute with, at least 1. `wanted`: a person's own choice, taken as it is."""
    if wanted:
        return max(1, wanted)
    mine = min(usable_cpus(), psutil.cpu_count(logical=False) or usable_cpus(), MAX_THREADS)
    idle = (os.cpu_count() or 1) - busy_cpus()
    return max(1, min(mine, round(idle)))


def usable_cpus() -> int:
    """Processors this process may use, by affinity and by the container's quota."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(affinity, _quota() or affinity))


def busy_cpus(seconds: float = _SAMPLE_SECONDS) -> float:
    """Processors that other programs keep busy, measured over `seconds`. This program's own work does not count."""
    own = psutil.Process()
    before, before_own, start = psutil.cpu_times(), sum(own.cpu_times()[:2]), time.monotonic()
    time.sleep(seconds)
    after, after_own, end = psutil.cpu_times(), sum(own.cpu_times()[:2]), time.monotonic()
    idle = (after.idle - before.idle) + getattr(after, "iowait", 0.0) - getattr(before, "iowait", 0.0)
    busy = (os.cpu_count() or 1) - idle / (end - start) - (after_own - before_own) / (end - start)
    return max(0.0, float(busy))


def pinned_cpus(threads: int) -> tuple[int, ...]:
    """Processors to bind the threads to, one each; empty where binding would not help.

    With as many threads as processors, a scheduler that puts two of them on one processor halves the speed. With room
    to spare it finds a free one by itself.
    """
    if not hasattr(os, "sched_getaffinity"):
        return ()
    cpus = sorted(os.sched_getaffinity(0))
    return tuple(cpus) if 1 < threads == len(cpus) else ()


def _quota() -> int:
    """Whole processors of the container's limit (cgroup v2), 0 without one."""
    try:
        limit, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return 0
    return 0 if limit == "max" else math.ceil(int(limit) / int(period))
