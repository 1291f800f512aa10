"""How a computation ends before its end: its caller stops it, or there is no memory for it."""

import contextlib
import logging
import traceback
from collections.abc import Iterator
from typing import Protocol

import torch

log = logging.getLogger(__name__)


class Stop(Protocol):
    """A caller's event."""

    def is_set(self) -> bool: ...


class Stopped(Exception):
    """The caller's stop event was set while a prompt was being read."""


class EitherStop:
    """As an event that is set where one of these is."""

    def __init__(self, *stops: Stop) -> None:
        self._stops = stops

    def is_set(self) -> bool:
        return any(stop.is_set() for stop in self._stops)


@contextlib.contextmanager
def tolerated() -> Iterator[None]:
    """What fails here, for want of memory, is done without."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - what goes on without it may still be computed
        log.info("Texts go on without: %s", error)
        forget(error)


def forget(error: Exception) -> None:
    """Frees what the calls held that ended with the error: memory may be short."""
    with contextlib.suppress(RuntimeError):
        traceback.clear_frames(error.__traceback__)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
