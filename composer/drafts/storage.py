"""Storage: the folder of all drafts of this machine. It opens, mends and tidies up.

A process that is killed at any moment leaves whole steps: SQLite's write-ahead log, one transaction a step.
"""

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from composer.drafts import database
from composer.drafts.database import FILE, Damaged
from composer.drafts.pictures import KeptPictures
from composer.drafts.records import Recovered
from composer.drafts.recovery import recover
from composer.errors import DraftsUnavailable

_log = logging.getLogger(__name__)
KEEP_DELETED = 30 * 86_400  # seconds that a deleted draft can be brought back


class Storage:
    """An open folder of drafts. Threads take turns; other processes may have it open, too."""

    def __init__(self, folder: Path) -> None:
        """Opens it, or makes it. Raises DraftsUnavailable with what is in the way.

        A damaged file is replaced by what can be read of it, which `recovered` then tells.
        """
        self.folder = folder.expanduser().absolute()
        self.pictures = KeptPictures(self.folder)
        self.recovered: Recovered | None = None
        self.lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None  # device and inode of what is open
        self._open()
        with contextlib.suppress(DraftsUnavailable):  # read-only, or another program is writing
            self._tidy()

    def close(self) -> None:
        with self.lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All changes inside become visible together, or none. Raises DraftsUnavailable, Damaged."""
        with self.lock, database.transaction(self._present(), self.lock, self.folder) as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """For queries only. Raises DraftsUnavailable, Damaged."""
        with self.lock, database.readable(self.folder):
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
            facts = (self.folder / FILE).stat()
        except OSError:
            return None
        return facts.st_dev, facts.st_ino

    def _open(self, *, whole: bool = False) -> None:
        try:
            self._connection = database.connect(self.folder, whole=whole)
        except Damaged:
            try:
                self.recovered = recover(self.folder)
                self._connection = database.connect(self.folder)
            except OSError as error:
                raise DraftsUnavailable(place=self.folder, reason=database.os_reason(error)) from error
        self._file = self._inode()

    def _tidy(self) -> None:
        """Drafts that were deleted long ago go for good, with their pictures."""
        with self.transaction() as db:
            old = "SELECT number FROM drafts WHERE deleted < ?"
            before = (time.time() - KEEP_DELETED,)
            if db.execute(old, before).fetchone() is None:
                return
            for table in ("texts", "steps", "versions", "kept"):
                db.execute(f"DELETE FROM {table} WHERE draft IN ({old})", before)
            db.execute("DELETE FROM drafts WHERE deleted < ?", before)
            used = {str(row[0]) for row in db.execute("SELECT DISTINCT file FROM kept")}
        try:
            self.pictures.forget(used)
        except OSError as error:  # they go another time
            _log.warning("Pictures of deleted drafts could not be removed: %s", error)
