"""ConversationStore, and the conversations of one owner: begun, written turn by turn, named, listed, deleted.

Each exchange is a row of its own, so that a growing answer writes little, and what two tabs ask at the same time in one
conversation stands side by side in its tree.
"""

import contextlib
import json
import secrets
import sqlite3
import time
from dataclasses import asdict, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from common.decoding import without_halves
from composer.conversations.records import KeptConversation, Material, Parameters, Recovered, Summary
from composer.conversations.tables import LAYOUT
from composer.conversations.tree import Exchange, Tree
from composer.errors import ConversationNotFound, ConversationsUnavailable
from composer.keeping import KeptFiles, Storage, folded, mended, one_line

FOLDER = "conversations"  # of the data folder
LONGEST_TITLE = 80  # characters of a first question that name the conversation
_COLUMNS = (
    "number, id, owner, name, title, created, changed, deleted, parameters, material, "
    "(SELECT count(*) FROM exchanges WHERE conversation = conversations.number) AS exchanges"
)


class Conversations:
    """Made by `ConversationStore.of`. Every method raises ConversationsUnavailable; one that names a conversation,
    ConversationNotFound where there is none or it is another owner's."""

    def __init__(self, store: "ConversationStore", owner: str | None) -> None:
        """owner None: everybody's conversations."""
        self.store, self.owner = store, owner

    # -- writing -------------------------------------------------------------------------------------

    @mended
    def create(
        self,
        parameters: Parameters | None = None,
        material: Material | None = None,
        *,
        tree: Tree | None = None,
        name: str = "",
        conversation_id: str = "",
    ) -> KeptConversation:
        """A new conversation. tree: what was already said in it; its pictures are copied. conversation_id: of
        `new_id`, where somebody had to know it before."""
        conversation_id, now = conversation_id or new_id(), time.time()
        tree = Tree(tuple(self._with_copies(one) for one in tree.exchanges), tree.shown) if tree else Tree()
        with self.store.transaction() as db:
            number = db.execute(
                "INSERT INTO conversations (id, owner, name, words, created, changed, touched, parameters, material) "
                "VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?)",
                (
                    conversation_id,
                    self.owner or "",
                    one_line(name),
                    folded(one_line(name)),
                    now,
                    now,
                    _json(asdict(parameters or Parameters())),
                    _json(asdict(material or Material())),
                ),
            ).lastrowid
            assert number is not None
            for exchange in tree.exchanges:
                self._write(db, number, exchange)
            shown = [(number, parent, child) for parent, child in tree.shown.items()]
            db.executemany("INSERT OR REPLACE INTO shown (conversation, parent, id) VALUES (?, ?, ?)", shown)
            self._touch(db, number)
        return self.load(conversation_id)

    @mended
    def add(self, conversation_id: str, exchange: Exchange) -> Exchange:
        """The exchange with the id that it has got, which is shown from now on; its pictures are copied."""
        exchange = self._with_copies(exchange)
        with self.store.transaction() as db:
            number = self._row(db, conversation_id)["number"]
            db.execute("UPDATE conversations SET last_id = last_id + 1 WHERE number = ?", (number,))
            [new] = db.execute("SELECT last_id FROM conversations WHERE number = ?", (number,)).fetchone()
            exchange = replace(exchange, id=int(new), first=exchange.first or int(new))
            self._write(db, number, exchange)
            self._show(db, number, exchange.parent, exchange.id)
            self._touch(db, number)
        return exchange

    @mended
    def update(self, conversation_id: str, exchange: Exchange) -> None:
        """The exchange as it is now: its answer has grown, or a person likes it."""
        with self.store.transaction() as db:
            number = self._row(db, conversation_id)["number"]
            self._write(db, number, exchange)
            self._touch(db, number)

    @mended
    def show(self, conversation_id: str, exchange: Exchange) -> None:
        """Shows that exchange among its siblings."""
        with self.store.transaction() as db:
            number = self._row(db, conversation_id)["number"]
            self._show(db, number, exchange.parent, exchange.id)
            self._touch(db, number)

    @mended
    def set_parameters(self, conversation_id: str, parameters: Parameters) -> None:
        with self.store.transaction() as db:
            number = self._row(db, conversation_id)["number"]
            db.execute("UPDATE conversations SET parameters = ? WHERE number = ?", (_json(asdict(parameters)), number))
            self._touch(db, number)

    # -- reading -------------------------------------------------------------------------------------

    @mended
    def load(self, conversation_id: str) -> KeptConversation:
        with self.store.reading() as db:
            row = self._row(db, conversation_id)
            found = db.execute(
                "SELECT id, parent, first, content FROM exchanges WHERE conversation = ? ORDER BY id", (row["number"],)
            )
            exchanges = tuple(self._exchange(one) for one in found)
            shown = db.execute("SELECT parent, id FROM shown WHERE conversation = ?", (row["number"],))
            tree = Tree(exchanges, {int(one["parent"]): int(one["id"]) for one in shown})
        return KeptConversation(_summary(row), tree, _parameters(row["parameters"]), _material(row["material"]))

    @mended
    def summary(self, conversation_id: str) -> Summary:
        with self.store.reading() as db:
            return _summary(self._row(db, conversation_id))

    @mended
    def list(self, *, search: str = "", deleted: bool = False, limit: int = 10_000) -> list[Summary]:
        """The conversations, the last changed first. search: words that all stand in title, questions or answers, in
        any case; a part of a word is enough."""
        where, values = ["deleted IS NOT NULL" if deleted else "deleted IS NULL"], list[object]()
        if self.owner is not None:
            where.append("owner = ?")
            values.append(self.owner)
        for word in folded(search).split():
            where.append(
                "(holds(words, ?) OR EXISTS (SELECT 1 FROM exchanges e "
                "WHERE e.conversation = conversations.number AND holds(e.words, ?)))"
            )
            values += [word, word]
        query = f"SELECT {_COLUMNS} FROM conversations WHERE {' AND '.join(where)} ORDER BY touched DESC LIMIT ?"
        with self.store.reading() as db:
            return [_summary(row) for row in db.execute(query, (*values, limit))]

    # -- the conversation as a whole -----------------------------------------------------------------

    @mended
    def rename(self, conversation_id: str, name: str) -> Summary:
        """Gives the conversation a name of its own; an empty one: it is called like its first question again."""
        with self.store.transaction() as db:
            row = self._row(db, conversation_id)
            words = folded(f"{one_line(name)}\n{row['title']}")
            db.execute(
                "UPDATE conversations SET name = ?, words = ? WHERE number = ?", (one_line(name), words, row["number"])
            )
            return _summary(self._row(db, conversation_id))

    @mended
    def duplicate(self, conversation_id: str, name: str = "") -> KeptConversation:
        """A new conversation with all that stands in that one."""
        before = self.load(conversation_id)
        return self.create(before.parameters, before.material, tree=before.tree, name=name)

    def delete(self, conversation_id: str) -> Summary:
        """Takes the conversation out of the list; it can be brought back for 30 days."""
        return self._set_deleted(conversation_id, time.time())

    def undelete(self, conversation_id: str) -> Summary:
        return self._set_deleted(conversation_id, None)

    # -- inside --------------------------------------------------------------------------------------

    @mended
    def _set_deleted(self, conversation_id: str, when: float | None) -> Summary:
        with self.store.transaction() as db:
            number = self._row(db, conversation_id, deleted=True)["number"]
            db.execute("UPDATE conversations SET deleted = ? WHERE number = ?", (when, number))
            return _summary(self._row(db, conversation_id, deleted=True))

    def _row(self, db: sqlite3.Connection, conversation_id: str, *, deleted: bool = False) -> sqlite3.Row:
        """Where a conversation is none of this owner, nothing is told of it."""
        query = f"SELECT {_COLUMNS} FROM conversations WHERE id = ?"
        row: sqlite3.Row | None = db.execute(query, (conversation_id,)).fetchone()
        theirs = row is not None and (self.owner is None or row["owner"] == self.owner)
        if row is None or not theirs or (row["deleted"] is not None and not deleted):
            raise ConversationNotFound(id=conversation_id[:64])
        return row

    def _with_copies(self, exchange: Exchange) -> Exchange:
        """With copies of its pictures; one whose file is gone is left out."""
        copies = []
        for picture in exchange.pictures:
            with contextlib.suppress(FileNotFoundError):
                copies.append(self.store.pictures.path(self.store.pictures.copied(picture)))
        return replace(exchange, pictures=tuple(copies))

    def _write(self, db: sqlite3.Connection, number: int, exchange: Exchange) -> None:
        question, answer = without_halves(exchange.question), without_halves(exchange.answer)
        content = {
            "question": question,
            "pictures": [picture.name for picture in exchange.pictures],
            "descriptions": without_halves(list(exchange.descriptions)),
            "answer": answer,
            "finished": exchange.finished,
            "left_out": exchange.left_out,
            "liked": exchange.liked,
            "model": exchange.model,
        }
        db.execute(
            "INSERT INTO exchanges (conversation, id, parent, first, at, content, words) VALUES (?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (conversation, id) DO UPDATE SET content = excluded.content, words = excluded.words",
            (
                number,
                exchange.id,
                exchange.parent,
                exchange.first,
                time.time(),
                _json(content),
                folded(f"{question}\n{answer}"),
            ),
        )
        db.execute("UPDATE conversations SET last_id = max(last_id, ?) WHERE number = ?", (exchange.id, number))
        files = [(number, picture.name) for picture in exchange.pictures]
        db.executemany("INSERT OR IGNORE INTO kept (conversation, file) VALUES (?, ?)", files)
        db.execute(
            "UPDATE conversations SET title = ?, words = ? || char(10) || words WHERE number = ? AND title = ''",
            (_title(question), folded(_title(question)), number),
        )

    @staticmethod
    def _show(db: sqlite3.Connection, number: int, parent: int, exchange_id: int) -> None:
        db.execute(
            "INSERT OR REPLACE INTO shown (conversation, parent, id) VALUES (?, ?, ?)", (number, parent, exchange_id)
        )

    @staticmethod
    def _touch(db: sqlite3.Connection, number: int) -> None:
        db.execute(
            "UPDATE conversations SET changed = ?, "
            "touched = 1 + (SELECT max(touched) FROM conversations) WHERE number = ?",
            (time.time(), number),
        )

    def _exchange(self, row: sqlite3.Row) -> Exchange:
        try:
            content = dict(json.loads(row["content"]))
        except (TypeError, ValueError):  # this one is damaged: the others are still worth reading
            content = {}
        names = [Path(str(name)).name for name in content.get("pictures", ())]  # the name alone, whatever is written
        return Exchange(
            question=str(content.get("question", "")),
            id=int(row["id"]),
            parent=int(row["parent"]) if row["parent"] < row["id"] else 0,
            first=int(row["first"]),
            pictures=tuple(self.store.pictures.path(name) for name in names),
            descriptions=tuple(map(str, content.get("descriptions", ()))),
            answer=str(content.get("answer", "")),
            finished=bool(content.get("finished")),
            left_out=int(content.get("left_out", 0)),
            liked=content.get("liked"),
            model=str(content.get("model", "")),
        )


class ConversationStore(Storage[Recovered]):
    """The conversations of a data folder, of which each owner sees only their own."""

    layout = LAYOUT

    def __init__(self, data: Path) -> None:
        """Opens them, or makes their folder in `data`. Raises ConversationsUnavailable with what is in the way.

        A damaged file is replaced by what can be read of it, which `recovered` then tells.
        """
        folder = data.expanduser().absolute() / FOLDER
        self.pictures = KeptFiles(folder, ConversationsUnavailable)
        super().__init__(folder)

    def of(self, owner: str | None) -> Conversations:
        """The conversations of one owner, "login:ann" or "browser:…"; None: of everybody."""
        return Conversations(self, owner)

    def _forgotten(self, db: sqlite3.Connection, before: float) -> set[str] | None:
        old = "SELECT number FROM conversations WHERE deleted < ?"
        if db.execute(old, (before,)).fetchone() is None:
            return None
        for table in ("exchanges", "shown", "kept"):
            db.execute(f"DELETE FROM {table} WHERE conversation IN ({old})", (before,))
        db.execute("DELETE FROM conversations WHERE deleted < ?", (before,))
        return {str(row[0]) for row in db.execute("SELECT DISTINCT file FROM kept")}


def new_id() -> str:
    """An id that no conversation has."""
    return secrets.token_hex(12)


def _title(question: str) -> str:
    """The first words of a question, as the name of its conversation."""
    words = " ".join(question.split())
    if len(words) <= LONGEST_TITLE:
        return words
    return words[:LONGEST_TITLE].rsplit(" ", 1)[0].rstrip(" ,;:，、；：") + " …"


def _summary(row: sqlite3.Row) -> Summary:
    return Summary(
        id=row["id"],
        owner=row["owner"],
        title=row["name"] or row["title"],
        created=row["created"],
        changed=row["changed"],
        deleted=row["deleted"] is not None,
        exchanges=row["exchanges"],
    )


def _parameters(text: str) -> Parameters:
    """What was stored; the program's own where it is of another form."""
    try:
        return TypeAdapter(Parameters).validate_json(text)
    except ValidationError:
        return Parameters()


def _material(text: str) -> Material:
    try:
        return TypeAdapter(Material).validate_json(text)
    except ValidationError:
        return Material()


def _json(value: object) -> str:
    return json.dumps(without_halves(value), ensure_ascii=False)
