"""The catalogue's table of files: which file stands for which picture, and which were left out and why. SQL only.

Paths go in and come out as the system has them; the table holds their stored form (retrieval/paths.py).
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from retrieval.errors import Reason, is_current
from retrieval.paths import real_path, stored_path, under


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file as it was when it was last read."""

    number: int | None  # of its picture
    size: int
    mtime_ns: int
    words_mtime_ns: int
    error: Reason | None = None  # why it was left out


def known_files(connection: sqlite3.Connection, root: Path) -> dict[str, KnownFile]:
    """path -> file, for those under a folder."""
    rows = connection.execute(
        "SELECT path, number, size, mtime_ns, words_mtime_ns, error FROM files WHERE path >= ? AND path < ?",
        under(root),
    )
    return {real_path(row[0]): _known(*row[1:]) for row in rows}


def _known(number: int | None, size: int, mtime_ns: int, words_mtime_ns: int, error: str) -> KnownFile:
    if error and not is_current(error):
        mtime_ns = 0  # it is read once more, for a reason that can be said in every language
    return KnownFile(number, size, mtime_ns, words_mtime_ns, Reason.from_stored(error) if error else None)


def note_file(connection: sqlite3.Connection, path: str, file: KnownFile) -> int | None:
    """Notes a file as it is now; returns the number of the picture it stood for until now."""
    name = stored_path(path)
    before = connection.execute("SELECT number FROM files WHERE path = ?", (name,)).fetchone()
    connection.execute(
        "INSERT OR REPLACE INTO files (path, number, size, mtime_ns, words_mtime_ns, error) VALUES (?, ?, ?, ?, ?, ?)",
        (name, file.number, file.size, file.mtime_ns, file.words_mtime_ns, file.error.stored() if file.error else ""),
    )
    return None if before is None else before[0]


def note_unseen(connection: sqlite3.Connection, unseen: Iterable[tuple[str, Reason]]) -> None:
    """Notes files and folders that cannot be looked at now: (path, reason). One that stands for a picture goes on
    standing for it, and is read again as soon as it can be."""
    connection.executemany(
        "INSERT INTO files (path, size, mtime_ns, words_mtime_ns, error) VALUES (?, 0, 0, 0, ?) ON CONFLICT (path) "
        "DO UPDATE SET error = excluded.error, mtime_ns = 0 WHERE error != excluded.error",
        [(stored_path(path), reason.stored()) for path, reason in unseen],
    )


def assign_file(connection: sqlite3.Connection, path: str, number: int) -> None:
    """Has a noted file stand for a picture."""
    connection.execute("UPDATE files SET number = ? WHERE path = ?", (number, stored_path(path)))


def read_file_again(connection: sqlite3.Connection, path: str) -> None:
    """Has the next run read a file although it has not changed."""
    connection.execute("UPDATE files SET mtime_ns = 0 WHERE path = ?", (stored_path(path),))


def forget_files(connection: sqlite3.Connection, paths: Iterable[str]) -> None:
    connection.executemany("DELETE FROM files WHERE path = ?", [(stored_path(path),) for path in paths])


def paths_of(connection: sqlite3.Connection, number: int) -> list[str]:
    """The files of one picture, by name."""
    rows = connection.execute("SELECT path FROM files WHERE number = ? ORDER BY path", (number,))
    return [real_path(row[0]) for row in rows]


def paths_of_pictures(connection: sqlite3.Connection) -> Iterable[str]:
    """All files that stand for pictures."""
    rows = connection.execute("SELECT path FROM files WHERE number IS NOT NULL")
    return (real_path(row[0]) for row in rows)


def skipped_files(connection: sqlite3.Connection) -> list[tuple[str, Reason]]:
    """Files that were looked at and not taken: (path, reason)."""
    rows = connection.execute("SELECT path, error FROM files WHERE error != '' ORDER BY path")
    return [(real_path(row[0]), Reason.from_stored(row[1])) for row in rows]
