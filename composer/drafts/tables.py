"""The tables of drafts, and how they are mended."""

import sqlite3
import zlib

from composer.drafts.records import Recovered
from composer.errors import DraftsUnavailable
from composer.keeping import Layout

SCHEMA = """
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


def _is_whole(table: str, row: sqlite3.Row) -> bool:
    """Whether the bytes of a step are what was written."""
    if table != "steps":
        return True
    try:
        return bool(zlib.decompress(row["article"])) if isinstance(row["article"], bytes) else False
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


LAYOUT = Layout(
    file="drafts.sqlite",
    format=1,
    schema=SCHEMA,
    tables={"drafts": "number", "texts": "draft", "steps": "number", "versions": "number", "kept": ""},
    unavailable=DraftsUnavailable,
    is_whole=_is_whole,
    mend=_mend,
    recovered=lambda saved, copy: Recovered(saved["drafts"], saved["steps"], copy),
)
