"""What a person wrote about pictures that are gone from a gallery, by their content. SQL only."""

import sqlite3
from collections.abc import Iterable

REMEMBERED = """
CREATE TABLE IF NOT EXISTS remembered (
    sha256 TEXT PRIMARY KEY, caption TEXT, tags TEXT, credit TEXT, licence TEXT, source TEXT, since TEXT
) WITHOUT ROWID;
"""


def remember(connection: sqlite3.Connection, numbers: Iterable[int]) -> None:
    """Keeps the words of those of the pictures that a person edited, with the date."""
    connection.executemany(
        "INSERT OR REPLACE INTO remembered SELECT sha256, caption, tags, credit, licence, source, "
        "strftime('%Y-%m-%dT%H:%M:%SZ') FROM pictures WHERE number = ? AND edited",
        [(number,) for number in numbers],
    )


def remembered(connection: sqlite3.Connection, sha256: str) -> dict[str, str]:
    """The words kept for a picture of this content; empty where there are none."""
    row = connection.execute(
        "SELECT caption, tags, credit, licence, source FROM remembered WHERE sha256 = ?", (sha256,)
    ).fetchone()
    return {} if row is None else dict(row)
