"""Parts of a benchmark that go wrong in each way there is."""

import os
import time
from collections.abc import Iterator

from benchmarks.gpu.figures import Figure, PartSkipped, Session


def fails(session: Session) -> Iterator[Figure]:
    yield Figure("before it failed", 1.0)
    raise ValueError("no such thing")


def hangs(session: Session) -> Iterator[Figure]:
    yield Figure("before it hung", 1.0)
    time.sleep(300)


def dies(session: Session) -> Iterator[Figure]:
    os._exit(9)


def lacks(session: Session) -> Iterator[Figure]:
    raise PartSkipped("the package is not installed")


def works(session: Session) -> Iterator[Figure]:
    yield Figure("not as wanted", 1.0, at_least=2.0)
