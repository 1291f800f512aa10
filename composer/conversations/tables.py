"""The tables of conversations, and how they are mended."""

import json
import sqlite3

from composer.conversations.records import Recovered
from composer.errors import ConversationsUnavailable
from composer.keeping import Layout

SCHEMA = """
CREATE TABLE IF NOT EXISTS conversations (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    name TEXT NOT NULL DEFAULT '',
    title TEXT NOT NULL DEFAULT '',
    words TEXT NOT NULL DEFAULT '',
    created REAL NOT NULL,
    changed REAL NOT NULL,
    touched INTEGER NOT NULL,
    deleted REAL,
    last_id INTEGER NOT NULL DEFAULT 0,
    parameters TEXT NOT NULL DEFAULT '{}',
    material TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX IF NOT EXISTS conversations_touched ON conversations(owner, touched);
CREATE TABLE IF NOT EXISTS exchanges (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation INTEGER NOT NULL REFERENCES conversations(number),
    id INTEGER NOT NULL,
    parent INTEGER NOT NULL,
    first INTEGER NOT NULL,
    at REAL NOT NULL,
    content TEXT NOT NULL,
    words TEXT NOT NULL,
    UNIQUE (conversation, id)
);
CREATE TABLE IF NOT EXISTS shown (
    conversation INTEGER NOT NULL REFERENCES conversations(number),
    parent INTEGER NOT NULL,
    id INTEGER NOT NULL,
    PRIMARY KEY (conversation, parent)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS kept (
    conversation INTEGER NOT NULL REFERENCES conversations(number), file TEXT NOT NULL, PRIMARY KEY (conversation, file)
) WITHOUT ROWID;
"""


def _is_whole(table: str, row: sqlite3.Row) -> bool:
    """Whether what an exchange holds is what was written."""
    columns = {"exchanges": ("content",), "conversations": ("parameters", "material")}.get(table, ())
    try:
        return all(isinstance(json.loads(row[column]), dict) for column in columns)
    except (TypeError, ValueError):
        return False


def _mend(connection: sqlite3.Connection) -> None:
    """Exchanges whose conversation was lost get one, so that their text is not lost; one whose predecessor was lost
    begins its conversation."""
    connection.execute(
        "INSERT OR IGNORE INTO conversations (number, id, owner, created, changed, touched) "
        "SELECT conversation, lower(hex(randomblob(12))), '', min(at), max(at), 0 FROM exchanges "
        "WHERE conversation NOT IN (SELECT number FROM conversations) GROUP BY conversation"
    )
    connection.execute(
        "UPDATE exchanges SET parent = 0 WHERE parent != 0 AND NOT EXISTS "
        "(SELECT 1 FROM exchanges p WHERE p.conversation = exchanges.conversation AND p.id = exchanges.parent)"
    )
    connection.execute(
        "UPDATE exchanges SET first = id WHERE NOT EXISTS "
        "(SELECT 1 FROM exchanges p WHERE p.conversation = exchanges.conversation AND p.id = exchanges.first)"
    )
    connection.execute(
        "UPDATE conversations SET last_id = max(last_id, "
        "coalesce((SELECT max(id) FROM exchanges WHERE conversation = conversations.number), 0))"
    )
    for table in ("shown", "kept"):
        connection.execute(f"DELETE FROM {table} WHERE conversation NOT IN (SELECT number FROM conversations)")


LAYOUT = Layout(
    file="conversations.sqlite",
    format=1,
    schema=SCHEMA,
    tables={"conversations": "number", "exchanges": "number", "shown": "", "kept": ""},
    unavailable=ConversationsUnavailable,
    is_whole=_is_whole,
    mend=_mend,
    recovered=lambda saved, copy: Recovered(saved["conversations"], saved["exchanges"], copy),
)
