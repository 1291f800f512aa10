"""Saves what can be read of a damaged file; the damaged one is kept as it was."""

import contextlib
import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from composer.keeping.database import create_tables
from composer.keeping.layout import Layout

R = TypeVar("R")

_log = logging.getLogger(__name__)
_STRIDE = 64  # rows behind a damaged place that are skipped at first


def recover(folder: Path, layout: Layout[R]) -> R:
    """Puts a new file with all readable rows into the place of the damaged one. Raises OSError and sqlite3.Error."""
    file = folder / layout.file
    number = 1
    while (copy := folder / f"{layout.file}.damaged-{number}").exists():
        number += 1
    for suffix in ("", "-wal"):
        if (part := folder / f"{layout.file}{suffix}").exists():
            part.replace(folder / f"{copy.name}{suffix}")
    (folder / f"{layout.file}-shm").unlink(missing_ok=True)
    fresh = folder / f"{layout.file}.new"
    fresh.unlink(missing_ok=True)
    new = sqlite3.connect(fresh, isolation_level=None)
    try:
        create_tables(new, layout)
        new.execute("BEGIN")
        with contextlib.suppress(sqlite3.DatabaseError):  # a file of something else gives nothing
            old = sqlite3.connect(f"{copy.absolute().as_uri()}?mode=rw", uri=True)
            old.row_factory = sqlite3.Row
            try:
                for table, key in {"facts": "", **layout.tables}.items():
                    for row in _rows(old, table, key):
                        if not layout.is_whole(table, row):
                            continue
                        columns, marks = ", ".join(row.keys()), ", ".join("?" * len(row.keys()))
                        with contextlib.suppress(sqlite3.DatabaseError):  # one row that is nonsense
                            new.execute(f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})", tuple(row))
            finally:
                old.close()
        layout.mend(new)
        new.execute("COMMIT")
        saved = {table: int(new.execute(f"SELECT count(*) FROM {table}").fetchone()[0]) for table in layout.tables}
    finally:
        new.close()
    fresh.replace(file)
    _log.error("A file was damaged; it is kept as %s. Saved: %s", copy, saved)
    return layout.recovered(saved, copy)


def _rows(connection: sqlite3.Connection, table: str, key: str) -> Iterator[sqlite3.Row]:
    """The readable rows of a table: up to a damaged place, and behind it again, wherever that is."""
    if not key:
        with contextlib.suppress(sqlite3.DatabaseError):
            yield from connection.execute(f"SELECT * FROM {table}")
        return
    at, stride, empty = -1, 1, 0
    while empty < 40:  # strides double: behind the last row there is nothing to be found
        try:
            for row in connection.execute(f"SELECT * FROM {table} WHERE {key} > ? ORDER BY {key}", (at,)):
                yield row
                at, stride, empty = int(row[key]), 1, 0
            return
        except sqlite3.DatabaseError:
            at, stride, empty = at + stride, min(2 * stride, _STRIDE), empty + 1
