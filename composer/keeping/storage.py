"""Storage: a folder with the kept things of one kind. It opens, mends and tidies up.

A process that is killed at any moment leaves whole changes: SQLite's write-ahead log, one transaction a change.
"""

import contextlib
import functools
import logging
import sqlite3
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar

from composer.errors import ComposerError
from composer.keeping import database
from composer.keeping.database import Damaged
from composer.keeping.files import KeptFiles
from composer.keeping.layout import Layout
from composer.keeping.recovery import recover

_log = logging.getLogger(__name__)
KEEP_DELETED = 30 * 86_400  # seconds that what was deleted can be brought back

R = TypeVar("R")
K = TypeVar("K", bound="Keeps")
P = ParamSpec("P")
A = TypeVar("A")


class Storage(ABC, Generic[R]):
    """An open folder. Threads take turns; other processes may have it open, too."""

    layout: Layout[R]
    pictures: KeptFiles

    def __init__(self, folder: Path) -> None:
        """Opens it, or makes it. Raises `layout.unavailable` with what is in the way.

        A damaged file is replaced by what can be read of it, which `recovered` then tells.
        """
        self.folder = folder.expanduser().absolute()
        self.recovered: R | None = None
        self.lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None  # device and inode of what is open
        self._open()
        with contextlib.suppress(ComposerError):  # read-only, or another program is writing
            self._tidy()

    def close(self) -> None:
        with self.lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All changes inside become visible together, or none. Raises `layout.unavailable`, Damaged."""
        with self.lock, database.transaction(self._present(), self.lock, self.folder, self.layout) as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """For queries only. Raises `layout.unavailable`, Damaged."""
        with self.lock, database.readable(self.folder, self.layout):
            yield self._present()

    def mend(self) -> None:
        """After Damaged: opens the file anew, which another program may have mended, or recovers what can be read."""
        with self.lock:
            self.close()
            self._open(whole=True)

    # -- inside --------------------------------------------------------------------------------------

    def _present(self) -> sqlite3.Connection:
        """The connection to the file that lies there now: a folder may be removed or mended under a running program."""
        if self._connection is None or self._inode() != self._file:
            self.close()
            self._open()
        assert self._connection is not None
        return self._connection

    def _inode(self) -> tuple[int, int] | None:
        try:
            facts = (self.folder / self.layout.file).stat()
        except OSError:
            return None
        return facts.st_dev, facts.st_ino

    def _open(self, *, whole: bool = False) -> None:
        try:
            self._connection = database.connect(self.folder, self.layout, whole=whole)
        except Damaged:
            try:
                self.recovered = recover(self.folder, self.layout)
                self._connection = database.connect(self.folder, self.layout)
            except OSError as error:
                raise self.layout.unavailable(place=self.folder, reason=database.os_reason(error)) from error
        self._file = self._inode()

    def _tidy(self) -> None:
        """What was deleted long ago goes for good, with its pictures."""
        with self.transaction() as db:
            used = self._forgotten(db, time.time() - KEEP_DELETED)
        if used is None:
            return
        try:
            self.pictures.forget(used)
        except OSError as error:  # they go another time
            _log.warning("Pictures that nothing uses could not be removed: %s", error)

    @abstractmethod
    def _forgotten(self, db: sqlite3.Connection, before: float) -> set[str] | None:
        """Removes what was deleted before that time (seconds since 1970). Returns the names of the pictures that are
        still used; None where nothing went."""


class Keeps(Protocol):
    """What has a store."""

    @property
    def store(self) -> Storage[Any]: ...


def mended(method: Callable[Concatenate[K, P], A]) -> Callable[Concatenate[K, P], A]:
    """For methods over a store: where its file turns out to be damaged, recovers what can be read, and tries once
    more."""

    @functools.wraps(method)
    def tried(self: K, /, *arguments: P.args, **named: P.kwargs) -> A:
        try:
            return method(self, *arguments, **named)
        except Damaged:
            self.store.mend()
            return method(self, *arguments, **named)

    return tried
