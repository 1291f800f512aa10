"""The one file of all drafts: its tables, its connection, and what its errors mean for a person. Knows SQL only."""

import contextlib
import errno
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.messages import Text, _
from composer.errors import DraftsUnavailable

FILE = "drafts.sqlite"
FORMAT = 1  # of the tables; grows when an older program could not use them
PATIENCE = 3.0  # seconds that a writer waits for another one
CHECKED_WHOLE = 64_000_000  # bytes up to which the file is read through when it is opened (about 0.1 s)

SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS drafts (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    name TEXT NOT NULL DEFAULT '',
    title TEXT NOT NULL DEFAULT '',
    created REAL NOT NULL,
    changed REAL NOT NULL,
    touched INTEGER NOT NULL,
    archived INTEGER NOT NULL DEFAULT 0,
    deleted REAL,
    step INTEGER NOT NULL,
    last_step INTEGER NOT NULL,
    words INTEGER NOT NULL DEFAULT 0,
    pictures INTEGER NOT NULL DEFAULT 0,
    picture TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS drafts_touched ON drafts(owner, touched);
CREATE TABLE IF NOT EXISTS texts (draft INTEGER PRIMARY KEY REFERENCES drafts(number), text TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS steps (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    draft INTEGER NOT NULL REFERENCES drafts(number),
    step INTEGER NOT NULL,
    parent INTEGER NOT NULL,
    what TEXT NOT NULL DEFAULT '',
    at REAL NOT NULL,
    article BLOB NOT NULL,
    UNIQUE (draft, step)
);
CREATE INDEX IF NOT EXISTS steps_parent ON steps(draft, parent);
CREATE TABLE IF NOT EXISTS versions (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    draft INTEGER NOT NULL REFERENCES drafts(number),
    name TEXT NOT NULL,
    step INTEGER NOT NULL,
    UNIQUE (draft, name)
);
CREATE TABLE IF NOT EXISTS kept (
    draft INTEGER NOT NULL REFERENCES drafts(number), file TEXT NOT NULL, PRIMARY KEY (draft, file)
) WITHOUT ROWID;
"""
TABLES = {
    "facts": "name",
    "drafts": "number",
    "texts": "draft",
    "steps": "number",
    "versions": "number",
    "kept": "draft",
}

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


def connect(folder: Path, *, whole: bool = False) -> sqlite3.Connection:
    """Opens the file of drafts in a folder, both made where absent; where it cannot be written to, for reading.

    whole: reads through a large file, too. Raises DraftsUnavailable, and Damaged for a file that is broken.
    """
    file = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DraftsUnavailable(place=folder, reason=os_reason(error)) from error
    with readable(folder):
        try:
            connection = _open(str(file))
        except sqlite3.OperationalError as error:
            if code(error) not in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN) or not file.is_file():
                raise
            connection = _read_only(file)
        try:
            _check(connection, folder, whole=whole or file.stat().st_size <= CHECKED_WHOLE)
        except BaseException:
            connection.close()
            raise
    return connection


def _check(connection: sqlite3.Connection, folder: Path, *, whole: bool) -> None:
    """Makes what is missing in the file. Raises DraftsUnavailable for one of another version; Damaged."""
    with contextlib.suppress(sqlite3.OperationalError):  # a new one
        found = connection.execute("SELECT value FROM facts WHERE name = 'format'").fetchone()
        if found is not None and found[0] != str(FORMAT):
            raise DraftsUnavailable(
                place=folder,
                reason=_(
                    "their format is version {found}; this program reads {known}. They were left as they are: use the "
                    "newer program, or another folder: --data DIR",
                    found=found[0],
                    known=FORMAT,
                ),
            )
    if whole and (problem := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
        raise Damaged(problem)
    try:
        connection.executescript(SCHEMA)
        connection.execute("INSERT OR IGNORE INTO facts VALUES ('format', ?)", (str(FORMAT),))
    except sqlite3.OperationalError as error:
        if code(error) != sqlite3.SQLITE_READONLY:
            raise


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
def transaction(connection: sqlite3.Connection, lock: threading.RLock, folder: Path) -> Iterator[sqlite3.Connection]:
    """All changes inside become visible together, or none. Raises DraftsUnavailable or Damaged."""
    with lock, readable(folder):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # a full disk has rolled back already
                connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


@contextmanager
def readable(folder: Path) -> Iterator[None]:
    """Turns what SQLite says into DraftsUnavailable, or Damaged where a part of the file is not what it was."""
    try:
        yield
    except sqlite3.Error as error:
        if code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise Damaged(str(error)) from error
        reason = _REASONS.get(code(error)) or _("the file of drafts does not work ({error}).", error=error)
        raise DraftsUnavailable(place=folder, reason=reason) from error


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
