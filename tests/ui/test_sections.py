"""One section moved, split, joined, deleted and written anew, without a browser."""

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from composer import blocks
from composer.article import Article, Section
from tests.fakes import FakeGallery, FakeModel
from ui import view
from ui.session import Session
from ui.studio import Studio
from ui.write import actions

OLD = "A cat eats fresh food."


@pytest.fixture
def studio_with(tmp_path: Path) -> Iterator[Callable[[FakeModel], Studio]]:
    made: list[Studio] = []

    def make(model: FakeModel) -> Studio:
        studio = Studio(lambda progress: model, lambda: FakeGallery(tmp_path))
        made.append(studio)
        studio.start()
        assert studio.model_settled.wait(5)
        assert studio.gallery_settled.wait(5)
        return studio

    yield make
    for studio in made:
        studio.close()


@pytest.fixture
def session() -> Session:
    made = Session()
    made.article = Article("Cats", (Section("s1", OLD), Section("s2", "It sleeps."), Section("s3", "It plays.")))
    return made


def ask(studio: Studio, session: Session, name: str, **more: Any) -> list[dict[str, Any]]:
    return list(actions.quick_action(studio, session, {"act": name, **more})["ops"])


def rewrite(studio: Studio, session: Session, **more: Any) -> list[dict[str, Any]]:
    value = {"act": "rewrite", "id": "s1", "task": "rewrite", **more}
    return [op for message in actions.model_action(studio, session, value) for op in message["ops"]]


def texts(session: Session) -> list[str]:
    return [section.text for section in session.article]


def test_sections_are_arranged(studio_with: Callable[[FakeModel], Studio], session: Session) -> None:
    studio = studio_with(FakeModel())
    ask(studio, session, "move", id="s3", before="s1")
    assert texts(session) == ["It plays.", OLD, "It sleeps."]
    ask(studio, session, "move", id="s3", before=None)
    ask(studio, session, "join", id="s2")
    assert texts(session) == [f"{OLD} It sleeps.", "It plays."]
    ops = ask(studio, session, "split", id="s3", first="It", second="plays.")
    assert texts(session)[1:] == ["It", "plays."]
    assert ops[-1] == view.edit(session.article.sections[2], behind=len(session.article.sections[2].text))
    ask(studio, session, "delete", id="s1")
    assert texts(session) == ["It", "plays."]
    [notice] = [op for op in ask(studio, session, "split", id="s3", first=" ", second="x") if op["op"] == "notice"]
    assert "Both parts need words" in notice["text"]


def test_a_proposal_is_taken_in_parts(studio_with: Callable[[FakeModel], Studio], session: Session) -> None:
    new = "A dog eats fresh meat. It drinks a bowl of clean water every single day, and then it sleeps."
    studio = studio_with(FakeModel(answer=lambda messages: new))
    ops = rewrite(studio, session)
    assert ops[0]["state"] == "writing"
    assert "".join(op["text"] for op in ops if op["op"] == "proposed") == new
    ready = ops[-1]
    assert ready["state"] == "ready"
    cat = next(at for at, (old, _) in enumerate(ready["changes"]) if old == "cat")
    assert texts(session)[0] == OLD
    ask(studio, session, "accept", dropped=[cat])
    assert texts(session)[0] == new.replace("dog", "cat")
    again = ask(studio, session, "accept", dropped=[])
    assert "proposal is gone" in again[-1]["text"]


def test_a_view_that_missed_the_proposal_gets_it_again(
    studio_with: Callable[[FakeModel], Studio], session: Session
) -> None:
    studio = studio_with(FakeModel(answer=lambda messages: "A dog eats."))
    ready = rewrite(studio, session)[-1]
    assert ready in ask(studio, session, "resync")
    assert ask(studio, session, "discard") == [{"op": "proposal", "id": None}]
    assert ready not in ask(studio, session, "resync")


def test_a_text_that_is_no_shorter_is_said(studio_with: Callable[[FakeModel], Studio], session: Session) -> None:
    ops = rewrite(studio_with(FakeModel(answer=lambda messages: f"{OLD} And more.")), session, task="shorten")
    assert ops[-2:-1] == [{"op": "proposal", "id": None}]
    assert "No shorter text came" in ops[-1]["text"]


def test_nothing_to_change_is_said(studio_with: Callable[[FakeModel], Studio], session: Session) -> None:
    ops = rewrite(studio_with(FakeModel(answer=lambda messages: OLD)), session)
    assert "nothing to change" in ops[-1]["text"]
    assert session.proposal is None


def test_a_stop_proposes_what_came(studio_with: Callable[[FakeModel], Studio], session: Session) -> None:
    gate = threading.Event()
    studio = studio_with(FakeModel(answer=lambda messages: "A dog eats meat. It eats and eats.", piece=5, gate=gate))
    gate.set()
    ops: list[dict[str, Any]] = []
    for message in actions.model_action(studio, session, {"act": "rewrite", "id": "s1", "task": "rewrite"}):
        ops += message["ops"]
        if sum(op["op"] == "proposed" for op in ops) == 2:
            ask(studio, session, "hush")
    assert ops[-1]["state"] == "ready"
    assert "".join(new for _, new in ops[-1]["changes"]).startswith("A dog")


@pytest.mark.parametrize(
    ("more", "sentence"), [({"task": "sing"}, "The task is 'sing'"), ({"id": "s9"}, "no longer exists")]
)
def test_what_cannot_be_rewritten_is_said(
    studio_with: Callable[[FakeModel], Studio], session: Session, more: dict[str, str], sentence: str
) -> None:
    ops = rewrite(studio_with(FakeModel()), session, **more)
    assert {"op": "proposal", "id": None} in ops
    assert sentence in ops[-1]["text"]
    assert texts(session)[0] == OLD


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("heading", "A cat eats."),
        ("list", "- A cat eats."),
        ("numbered", "1. A cat eats."),
        ("quote", "> A cat eats."),
        ("code", "```\nA cat eats.\n```"),
        ("table", "| A cat eats. |  |\n| --- | --- |\n|  |  |"),
    ],
)
def test_a_text_becomes_another_block(
    studio_with: Callable[[FakeModel], Studio], session: Session, kind: str, text: str
) -> None:
    operations = ask(studio_with(FakeModel()), session, "block", id="s1", text="A cat eats.", kind=kind)
    changed = session.article.section("s1")
    assert changed.kind == {"numbered": "list"}.get(kind, kind)
    assert (changed.source or changed.text) == text
    assert view.edit(session.article.section("s1")) in operations
    assert texts(session)[1:] == ["It sleeps.", "It plays."]


def test_words_that_are_given_once_more_are_there_once(
    studio_with: Callable[[FakeModel], Studio], session: Session
) -> None:
    studio = studio_with(FakeModel())
    pasted = {"id": "s1", "text": "One.\n\n- two\n\nThree.", "markdown": True, "edit": 0}
    ask(studio, session, "text", **pasted)
    ask(studio, session, "text", **pasted, over=OLD)
    assert texts(session) == ["One.", "- two", "Three.", "It sleeps.", "It plays."]
    ask(studio, session, "text", id="s2", text="It naps.", over="It sleeps.")
    assert session.article.section("s2").text == "It naps."


def test_a_block_is_added_below_and_edited_next(studio_with: Callable[[FakeModel], Studio], session: Session) -> None:
    studio = studio_with(FakeModel())
    operations = ask(studio, session, "block", id="s1", text="Edited before.", kind="paragraph", below=True)
    first, fresh, *_others = session.article
    assert (first.text, fresh.kind, fresh.text) == ("Edited before.", "paragraph", "…")
    assert view.edit(fresh, fresh=True) in operations
    ask(studio, session, "block", id=fresh.id, text="", kind="list", below=True)
    assert [s.kind for s in session.article] == ["paragraph", "list", "paragraph", "paragraph"], "the empty one goes"
    ask(studio, session, "block", id="s3", text="It plays.", kind="rule")
    assert session.article.sections[-1].kind == "rule"
    before = session.article
    notice = ask(studio, session, "block", id="s1", text="x", kind="poem")
    assert any(op["op"] == "notice" and "poem" in op["text"] for op in notice)
    assert session.article == before


@pytest.mark.parametrize("kind", ["heading", "list", "quote", "table", "code"])
def test_no_word_changes_when_a_text_becomes_another_block(
    studio_with: Callable[[FakeModel], Studio], session: Session, kind: str
) -> None:
    words = "Use __init__ or <b>, 2 * 3 | 4, and C:\\_x"
    ask(studio_with(FakeModel()), session, "block", id="s1", text=words, kind=kind)
    made = session.article.section("s1")
    assert made.kind == kind
    shown = blocks.shown(made)
    seen = "".join(_texts(shown)) if shown else made.text
    assert seen.strip() == words


def _texts(found: Sequence[blocks.Element | str]) -> Iterator[str]:
    for each in found:
        yield from [each] if isinstance(each, str) else _texts(each.children)


def test_several_sections_are_changed_or_deleted_in_one_step(
    studio_with: Callable[[FakeModel], Studio], session: Session
) -> None:
    studio = studio_with(FakeModel(answer=lambda messages: "Shorter."))
    value = {"act": "several", "ids": ["s3", "s1", "gone"], "task": "shorten"}
    messages = list(actions.model_action(studio, session, value))
    assert texts(session) == ["Shorter.", "It sleeps.", "Shorter."]
    states = [op["state"] for message in messages for op in message["ops"] if op["op"] == "status"]
    assert states[0] == "running"
    assert states[-1] == "done"
    ask(studio, session, "delete_several", ids=["s1", "s2", 5])
    assert texts(session) == ["Shorter."]
    ask(studio, session, "delete_several", ids="s3")
    assert texts(session) == ["Shorter."]
