"""Saves what can be read of a damaged file of drafts; the damaged one is kept as it was."""

import contextlib
import logging
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path

from composer.drafts.database import FILE, SCHEMA, TABLES
from composer.drafts.records import Recovered

_log = logging.getLogger(__name__)
_STRIDE = 64  # rows behind a damaged place that are skipped at first


def recover(folder: Path) -> Recovered:
    """Puts a new file with all readable rows into the place of the damaged one. Raises OSError and sqlite3.Error."""
    file = folder / FILE
    number = 1
    while (copy := folder / f"{FILE}.damaged-{number}").exists():
        number += 1
    for suffix in ("", "-wal"):
        if (part := folder / f"{FILE}{suffix}").exists():
            part.replace(folder / f"{copy.name}{suffix}")
    (folder / f"{FILE}-shm").unlink(missing_ok=True)
    fresh = folder / f"{FILE}.new"
    fresh.unlink(missing_ok=True)
    new = sqlite3.connect(fresh, isolation_level=None)
    try:
        new.executescript(SCHEMA)
        new.execute("BEGIN")
        with contextlib.suppress(sqlite3.DatabaseError):  # a file of something else gives nothing
            old = sqlite3.connect(f"{copy.absolute().as_uri()}?mode=rw", uri=True)
            old.row_factory = sqlite3.Row
            try:
                for table in TABLES:
                    for row in _rows(old, table):
                        if table == "steps" and not _whole(row["article"]):
                            continue
                        columns, marks = ", ".join(row.keys()), ", ".join("?" * len(row.keys()))
                        with contextlib.suppress(sqlite3.DatabaseError):  # one row that is nonsense
                            new.execute(f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})", tuple(row))
            finally:
                old.close()
        _mend(new)
        new.execute("COMMIT")
        drafts, steps = (
            int(new.execute(f"SELECT count(*) FROM {table}").fetchone()[0]) for table in ("drafts", "steps")
        )
    finally:
        new.close()
    fresh.replace(file)
    _log.error("The file of drafts was damaged; it is kept as %s. Drafts saved: %d", copy, drafts)
    return Recovered(drafts, steps, copy)


def _rows(connection: sqlite3.Connection, table: str) -> Iterator[sqlite3.Row]:
    """The readable rows of a table: up to a damaged place, and behind it again, wherever that is."""
    key = TABLES[table]
    if key in ("name", "draft") and table != "texts":
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


def _whole(packed: object) -> bool:
    """Whether the bytes of a step are what was written."""
    try:
        return bool(zlib.decompress(packed)) if isinstance(packed, bytes) else False
    except zlib.error:
        return False


def _mend(connection: sqlite3.Connection) -> None:
    """Every draft stands at a step that exists; steps whose draft was lost get one, so that their text is not lost."""
    connection.execute("DELETE FROM versions WHERE (draft, step) NOT IN (SELECT draft, step FROM steps)")
    connection.execute(
        "INSERT OR IGNORE INTO drafts (number, id, owner, created, changed, touched, step, last_step) "
        "SELECT draft, lower(hex(randomblob(16))), '', min(at), max(at), 0, max(step), max(step) FROM steps "
        "WHERE draft NOT IN (SELECT number FROM drafts) GROUP BY draft"
    )
    connection.execute("DELETE FROM drafts WHERE number NOT IN (SELECT draft FROM steps)")
    connection.execute(
        "UPDATE drafts SET step = (SELECT max(step) FROM steps WHERE draft = number) "
        "WHERE NOT EXISTS (SELECT 1 FROM steps s WHERE s.draft = drafts.number AND s.step = drafts.step)"
    )
    connection.execute(
        "UPDATE drafts SET last_step = max(last_step, (SELECT max(step) FROM steps WHERE draft = drafts.number))"
    )
    connection.execute("DELETE FROM texts WHERE draft NOT IN (SELECT number FROM drafts)")
    connection.execute("DELETE FROM kept WHERE draft NOT IN (SELECT number FROM drafts)")
