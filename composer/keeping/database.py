"""The one file of a kind of kept things: its connection, and what its errors mean for a person. Knows SQL only."""

import contextlib
import errno
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common.messages import Text, _
from composer.keeping.layout import Layout

AnyLayout = Layout[Any]

PATIENCE = 3.0  # seconds that a writer waits for another one
CHECKED_WHOLE = 64_000_000  # bytes up to which the file is read through when it is opened (about 0.1 s)

_FACTS = "CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"

_REASONS: dict[int, Text] = {
    sqlite3.SQLITE_BUSY: _("another program is writing them. Try again in a moment."),
    sqlite3.SQLITE_LOCKED: _("another program is writing them. Try again in a moment."),
    sqlite3.SQLITE_READONLY: _(
        "they can only be read there. Give this program the right to write, or another folder: --data DIR"
    ),
    sqlite3.SQLITE_FULL: _("the disk is full. Make room; the next change is saved with everything before it."),
    sqlite3.SQLITE_CANTOPEN: _("the file cannot be opened. Choose another folder: --data DIR"),
}  # fmt: skip


class Damaged(Exception):
    """The file is no database any more, or a part of it is not readable."""


def connect(folder: Path, layout: AnyLayout, *, whole: bool = False) -> sqlite3.Connection:
    """Opens the file of a folder, both made where absent; where it cannot be written to, for reading.

    whole: reads through a large file, too. Raises `layout.unavailable`, and Damaged for a file that is broken.
    """
    file = folder / layout.file
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise layout.unavailable(place=folder, reason=os_reason(error)) from error
    with readable(folder, layout):
        try:
            connection = _open(str(file))
        except sqlite3.OperationalError as error:
            if code(error) not in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN) or not file.is_file():
                raise
            connection = _read_only(file)
        try:
            _check(connection, folder, layout, whole=whole or file.stat().st_size <= CHECKED_WHOLE)
        except BaseException:
            connection.close()
            raise
    return connection


def _check(connection: sqlite3.Connection, folder: Path, layout: AnyLayout, *, whole: bool) -> None:
    """Makes what is missing in the file. Raises `layout.unavailable` for one of another version; Damaged."""
    with contextlib.suppress(sqlite3.OperationalError):  # a new one
        found = connection.execute("SELECT value FROM facts WHERE name = 'format'").fetchone()
        if found is not None and found[0] != str(layout.format):
            raise layout.unavailable(
                place=folder,
                reason=_(
                    "their format is version {found}; this program reads {known}. They were left as they are: use the "
                    "newer program, or another folder: --data DIR",
                    found=found[0],
                    known=layout.format,
                ),
            )
    if whole and (problem := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
        raise Damaged(problem)
    try:
        create_tables(connection, layout)
    except sqlite3.OperationalError as error:
        if code(error) != sqlite3.SQLITE_READONLY:
            raise


def create_tables(connection: sqlite3.Connection, layout: AnyLayout) -> None:
    """Makes the tables that are missing."""
    connection.executescript(_FACTS + layout.schema)
    connection.execute("INSERT OR IGNORE INTO facts VALUES ('format', ?)", (str(layout.format),))


def _open(address: str, **options: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(
        address, timeout=PATIENCE, isolation_level=None, check_same_thread=False, uri=bool(options)
    )
    connection.row_factory = sqlite3.Row
    # ten times as fast as SQLite's own instr
    connection.create_function("holds", 2, lambda text, part: part in text, deterministic=True)
    try:
        if not options:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _read_only(file: Path) -> sqlite3.Connection:
    """A folder that cannot be written to has no room for what readers share either, unless another program left it."""
    for how in ("mode=ro", "immutable=1"):
        connection = _open(f"{file.absolute().as_uri()}?{how}", uri=True)
        try:
            connection.execute("SELECT count(*) FROM facts")
        except sqlite3.OperationalError:
            connection.close()
            if how == "immutable=1":
                raise
        else:
            return connection
    raise AssertionError("one of the two was returned or raised")


@contextmanager
def transaction(
    connection: sqlite3.Connection, lock: threading.RLock, folder: Path, layout: AnyLayout
) -> Iterator[sqlite3.Connection]:
    """All changes inside become visible together, or none. Raises `layout.unavailable` or Damaged."""
    with lock, readable(folder, layout):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")  # what fails here would leave it open, and no other could begin
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # a full disk has rolled back already
                connection.execute("ROLLBACK")
            raise


@contextmanager
def readable(folder: Path, layout: AnyLayout) -> Iterator[None]:
    """Turns what SQLite says into `layout.unavailable`, or Damaged where a part of the file is not what it was."""
    try:
        yield
    except sqlite3.Error as error:
        if code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise Damaged(str(error)) from error
        reason = _REASONS.get(code(error)) or _("the file does not work ({error}).", error=error)
        raise layout.unavailable(place=folder, reason=reason) from error


def code(error: sqlite3.Error) -> int:
    """SQLite's own number; the upper bits say more of the same."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def os_reason(error: OSError) -> Text:
    """What stands in the way of a file or folder, as the end of a sentence."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _REASONS[sqlite3.SQLITE_FULL]
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return _REASONS[sqlite3.SQLITE_READONLY]
    return _("{reason}. Choose another folder: --data DIR", reason=(error.strerror or str(error)).lower())
