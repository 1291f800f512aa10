"""Files read in worker processes, each with a time limit, in order. Knows no catalogue's content and no encoder.

The processes are apart from the program because a stranger's file can end them, or keep them busy for ever.
"""

import errno
import multiprocessing
import os
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import TimeoutError as FutureTimeout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import ReadableError
from common.messages import _
from retrieval.encoders import Preparation
from retrieval.errors import PackageMissing, Reason
from retrieval.ingest import decode
from retrieval.ingest.decode import Decoded, Job

if TYPE_CHECKING:
    from pebble import ProcessFuture

# what came out of a file; or why nothing did, for good; or why not now
Outcome = Decoded | Reason | OSError
AHEAD = 64  # files that are given out beyond what the processes have in hand


class ReadingPool:
    """The processes. Close it, or use it as a context."""

    def __init__(
        self,
        preparation: Preparation,
        *,
        thumbnails: Path | None,
        catalogue: Path | None,
        workers: int,
        seconds_a_file: float,
    ) -> None:
        """thumbnails, catalogue: as for `decode.start`. workers: how many; 0: as many as cores, at most 8."""
        from pebble import ProcessPool

        self._count, self._seconds = workers or min(8, os.cpu_count() or 1), seconds_a_file
        self._pool: Any = ProcessPool(
            max_workers=self._count,
            context=multiprocessing.get_context("spawn"),  # a fork would copy the threads' locks of torch and SQLite
            initializer=decode.start,
            initargs=(preparation, thumbnails and str(thumbnails), catalogue and str(catalogue)),
        )

    def __enter__(self) -> "ReadingPool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the processes once they are idle."""
        self._pool.close()
        self._pool.join()

    def read(self, jobs: Iterable[Job], stop: Callable[[], bool] | None = None) -> Iterator[tuple[Job, Outcome]]:
        """Every job with what came out of it, in order; `stop()` is asked before each.

        Raises OSError where the disk is full, sqlite3.Error where the catalogue fails.
        """
        waiting: deque[tuple[Job, ProcessFuture[Decoded]]] = deque()
        remaining = iter(jobs)
        try:
            while True:
                while len(waiting) < AHEAD + 4 * self._count and (job := next(remaining, None)):
                    waiting.append((job, self._pool.schedule(_timed_decode, [job], timeout=self._seconds)))
                if not waiting or (stop is not None and stop()):
                    return
                job, future = waiting.popleft()
                yield job, outcome_of(future, self._seconds)
        finally:
            if waiting:
                self._pool.stop()


def outcome_of(future: "ProcessFuture[Decoded]", seconds: float) -> Outcome:
    """What came of a file. Raises OSError where the disk is full, sqlite3.Error where the catalogue fails."""
    from pebble import ProcessExpired

    try:
        result: Decoded = future.result()
    except PackageMissing as error:
        return OSError(Reason.of(error))  # as what cannot be read now: the next run tries again
    except ReadableError as error:
        return Reason.of(error)
    except FutureTimeout:
        return Reason(_("reading it took longer than {seconds:g} s", seconds=seconds))
    except ProcessExpired:
        return Reason(_("reading it ended the reading process; the file is damaged or made to do harm"))
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        return error
    except MemoryError:
        return Reason(_("reading it needs too much memory"))
    except sqlite3.Error:
        raise
    except Exception as error:  # noqa: BLE001 - one strange file must not end the indexing of all others
        return Reason(_("reading it failed ({kind}: {error})", kind=type(error).__name__, error=str(error)))
    return result


def _timed_decode(job: Job) -> Decoded:
    started = time.perf_counter()
    result = decode.decode(job)
    result.seconds = time.perf_counter() - started
    return result
