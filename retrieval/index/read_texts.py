"""The text that was read in pictures: which were looked at, and their words in the full-text index. SQL only.

A picture's number stands for its content, so that a renamed file keeps what was read, and a changed one is read anew.
"""

import sqlite3

from retrieval.index.tokenizer import stored_words

READ_TEXTS = """
CREATE TABLE IF NOT EXISTS read_texts (
    number INTEGER PRIMARY KEY, text TEXT NOT NULL DEFAULT '', error TEXT NOT NULL DEFAULT ''
);
"""


def unread(connection: sqlite3.Connection) -> list[tuple[int, str]]:
    """(number, sha256) of the pictures that were not looked at for text, in the order in which they came."""
    rows = connection.execute(
        "SELECT number, sha256 FROM pictures p WHERE NOT EXISTS (SELECT 1 FROM read_texts r WHERE r.number = p.number) "
        "ORDER BY number"
    )
    return [(int(row[0]), str(row[1])) for row in rows]


def text_in(connection: sqlite3.Connection, number: int) -> str:
    """What was read in the picture; empty where nothing was, or nothing is there."""
    row = connection.execute("SELECT text FROM read_texts WHERE number = ?", (number,)).fetchone()
    return "" if row is None else str(row[0])


def store_text(connection: sqlite3.Connection, number: int, text: str, error: str = "") -> None:
    """Notes that the picture was looked at; its text joins the names of files, the weakest words of a search.

    For a picture without such a note, inside a transaction. A picture that has gone meanwhile is left alone.
    """
    connection.execute(
        "INSERT INTO read_texts SELECT number, ?, ? FROM pictures WHERE number = ?", (text, error, number)
    )
    if text:
        connection.execute("UPDATE words SET names = names || ' ' || ? WHERE rowid = ?", (stored_words(text), number))


def read_count(connection: sqlite3.Connection) -> int:
    """How many pictures were looked at."""
    return int(connection.execute("SELECT COUNT(*) FROM read_texts").fetchone()[0])
