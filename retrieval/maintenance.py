"""Looks whether a gallery is whole, and makes it whole again. The pictures themselves are only read, never changed."""

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from retrieval.errors import GalleryBusy, GalleryNotFound, GalleryUnreadable
from retrieval.gallery import LOCK_FILE, Gallery
from retrieval.index import MANIFEST, Catalogue
from retrieval.ingest import GALLERY_FILE, path_words, thumbnail_path

TABLES = (
    "facts",
    "pictures",
    "files",
    "tags",
    "vectors",
    "remembered",
    "read_texts",
)  # in the order in which they are saved from a broken file


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it should be."""

    kind: str
    count: int
    text: str
    hint: str = "python -m retrieval repair"


def verify(gallery: Gallery) -> list[Problem]:
    """All problems of a gallery; an empty list where it is whole. Reads the catalogue and the index file completely."""
    catalogue = gallery.catalogue
    connection = catalogue.connection
    try:
        damage = [str(row[0]) for row in connection.execute("PRAGMA quick_check(5)") if row[0] != "ok"]
    except sqlite3.DatabaseError as error:
        damage = [str(error)]
    if damage:  # nothing else can be trusted
        return [Problem("catalogue", len(damage), f"the catalogue's file is damaged: {damage[0]}")]
    problems = [
        Problem(kind, count, text.format(n=count))
        for kind, text, query in _CHECKS
        if (count := int(connection.execute(query, {"bytes": 2 * gallery.dim}).fetchone()[0]))
    ]
    try:
        connection.execute("INSERT INTO words(words) VALUES ('integrity-check')")
    except sqlite3.DatabaseError as error:
        problems.append(Problem("full text", 1, f"the full-text index is damaged: {error}"))
    wrong = gallery.searcher.index.verify()
    if wrong:
        problems.append(Problem("vectors", 1, wrong))
    thumbnails = sum(1 for _ in _without_thumbnail(catalogue, gallery.place))
    if thumbnails:
        problems.append(Problem("thumbnails", thumbnails, f"{thumbnails} pictures have no thumbnail"))
    return problems


_CHECKS = (
    (
        "vectors",
        "{n} pictures have no vector",
        "SELECT COUNT(*) FROM pictures p WHERE NOT EXISTS (SELECT 1 FROM vectors v WHERE v.number = p.number)",
    ),
    (
        "vectors",
        "{n} vectors belong to no picture",
        "SELECT COUNT(*) FROM vectors v WHERE NOT EXISTS (SELECT 1 FROM pictures p WHERE p.number = v.number)",
    ),
    ("vectors", "{n} vectors have the wrong length", "SELECT COUNT(*) FROM vectors WHERE length(vector) != :bytes"),
    (
        "words",
        "{n} pictures are missing in the full-text index",
        "SELECT COUNT(*) FROM pictures p WHERE NOT EXISTS (SELECT 1 FROM words w WHERE w.rowid = p.number)",
    ),
    (
        "files",
        "{n} files stand for a picture that is not there",
        "SELECT COUNT(*) FROM files f WHERE number IS NOT NULL "
        "AND NOT EXISTS (SELECT 1 FROM pictures p WHERE p.number = f.number)",
    ),
    ("files", "{n} files stand for nothing", "SELECT COUNT(*) FROM files WHERE number IS NULL AND error = ''"),
    (
        "pictures",
        "{n} pictures have the content of another",
        "SELECT COUNT(*) - COUNT(DISTINCT sha256) FROM pictures WHERE sha256 != ''",
    ),
)


def mend(place: Path) -> list[str]:
    """Mends the gallery in the folder `place`, also where its catalogue is so damaged that it cannot be opened or read.

    Says what was done. Raises GalleryNotFound, GalleryBusy, and what opening a gallery raises: one that is locked, or
    of another version of this program, is not damaged.
    """
    try:
        with Gallery.open(place) as gallery:
            damaged = any(problem.kind == "catalogue" for problem in verify(gallery))
            if not damaged:
                return repair(gallery)
    except GalleryUnreadable as error:
        code = getattr(error.__cause__, "sqlite_errorcode", 0) & 0xFF  # the upper bits say more of the same
        if code not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise
    done = salvage(place)  # what is readable of its file
    with Gallery.open(place) as gallery:
        return done + repair(gallery)


def repair(gallery: Gallery) -> list[str]:
    """Mends what `verify` finds, and says what was done. What must be read anew is read at the next `index`."""
    catalogue = gallery.catalogue
    done: list[str] = []

    def note(count: int, text: str) -> None:
        if count > 0:
            done.append(text.format(n=count))

    with catalogue.transaction() as connection:
        connection.execute("DELETE FROM read_texts WHERE number NOT IN (SELECT number FROM pictures)")
        note(
            connection.execute("DELETE FROM vectors WHERE number NOT IN (SELECT number FROM pictures)").rowcount,
            "removed {n} vectors without a picture",
        )
        note(
            connection.execute("DELETE FROM vectors WHERE length(vector) != ?", (2 * gallery.dim,)).rowcount,
            "removed {n} vectors of the wrong length",
        )
        note(
            connection.execute(
                "DELETE FROM files WHERE (number IS NULL AND error = '') "
                "OR number IN (SELECT number FROM files WHERE number IS NOT NULL EXCEPT SELECT number FROM pictures)"
            ).rowcount,
            "forgot {n} files that stood for nothing; index again to read them",
        )
        bare = [
            int(row[0])
            for row in connection.execute("SELECT number FROM pictures EXCEPT SELECT number FROM vectors").fetchall()
        ]
        catalogue.drop(bare)
        note(len(bare), "removed {n} pictures without a vector; index again to read them")
        lost = [number for number, _ in _without_thumbnail(catalogue, gallery.place)]
        connection.executemany("UPDATE files SET mtime_ns = 0 WHERE number = ?", [(n,) for n in lost])
        note(len(lost), "{n} pictures without a thumbnail are read again at the next index")
        connection.execute("DELETE FROM words")
        rows = connection.execute("SELECT number FROM pictures").fetchall()
        for picture in catalogue.by_numbers([int(row[0]) for row in rows]).values():
            catalogue.rewrite(picture, path_words(picture.path))
        connection.execute("INSERT INTO words(words) VALUES ('rebuild')")
    done.append(f"built the full-text index of {len(rows)} pictures anew")
    index = gallery.searcher.index
    if index.verify():
        index.discard_file()
        gallery.searcher.refresh()
        done.append("removed the damaged index file; the vectors were taken from the catalogue")
        if index.rebuild_wanted(catalogue.counts()["vectors"]):
            gallery.searcher.rebuild()
            done.append("built a new index file")
    return done


def salvage(place: Path) -> list[str]:
    """Saves every readable row of a catalogue that SQLite calls damaged into a new one, and says what was saved.

    The damaged file stays beside it as gallery.sqlite.damaged. Raises GalleryNotFound, and GalleryBusy while another
    program is indexing.
    """
    if not (place / GALLERY_FILE).is_file():
        raise GalleryNotFound(place=place)
    try:
        with FileLock(place / LOCK_FILE, timeout=0):
            return _salvaged(place)
    except Timeout as error:
        raise GalleryBusy(place=place) from error


def _salvaged(place: Path) -> list[str]:
    file = place / GALLERY_FILE
    fresh = place / f"{GALLERY_FILE}.new"
    for old in place.glob(f"{GALLERY_FILE}.new*"):
        old.unlink()
    new = Catalogue(fresh)
    old_connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
    old_connection.row_factory = sqlite3.Row
    done = []
    with new.transaction() as connection:
        for table in TABLES:
            saved = 0
            for row in _readable_rows(old_connection, table):
                marks = ", ".join("?" * len(row.keys()))
                columns = ", ".join(row.keys())
                connection.execute(f"INSERT OR REPLACE INTO {table} ({columns}) VALUES ({marks})", tuple(row))
                saved += 1
            done.append(f"saved {saved} rows of '{table}'")
    old_connection.close()
    new.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    new.close()
    file.replace(place / f"{GALLERY_FILE}.damaged")
    for suffix in ("-wal", "-shm"):
        (place / f"{GALLERY_FILE}{suffix}").unlink(missing_ok=True)
        (place / f"{GALLERY_FILE}.new{suffix}").unlink(missing_ok=True)
    # the index knows vectors by numbers that are given again where the last ones were lost
    (place / "vectors" / MANIFEST).unlink(missing_ok=True)
    fresh.replace(file)
    return done


def _readable_rows(connection: sqlite3.Connection, table: str) -> Iterator[sqlite3.Row]:
    """The rows of a table from its beginning and, behind a damaged page, from its end."""
    for order in ("ASC", "DESC"):
        key = {
            "facts": "name",
            "files": "path",
            "tags": "tag",
            "vectors": "slot",
            "pictures": "number",
            "remembered": "sha256",
            "read_texts": "number",
        }[table]
        with contextlib.suppress(sqlite3.DatabaseError):  # the rest is not readable in this direction
            yield from connection.execute(f"SELECT * FROM {table} ORDER BY {key} {order}")
            return


def _without_thumbnail(catalogue: Catalogue, place: Path) -> Iterator[tuple[int, str]]:
    for row in catalogue.connection.execute("SELECT number, sha256 FROM pictures WHERE sha256 != ''").fetchall():
        if not thumbnail_path(place / "thumbnails", row["sha256"]).is_file():
            yield int(row["number"]), str(row["sha256"])
