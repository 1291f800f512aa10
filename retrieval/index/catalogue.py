"""The catalogue of a gallery: every picture's facts, words and vectors in one SQLite file.

One file and one transaction a batch: facts, words and vectors of a picture appear together or not at all, also after a
crash. Pictures are known by their content (`sha256`), files by their path: a renamed file keeps its picture, a copied
file adds no second one. Knows SQL only, no FAISS, no encoders.
"""

import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import Reason
from retrieval.index.files import paths_of, paths_of_pictures, skipped_files
from retrieval.index.fulltext import LISTED, find_words, listed, passing
from retrieval.index.read_texts import READ_TEXTS, text_in
from retrieval.index.remembered import REMEMBERED, remember, remembered
from retrieval.index.tokenizer import stored_words
from retrieval.paths import folder_counts, real_path
from retrieval.records import Filters, Picture

__all__ = ["Catalogue", "Filters", "Picture", "Slots", "Vectors"]

SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pictures (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    sha256 TEXT NOT NULL,
    phash INTEGER,
    width INTEGER NOT NULL DEFAULT 0,
    height INTEGER NOT NULL DEFAULT 0,
    caption TEXT NOT NULL DEFAULT '',
    tags TEXT NOT NULL DEFAULT '',
    credit TEXT NOT NULL DEFAULT '',
    licence TEXT NOT NULL DEFAULT '',
    source TEXT NOT NULL DEFAULT '',
    date TEXT NOT NULL DEFAULT '',
    indexed_at TEXT NOT NULL DEFAULT '',
    approximate INTEGER NOT NULL DEFAULT 0,
    drawing INTEGER NOT NULL DEFAULT 0,
    edited INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS pictures_date ON pictures(date);
CREATE INDEX IF NOT EXISTS pictures_caption ON pictures(caption COLLATE NOCASE);
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY,
    number INTEGER REFERENCES pictures(number),
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    words_mtime_ns INTEGER NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS files_number ON files(number);
CREATE TABLE IF NOT EXISTS tags (tag TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (tag, number)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS vectors (
    slot INTEGER PRIMARY KEY AUTOINCREMENT,
    number INTEGER NOT NULL REFERENCES pictures(number),
    vector BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS vectors_number ON vectors(number);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(
    caption, tags, names, tokenize = "porter unicode61 remove_diacritics 2"
);
"""

Slots = NDArray[np.int64]
Vectors = NDArray[np.float32]

_FIELDS = (
    *("id", "sha256", "phash", "width", "height", "caption", "tags", "credit", "licence", "source", "date"),
    *("indexed_at", "approximate", "drawing", "edited"),
)
_SELECTED = ("number", *_FIELDS, "path", "text_inside")
_SELECT = (
    "SELECT p.number, "
    + ", ".join(f"p.{name}" for name in _FIELDS)
    + ", COALESCE((SELECT MIN(path) FROM files f WHERE f.number = p.number), '') AS path, "
    "(SELECT text FROM read_texts r WHERE r.number = p.number) AS text_inside FROM pictures p"
)


class Catalogue:
    """An open catalogue file. Any number of threads may use it; each gets its own connection. Writers take turns."""

    def __init__(self, path: Path) -> None:
        """Opens or creates the file. Raises sqlite3.DatabaseError where it is no catalogue."""
        self.path = path
        self._local = threading.local()
        self._connections: list[tuple[threading.Thread, sqlite3.Connection]] = []
        self._opening = threading.Lock()
        self._writing = threading.RLock()
        with self._writing:
            connection = self.connection
            connection.executescript(_SCHEMA + REMEMBERED + READ_TEXTS)
            stored = self.fact("schema")
            if stored is None:
                self.set_fact("schema", str(SCHEMA_VERSION))
            elif stored != str(SCHEMA_VERSION):
                raise sqlite3.DatabaseError(f"its format is version {stored}; this program reads {SCHEMA_VERSION}")

    @property
    def connection(self) -> sqlite3.Connection:
        """This thread's connection."""
        existing: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if existing is not None:
            return existing
        connection = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        _write_ahead(connection)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA mmap_size = 268435456")
        self._local.connection = connection
        with self._opening:
            for thread, ended in self._connections:
                if not thread.is_alive():  # a page's threads come and go; their connections must not pile up
                    ended.close()
            self._connections = [entry for entry in self._connections if entry[0].is_alive()]
            self._connections.append((threading.current_thread(), connection))
        return connection

    def close(self) -> None:
        """Closes the file. What another thread has going on is finished: its connection closes when it lets go of it,
        since closing one under a running query crashes the process."""
        with self._opening:
            for thread, connection in self._connections:
                if thread is threading.current_thread() or not thread.is_alive():
                    connection.close()
            self._connections.clear()
        self._local = threading.local()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All changes inside become visible together, or none of them."""
        with self._writing:
            connection = self.connection
            inside = connection.in_transaction
            if inside:
                yield connection
                return
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # a full disk may end it by itself
                    connection.execute("ROLLBACK")
                raise

    # -- facts about the whole gallery -------------------------------------------------------------

    def fact(self, name: str) -> str | None:
        row = self.connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row["value"])

    def set_fact(self, name: str, value: str) -> None:
        with self.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def count(self) -> int:
        return int(self.connection.execute("SELECT COUNT(*) FROM pictures").fetchone()[0])

    # -- writing -----------------------------------------------------------------------------------

    def store(self, picture: Picture, vectors: Vectors, names: str = "") -> int:
        """Adds or replaces the picture of that id with its vectors (V, dim); returns its number.

        `names` are further words to find it by (file and folder names).
        """
        with self.transaction() as connection:
            columns = ", ".join(_FIELDS)
            updates = ", ".join(f"{name} = excluded.{name}" for name in _FIELDS[1:])
            values = [getattr(picture, name) for name in _FIELDS]
            connection.execute(
                f"INSERT INTO pictures ({columns}) VALUES ({', '.join('?' * len(_FIELDS))}) "
                f"ON CONFLICT(id) DO UPDATE SET {updates}",
                values,
            )
            number = int(connection.execute("SELECT number FROM pictures WHERE id = ?", (picture.id,)).fetchone()[0])
            self._store_words(connection, number, picture, names)
            self._store_vectors(connection, number, vectors)
        return number

    def _store_vectors(self, connection: sqlite3.Connection, number: int, vectors: Vectors) -> None:
        connection.execute("DELETE FROM vectors WHERE number = ?", (number,))
        connection.executemany(
            "INSERT INTO vectors (number, vector) VALUES (?, ?)",
            [(number, row.astype("<f2").tobytes()) for row in vectors],
        )

    def rewrite(self, picture: Picture, names: str | None = None, vectors: Vectors | None = None) -> None:
        """New words for a stored picture. `names` and `vectors` None: those stay. Raises KeyError where it is gone."""
        existing = self.by_id(picture.id)
        if existing is None or existing.number is None:
            raise KeyError(picture.id)
        number = existing.number
        with self.transaction() as connection:
            columns = ", ".join(f"{name} = ?" for name in _FIELDS)
            connection.execute(
                f"UPDATE pictures SET {columns} WHERE number = ?", (*(getattr(picture, f) for f in _FIELDS), number)
            )
            self._store_words(connection, number, picture, names)
            if vectors is not None:
                self._store_vectors(connection, number, vectors)

    def _store_words(self, connection: sqlite3.Connection, number: int, picture: Picture, names: str | None) -> None:
        caption, tags = stored_words(picture.caption), stored_words(picture.tags)
        if names is None:
            connection.execute("UPDATE words SET caption = ?, tags = ? WHERE rowid = ?", (caption, tags, number))
        else:
            connection.execute("DELETE FROM words WHERE rowid = ?", (number,))
            connection.execute(
                "INSERT INTO words (rowid, caption, tags, names) VALUES (?, ?, ?, ?)",
                (number, caption, tags, stored_words(f"{names} {text_in(connection, number)}")),
            )
        connection.execute("DELETE FROM tags WHERE number = ?", (number,))
        connection.executemany(
            "INSERT OR IGNORE INTO tags VALUES (?, ?)", [(tag.lower(), number) for tag in picture.tag_list]
        )

    def drop(self, numbers: Iterable[int]) -> None:
        """Removes pictures with their tags, vectors and file entries. What a person wrote about them is kept by their
        content, for when they come back."""
        chosen = [(number,) for number in numbers]
        with self.transaction() as connection:
            remember(connection, [number for (number,) in chosen])
            for table, column in (
                ("files", "number"),
                ("vectors", "number"),
                ("tags", "number"),
                ("words", "rowid"),
                ("read_texts", "number"),
                ("pictures", "number"),
            ):
                connection.executemany(f"DELETE FROM {table} WHERE {column} = ?", chosen)

    def remembered(self, sha256: str) -> dict[str, str]:
        """What a person wrote about a picture of this content that has gone; empty where nothing was written."""
        return remembered(self.connection, sha256)

    # -- reading -----------------------------------------------------------------------------------

    def by_id(self, picture_id: str) -> Picture | None:
        row = self.connection.execute(f"{_SELECT} WHERE p.id = ?", (picture_id,)).fetchone()
        return None if row is None else _picture(row)

    def by_numbers(self, numbers: Sequence[int]) -> dict[int, Picture]:
        """number -> picture, for those that exist."""
        rows = self.connection.execute(f"{_SELECT} WHERE p.number IN {LISTED}", (listed(numbers),))
        return {int(row["number"]): _picture(row) for row in rows}

    def pictures(self) -> Iterator[Picture]:
        """All pictures, in the order in which they came."""
        last = 0
        while rows := self.connection.execute(
            f"{_SELECT} WHERE p.number > ? ORDER BY 1 LIMIT 1000", (last,)
        ).fetchall():
            last = int(rows[-1]["number"])
            yield from map(_picture, rows)

    def newest(self, limit: int, offset: int = 0, filters: Filters | None = None) -> list[Picture]:
        """Pictures that pass the filters, the newest first."""
        condition, values = filters.where() if filters is not None else ("", [])
        query = f"{_SELECT} WHERE {condition or '1'} ORDER BY p.date DESC, p.number DESC LIMIT ? OFFSET ?"
        return [_picture(row) for row in self.connection.execute(query, (*values, limit, offset))]

    def tags(self) -> dict[str, int]:
        """tag -> number of pictures, the most frequent first."""
        rows = self.connection.execute("SELECT tag, COUNT(*) FROM tags GROUP BY tag ORDER BY 2 DESC, 1")
        return {str(row[0]): int(row[1]) for row in rows}

    def folders(self) -> dict[str, int]:
        """Absolute folder -> number of files of pictures in it or below, in order of their names."""
        return folder_counts(paths_of_pictures(self.connection))

    def licences(self) -> dict[str, int]:
        """Licence -> number of pictures, the most frequent first."""
        rows = self.connection.execute(
            "SELECT licence, COUNT(*) FROM pictures WHERE licence != '' GROUP BY licence ORDER BY 2 DESC, 1"
        )
        return {str(row[0]): int(row[1]) for row in rows}

    def numbers_of_slots(self, slots: Sequence[int]) -> dict[int, int]:
        """slot -> number of the picture, for slots that are still in use."""
        rows = self.connection.execute(f"SELECT slot, number FROM vectors WHERE slot IN {LISTED}", (listed(slots),))
        return {int(row[0]): int(row[1]) for row in rows}

    def numbers_of_ids(self, ids: Iterable[str]) -> set[int]:
        rows = self.connection.execute(f"SELECT number FROM pictures WHERE id IN {LISTED}", (listed(ids),))
        return {int(row[0]) for row in rows}

    def paths_of(self, number: int) -> list[str]:
        """The files of one picture, by name."""
        return paths_of(self.connection, number)

    def without_files(self) -> list[int]:
        """Numbers of pictures that no file stands for any more."""
        rows = self.connection.execute("SELECT number FROM pictures EXCEPT SELECT number FROM files")
        return [int(row[0]) for row in rows]

    def counts(self) -> dict[str, int]:
        """Numbers of pictures, files, vectors, and of files that were skipped."""
        queries = {
            "pictures": "SELECT COUNT(*) FROM pictures",
            "files": "SELECT COUNT(*) FROM files WHERE number IS NOT NULL",
            "vectors": "SELECT COUNT(*) FROM vectors",
            "skipped": "SELECT COUNT(*) FROM files WHERE error != ''",
        }
        return {name: int(self.connection.execute(query).fetchone()[0]) for name, query in queries.items()}

    def skipped(self) -> list[tuple[str, Reason]]:
        """Files that were looked at and not taken: (path, reason)."""
        return skipped_files(self.connection)

    def allowed_slots(self, filters: Filters) -> Slots:
        """Slots of the pictures that pass the filters."""
        condition, values = filters.where()
        row = self.connection.execute(  # as one text: a row for each takes three times as long
            "SELECT group_concat(v.slot, ' ') FROM pictures p JOIN vectors v ON v.number = p.number "
            f"WHERE {condition or '1'}",
            values,
        ).fetchone()
        return np.fromstring(row[0] or "", dtype=np.int64, sep=" ")

    def passing(self, numbers: Iterable[int], filters: Filters) -> set[int]:
        """Which of these pictures pass the filters."""
        return passing(self.connection, numbers, filters)

    def newest_slot(self) -> int:
        """The last slot ever given, by any process; it only grows."""
        last = self.connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'vectors'").fetchone()
        return 0 if last is None else int(last[0])

    def chunks(self, dim: int, size: int = 20_000) -> Iterator[tuple[Slots, Vectors]]:
        """All vectors in order of their slots, `size` at a time."""
        last = 0
        while True:
            rows = self.connection.execute(
                "SELECT slot, vector FROM vectors WHERE slot > ? ORDER BY slot LIMIT ?", (last, size)
            ).fetchall()
            if not rows:
                return
            last = int(rows[-1]["slot"])
            yield _vectors(rows, dim)

    def vectors_of(self, numbers: Sequence[int], dim: int) -> dict[int, Vectors]:
        """number -> its vectors (V, dim)."""
        query = f"SELECT slot, number, vector FROM vectors WHERE number IN {LISTED} ORDER BY number, slot"
        rows = self.connection.execute(query, (listed(numbers),)).fetchall()
        ends = {row[1]: place for place, row in enumerate(rows, 1)}
        vectors = _vectors(rows, dim)[1]
        return {
            number: vectors[start:end] for start, (number, end) in zip([0, *ends.values()], ends.items(), strict=False)
        }

    def vectors_after(self, slot: int, dim: int, limit: int = -1) -> tuple[Slots, Vectors]:
        """At most `limit` slots (N,) greater than `slot` in order, and their vectors (N, dim)."""
        rows = self.connection.execute(
            "SELECT slot, vector FROM vectors WHERE slot > ? ORDER BY slot LIMIT ?", (slot, limit)
        )
        return _vectors(rows.fetchall(), dim)

    def find_words(self, query: str, limit: int = 50, filters: Filters | None = None) -> tuple[list[int], list[int]]:
        """Numbers of pictures by their words, best first: (by words and pairs, by single Chinese characters)."""
        return find_words(self.connection, query, limit, filters)


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Has readers and a writer not wait for each other; waits for another program that is just making the file, which
    SQLite's own patience does not cover."""
    for left in reversed(range(100)):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if not left or error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            time.sleep(0.1)
        else:
            return


def _picture(row: sqlite3.Row) -> Picture:
    values = dict(zip(_SELECTED, row, strict=True))
    values |= {name: bool(values[name]) for name in ("approximate", "drawing", "edited")}
    values["path"] = real_path(values["path"])
    return Picture(**values)


def _vectors(rows: Sequence[sqlite3.Row], dim: int) -> tuple[Slots, Vectors]:
    slots = np.array([row["slot"] for row in rows], dtype=np.int64)
    values = np.frombuffer(b"".join(row["vector"] for row in rows), dtype="<f2").reshape(len(rows), dim)
    return slots, values.astype(np.float32)
