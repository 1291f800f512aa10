"""Conversations that are kept: turn by turn, with their pictures, by owner, and through damage."""

import json
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from composer.conversations import (
    ConversationStore,
    Exchange,
    Material,
    Parameters,
    answers,
    read_document,
    to_document,
    to_markdown,
    wordings,
)
from composer.conversations.tables import LAYOUT
from composer.errors import ConversationNotFound, ConversationsUnavailable, ConversationUnreadable


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ConversationStore]:
    made = ConversationStore(tmp_path / "data")
    yield made
    made.close()


def picture(folder: Path) -> Path:
    file = folder / "heron.png"
    Image.new("RGB", (40, 30), "blue").save(file)
    return file


def test_a_conversation_is_kept_with_its_pictures(store: ConversationStore, tmp_path: Path) -> None:
    file = picture(tmp_path)
    mine = store.of("ann")
    talk = mine.create(Parameters(system="Be a pirate."), Material("Birds", "Herons wade."))
    asked = mine.add(talk.id, Exchange("Who is \ud83d there?", pictures=(file,), descriptions=("heron",)))
    mine.update(talk.id, replace(asked, answer="A heron.", finished=True, liked=True, model="m"))
    again = mine.add(talk.id, Exchange(asked.question, first=asked.id, pictures=asked.pictures, answer="A crane."))
    file.unlink()  # the copy stays
    other = ConversationStore(tmp_path / "data")  # another process
    found = other.of("ann").load(talk.id)
    other.close()
    assert found.parameters == Parameters(system="Be a pirate.")
    assert found.material == Material("Birds", "Herons wade.")
    first, second = found.tree.exchanges
    assert (first.question, first.answer, first.liked, first.model) == ("Who is \ufffd there?", "A heron.", True, "m")
    assert first.pictures == second.pictures
    assert first.pictures[0].read_bytes()
    assert found.tree.path == (second,)
    mine.show(talk.id, first)
    assert mine.load(talk.id).tree.path == (first,)
    newest = mine.add(talk.id, Exchange("Who else?"))
    assert mine.load(talk.id).tree.path == (newest,)
    assert answers(mine.load(talk.id).tree.exchanges, first) == (asked.id, again.id)
    assert mine.summary(talk.id).title == "Who is \ufffd there?"


def test_what_two_tabs_ask_stands_side_by_side(store: ConversationStore) -> None:
    mine = store.of("ann")
    talk = mine.create()
    one, two = mine.add(talk.id, Exchange("One?")), mine.add(talk.id, Exchange("Two?"))
    assert wordings(mine.load(talk.id).tree.exchanges, one) == (one.id, two.id)


def test_names_search_delete_and_back(store: ConversationStore) -> None:
    mine = store.of("ann")
    long = mine.create()
    mine.add(
        long.id, Exchange("What do herons eat when the lake is frozen over and no fish can be had? " * 3, answer="x")
    )
    assert (
        mine.summary(long.id).title
        == "What do herons eat when the lake is frozen over and no fish can be had? What do …"
    )
    short = mine.create()
    mine.update(short.id, replace(mine.add(short.id, Exchange("Tea?")), answer="绿茶最好。"))
    assert [one.id for one in mine.list()] == [short.id, long.id]
    assert [one.id for one in mine.list(search="绿茶 TEA")] == [short.id]
    assert mine.rename(short.id, " Drinks\nand more ").title == "Drinks and more"
    assert [one.id for one in mine.list(search="drinks")] == [short.id]
    assert [one.id for one in mine.list(search="tea")] == [short.id]
    assert mine.rename(short.id, "").title == "Tea?"
    copy = mine.duplicate(short.id, "Copy")
    assert [one.answer for one in copy.tree.path] == ["绿茶最好。"]
    mine.delete(copy.id)
    assert [one.id for one in mine.list()] == [short.id, long.id]
    with pytest.raises(ConversationNotFound):
        mine.load(copy.id)
    assert mine.undelete(copy.id).title == "Copy"
    assert store.of("bob").list() == []
    with pytest.raises(ConversationNotFound):
        store.of("bob").add(copy.id, Exchange("Mine?"))


def test_what_was_deleted_long_ago_goes_with_its_pictures(store: ConversationStore, tmp_path: Path) -> None:
    mine = store.of("ann")
    gone, stays = mine.create(), mine.create()
    kept = mine.add(gone.id, Exchange("Who?", pictures=(picture(tmp_path),))).pictures[0]
    mine.delete(gone.id)
    with store.transaction() as db:
        db.execute("UPDATE conversations SET deleted = 5 WHERE id = ?", (gone.id,))
    os.utime(kept, (5, 5))
    ConversationStore(tmp_path / "data").close()
    assert not kept.exists()
    assert [one.id for one in mine.list()] == [stays.id]
    with pytest.raises(ConversationNotFound):
        mine.undelete(gone.id)


def test_a_document_is_read_again_and_markdown_is_for_people(store: ConversationStore, tmp_path: Path) -> None:
    mine = store.of("ann")
    talk = mine.create(Parameters(temperature=0.0), Material("Birds", "Herons\nwade."))
    first = mine.add(talk.id, Exchange("Who?\nAnd where?", pictures=(picture(tmp_path),), answer="A *heron*."))
    mine.add(talk.id, replace(first, answer="A crane."))
    mine.show(talk.id, first)
    mine.rename(talk.id, "Herons")
    document = to_document(mine.load(talk.id))
    read = read_document(store.of("bob"), document)
    before = mine.load(talk.id)
    assert (read.parameters, read.material, read.summary.title) == (before.parameters, before.material, "Herons")
    for one, other in zip(read.tree.exchanges, before.tree.exchanges, strict=True):
        assert replace(one, pictures=()) == replace(other, pictures=())
        with Image.open(one.pictures[0]) as kept:
            assert kept.size == (40, 30)
    assert read.tree.shown == before.tree.shown
    assert to_markdown(read, lambda number: f"images/{number}.jpg") == (
        "# Herons\n\n> **Birds**\n>\n> Herons\n> wade.\n\n## Who?\n\n> And where?\n\n![1](images/1.jpg)\n\nA *heron*.\n"
    )


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"schema": 9}, "its format is version 9; this program reads 1"),
        ({"exchanges": [{"id": 1, "first": 1}]}, "exchanges.0.question: it is missing"),
        ({"exchanges": [{"id": 1, "first": 1, "question": "a"}] * 2}, "two questions have the same id"),
        ({"exchanges": [{"id": 1, "first": 1, "parent": 1, "question": "a"}]}, "the question 1 stands after none"),
        (
            {"exchanges": [{"id": 1, "first": 1, "question": "a", "pictures": ["§"]}]},
            "exchanges.1.pictures.0: it is no",
        ),
        ({"more": 1}, "more: "),
        ({"parameters": {"temperature": "hot"}}, "parameters.temperature: it must be a number"),
    ],
)
def test_what_is_no_document_is_refused_with_the_field(
    store: ConversationStore, change: dict[str, object], problem: str
) -> None:
    document = json.loads(to_document(store.of("ann").create()))
    with pytest.raises(ConversationUnreadable, match=problem):
        read_document(store.of("ann"), json.dumps({**document, **change}))
    with pytest.raises(ConversationUnreadable, match="it is no JSON"):
        read_document(store.of("ann"), "[")
    assert len(store.of("ann").list()) == 1


def test_one_damaged_exchange_does_not_hide_the_others(store: ConversationStore, tmp_path: Path) -> None:
    mine = store.of("ann")
    talk = mine.create()
    first = mine.add(talk.id, Exchange("Who?", pictures=(picture(tmp_path),)))
    mine.add(talk.id, Exchange("Where?", parent=first.id))
    first.pictures[0].unlink()  # a picture that is gone is left out of a document
    assert '"pictures": []' in to_document(mine.load(talk.id))
    with store.transaction() as db:
        db.execute("UPDATE exchanges SET content = '{\"que' WHERE id = ?", (first.id,))
    assert [one.question for one in mine.load(talk.id).tree.path] == ["", "Where?"]


def test_a_damaged_file_is_kept_and_what_can_be_read_is_recovered(tmp_path: Path) -> None:
    store = ConversationStore(tmp_path)
    for number in range(40):
        talk = store.of("ann").create()
        for turn in range(5):
            parent = store.of("ann").load(talk.id).tree.last
            store.of("ann").add(talk.id, Exchange(f"{number}, {turn}? " * 30, parent=parent, answer="No. " * 100))
    store.close()
    file = tmp_path / "conversations" / LAYOUT.file
    content = bytearray(file.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 20_000] = b"\xab" * 20_000
    file.write_bytes(content)
    store = ConversationStore(tmp_path)
    assert store.recovered is not None
    assert store.recovered.copy.read_bytes() == bytes(content)
    found = store.of(None).list()
    assert len(found) == store.recovered.conversations >= 30
    for one in found:
        tree = store.of(None).load(one.id).tree
        assert not tree.exchanges or tree.path
    assert "conversations was damaged" in str(store.recovered.sentence)
    store.of(None).add(found[0].id, Exchange("And on?"))
    store.close()


def test_conversations_of_a_newer_program_are_left_untouched(tmp_path: Path) -> None:
    ConversationStore(tmp_path).close()
    with sqlite3.connect(tmp_path / "conversations" / LAYOUT.file) as db:
        db.execute("UPDATE facts SET value = '7' WHERE name = 'format'")
    db.close()
    with pytest.raises(ConversationsUnavailable, match=r"The conversations in .* version 7; this program reads 1"):
        ConversationStore(tmp_path)
