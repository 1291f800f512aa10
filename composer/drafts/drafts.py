"""DraftStore, and the drafts of one owner: made, saved step by step, undone, named, listed, deleted.

A step is an article as it was; its number names its content and is never given twice. Undo goes to a step's parent,
redo to the latest child; what was undone and then written over stays in the file.
"""

import secrets
import sqlite3
import time
from pathlib import Path

from common.decoding import without_halves
from composer.article import Article
from composer.drafts.packing import pack, unpack
from composer.drafts.pictures import KeptPictures
from composer.drafts.records import Draft, Recovered, Summary, Version
from composer.drafts.tables import LAYOUT
from composer.errors import DraftChanged, DraftNotFound, VersionNotFound
from composer.keeping import Storage, count_words, folded, mended, one_line

_COLUMNS = (
    "number, id, owner, name, title, created, changed, archived, deleted, step, last_step, words, pictures, picture"
)

_LEFT = ", left: "  # between the kind of a step and the work that was going on


def _kind(what: str, left: str) -> str:
    return f"{what[:20]}{_LEFT}{left[:10]}" if left else what


class Drafts:
    """Made by `DraftStore.of`. Every method raises DraftsUnavailable; one that names a draft, DraftNotFound where there
    is none or it is another owner's; one with `after`, DraftChanged where the draft is at another step now."""

    def __init__(self, store: "DraftStore", owner: str | None) -> None:
        """owner None: everybody's drafts."""
        self.store, self.owner = store, owner

    # -- writing -------------------------------------------------------------------------------------

    @mended
    def create(self, article: Article, *, what: str = "write", name: str = "", left: str = "") -> Draft:
        """A new draft at its first step. left: as of `save`."""
        kept = self.store.pictures.keep(article)
        now, draft_id = time.time(), secrets.token_hex(12)
        with self.store.transaction() as db:
            number = db.execute(
                "INSERT INTO drafts (id, owner, name, created, changed, touched, step, last_step) "
                "VALUES (?, ?, ?, ?, ?, 0, 0, 0)",
                (draft_id, self.owner or "", one_line(name), now, now),
            ).lastrowid
            assert number is not None
            self._add_step(db, number, kept, parent=0, what=_kind(what, left))
            return self._draft(db, self._row(db, draft_id), kept)

    @mended
    def save(
        self, draft_id: str, article: Article, *, after: int, what: str = "edit", amend: bool = False, left: str = ""
    ) -> Draft:
        """The draft at a new step. after: the step that the article was made from.

        amend: the new step takes the place of that one, as a text that is being written grows; one that has a name or
        was gone back to stays. left: the work that goes on while it is saved, and was interrupted where no later step
        says that it ended. The draft's article is the one that was given, with kept pictures.
        """
        kept = self.store.pictures.keep(article)
        with self.store.transaction() as db:
            row = self._at(db, draft_id, after)
            parent = after
            if amend and self._can_amend(db, row):
                parent = self._parent(db, row)
                db.execute("DELETE FROM steps WHERE draft = ? AND step = ?", (row["number"], after))
            self._add_step(db, row["number"], kept, parent=parent, what=_kind(what, left))
            return self._draft(db, self._row(db, draft_id), kept)

    @mended
    def undo(self, draft_id: str, *, after: int) -> Draft:
        """The draft one step back; as it is where there is none before."""
        with self.store.transaction() as db:
            row = self._at(db, draft_id, after)
            return self._moved(db, row, self._parent(db, row))

    @mended
    def redo(self, draft_id: str, *, after: int) -> Draft:
        """The draft at the step that was undone last; as it is where none was."""
        with self.store.transaction() as db:
            row = self._at(db, draft_id, after)
            return self._moved(db, row, self._child(db, row))

    @mended
    def restore(self, draft_id: str, step: int, *, after: int | None = None) -> Draft:
        """The draft with the article of that step, as a new step. Raises VersionNotFound, ArticleUnreadable."""
        with self.store.transaction() as db:
            row = self._row(db, draft_id) if after is None else self._at(db, draft_id, after)
            article = self._article(db, row, step)
            present = int(row["step"])
            self._add_step(db, row["number"], article, parent=present, what="restore")
            return self._draft(db, self._row(db, draft_id), article)

    # -- versions ------------------------------------------------------------------------------------

    @mended
    def name_version(self, draft_id: str, name: str) -> Version:
        """Gives the present step a name; an earlier version of that name loses it."""
        name = one_line(name)
        with self.store.transaction() as db:
            row = self._row(db, draft_id)
            name = name or str(row["step"])
            db.execute(
                "INSERT INTO versions (draft, name, step) VALUES (?, ?, ?) "
                "ON CONFLICT (draft, name) DO UPDATE SET step = excluded.step",
                (row["number"], name, row["step"]),
            )
        return next(version for version in self.versions(draft_id) if version.name == name)

    @mended
    def versions(self, draft_id: str, *, steps: bool = False) -> list[Version]:
        """The named versions, latest first; with `steps` every step that is kept. One with two names comes twice."""
        kind = "LEFT JOIN" if steps else "JOIN"
        with self.store.reading() as db:
            rows = db.execute(
                f"SELECT s.step, s.what, s.at, v.name FROM steps s {kind} versions v "
                "ON v.draft = s.draft AND v.step = s.step WHERE s.draft = ? ORDER BY s.step DESC, v.number DESC",
                (self._row(db, draft_id)["number"],),
            ).fetchall()
        return [
            Version(int(row["step"]), row["name"] or "", row["what"].partition(_LEFT)[0], float(row["at"]))
            for row in rows
        ]

    @mended
    def article_at(self, draft_id: str, step: int) -> Article:
        """The article of one step. Raises VersionNotFound, ArticleUnreadable."""
        with self.store.reading() as db:
            return self._article(db, self._row(db, draft_id), step)

    # -- reading -------------------------------------------------------------------------------------

    @mended
    def load(self, draft_id: str) -> Draft:
        """The draft with its article. Raises ArticleUnreadable, also where a newer version of the program wrote it;
        it is left as it is then."""
        with self.store.reading() as db:
            row = self._row(db, draft_id)
            return self._draft(db, row, self._article(db, row, int(row["step"])))

    @mended
    def list(
        self, *, search: str = "", archived: bool | None = False, deleted: bool = False, limit: int = 10_000
    ) -> list[Summary]:
        """The drafts, the last changed first. search: words that all stand in title or text, in any case; a part of a
        word is enough. archived None: both kinds."""
        where, values = ["deleted IS NOT NULL" if deleted else "deleted IS NULL"], list[object]()
        if self.owner is not None:
            where.append("owner = ?")
            values.append(self.owner)
        if archived is not None:
            where.append("archived = ?")
            values.append(int(archived))
        for word in folded(search).split():
            where.append("holds((SELECT text FROM texts WHERE draft = number), ?)")
            values.append(word)
        query = f"SELECT {_COLUMNS} FROM drafts WHERE {' AND '.join(where)} ORDER BY touched DESC LIMIT ?"
        with self.store.reading() as db:
            return [self._summary(row) for row in db.execute(query, (*values, limit))]

    # -- the draft as a whole ------------------------------------------------------------------------

    @mended
    def rename(self, draft_id: str, name: str) -> Summary:
        """Gives the draft a name of its own; an empty one: it is called like its article again."""
        with self.store.transaction() as db:
            row = self._row(db, draft_id)
            db.execute("UPDATE drafts SET name = ? WHERE number = ?", (one_line(name), row["number"]))
            first = folded(one_line(name))  # the first line of what is searched
            change = "UPDATE texts SET text = ? || substr(text, instr(text, char(10))) WHERE draft = ?"
            db.execute(change, (first, row["number"]))
            return self._summary(self._row(db, draft_id))

    @mended
    def duplicate(self, draft_id: str, name: str = "") -> Draft:
        """A new draft with the present article of that one. Raises ArticleUnreadable."""
        return self.create(self.load(draft_id).article, what="duplicate", name=name)

    def archive(self, draft_id: str, archived: bool = True) -> Summary:
        return self._set(draft_id, "archived", int(archived))

    def delete(self, draft_id: str) -> Summary:
        """Takes the draft out of the lists; it can be brought back for 30 days."""
        return self._set(draft_id, "deleted", time.time())

    def undelete(self, draft_id: str) -> Summary:
        return self._set(draft_id, "deleted", None)

    # -- inside --------------------------------------------------------------------------------------

    @mended
    def _set(self, draft_id: str, column: str, value: float | None) -> Summary:
        with self.store.transaction() as db:
            number = self._row(db, draft_id, deleted=True)["number"]
            db.execute(f"UPDATE drafts SET {column} = ? WHERE number = ?", (value, number))
            return self._summary(self._row(db, draft_id, deleted=True))

    def _row(self, db: sqlite3.Connection, draft_id: str, *, deleted: bool = False) -> sqlite3.Row:
        """Where a draft is none of this owner, nothing is told of it."""
        row: sqlite3.Row | None = db.execute(f"SELECT {_COLUMNS} FROM drafts WHERE id = ?", (draft_id,)).fetchone()
        theirs = row is not None and (self.owner is None or row["owner"] == self.owner)
        if row is None or not theirs or (row["deleted"] is not None and not deleted):
            raise DraftNotFound(id=draft_id[:64])
        return row

    def _at(self, db: sqlite3.Connection, draft_id: str, after: int) -> sqlite3.Row:
        row = self._row(db, draft_id)
        if row["step"] != after:
            raise DraftChanged(title=self._summary(row).title, step=row["step"])
        return row

    def _article(self, db: sqlite3.Connection, row: sqlite3.Row, step: int) -> Article:
        found = db.execute("SELECT article FROM steps WHERE draft = ? AND step = ?", (row["number"], step)).fetchone()
        if found is None:
            steps = db.execute("SELECT min(step), max(step) FROM steps WHERE draft = ?", (row["number"],)).fetchone()
            raise VersionNotFound(wanted=step, known=f"{steps[0]} – {steps[1]}")
        return self.store.pictures.unpacked(unpack(found[0]))

    @staticmethod
    def _parent(db: sqlite3.Connection, row: sqlite3.Row) -> int:
        """The step before the present one; 0 where there is none, or it was not readable."""
        found = db.execute(
            "SELECT s.parent FROM steps s JOIN steps p ON p.draft = s.draft AND p.step = s.parent "
            "WHERE s.draft = ? AND s.step = ?",
            (row["number"], row["step"]),
        ).fetchone()
        return int(found[0]) if found is not None else 0

    @staticmethod
    def _child(db: sqlite3.Connection, row: sqlite3.Row) -> int:
        found = db.execute("SELECT max(step) FROM steps WHERE draft = ? AND parent = ?", (row["number"], row["step"]))
        return int(found.fetchone()[0] or 0)

    def _can_amend(self, db: sqlite3.Connection, row: sqlite3.Row) -> bool:
        named = db.execute("SELECT 1 FROM versions WHERE draft = ? AND step = ?", (row["number"], row["step"]))
        return not self._child(db, row) and named.fetchone() is None

    def _moved(self, db: sqlite3.Connection, row: sqlite3.Row, step: int) -> Draft:
        if step:
            article = self._article(db, row, step)
            db.execute("UPDATE drafts SET step = ? WHERE number = ?", (step, row["number"]))
            self._touch(db, row["number"], article)
            row = self._row(db, row["id"])
        return self._draft(db, row, self._article(db, row, int(row["step"])))

    def _add_step(self, db: sqlite3.Connection, number: int, article: Article, *, parent: int, what: str) -> None:
        """Adds a step and goes there."""
        stored = self.store.pictures.packed(article)
        now = time.time()
        db.execute("UPDATE drafts SET last_step = last_step + 1, step = last_step + 1 WHERE number = ?", (number,))
        db.execute(
            "INSERT INTO steps (draft, step, parent, what, at, article) "
            "SELECT number, step, ?, ?, ?, ? FROM drafts WHERE number = ?",
            (parent, what[:40], now, pack(stored), number),
        )
        files = [(number, name) for name in self.store.pictures.names(stored)]
        db.executemany("INSERT OR IGNORE INTO kept (draft, file) VALUES (?, ?)", files)
        self._touch(db, number, article)

    def _touch(self, db: sqlite3.Connection, number: int, article: Article) -> None:
        """What lists and searches know of the draft, which is now the last that was changed."""
        stands = [s.illustration.chosen for s in article.illustrated if s.illustration and s.illustration.chosen]
        first = next((one.path for one in stands if self.store.pictures.is_kept(one.path)), "")
        words = sum(count_words(section.text) for section in article)
        db.execute(
            "UPDATE drafts SET title = ?, changed = ?, words = ?, pictures = ?, picture = ?, "
            "touched = 1 + (SELECT max(touched) FROM drafts) WHERE number = ?",
            (without_halves(article.title), time.time(), words, len(stands), self.store.pictures.name(first), number),
        )
        name = db.execute("SELECT name FROM drafts WHERE number = ?", (number,)).fetchone()[0]
        self._index(db, number, article, name)

    @staticmethod
    def _index(db: sqlite3.Connection, number: int, article: Article, name: str) -> None:
        captions = [s.illustration.caption for s in article.illustrated if s.illustration]
        text = "\n".join([name, article.title, *(section.text for section in article), *captions])
        db.execute("INSERT OR REPLACE INTO texts (draft, text) VALUES (?, ?)", (number, folded(text)))

    def _draft(self, db: sqlite3.Connection, row: sqlite3.Row, article: Article) -> Draft:
        found = db.execute(
            "SELECT what FROM steps WHERE draft = ? AND step = ?", (row["number"], row["step"])
        ).fetchone()
        left = str(found[0]).partition(_LEFT)[2] if found is not None else ""
        return Draft(self._summary(row), article, bool(self._parent(db, row)), bool(self._child(db, row)), left)

    def _summary(self, row: sqlite3.Row) -> Summary:
        return Summary(
            id=row["id"],
            owner=row["owner"],
            title=row["name"] or row["title"],
            created=row["created"],
            changed=row["changed"],
            archived=bool(row["archived"]),
            deleted=row["deleted"] is not None,
            step=row["step"],
            words=row["words"],
            pictures=row["pictures"],
            picture=self.store.pictures.path(row["picture"]) if row["picture"] else None,
        )


class DraftStore(Storage[Recovered]):
    """An open folder of drafts, of which each owner sees only their own."""

    layout = LAYOUT

    def __init__(self, folder: Path) -> None:
        """Opens it, or makes it. Raises DraftsUnavailable with what is in the way.

        A damaged file is replaced by what can be read of it, which `recovered` then tells.
        """
        self.pictures: KeptPictures = KeptPictures(folder.expanduser().absolute())
        super().__init__(folder)

    @classmethod
    def is_there(cls, folder: Path) -> bool:
        """Whether that folder holds drafts; opening one that does not makes it."""
        return (folder.expanduser() / cls.layout.file).exists()

    def of(self, owner: str | None) -> Drafts:
        """The drafts of one owner, "login:ann" or "browser:…"; None: of everybody."""
        return Drafts(self, owner)

    def _forgotten(self, db: sqlite3.Connection, before: float) -> set[str] | None:
        old = "SELECT number FROM drafts WHERE deleted < ?"
        if db.execute(old, (before,)).fetchone() is None:
            return None
        for table in ("texts", "steps", "versions", "kept"):
            db.execute(f"DELETE FROM {table} WHERE draft IN ({old})", (before,))
        db.execute("DELETE FROM drafts WHERE deleted < ?", (before,))
        return {str(row[0]) for row in db.execute("SELECT DISTINCT file FROM kept")}
