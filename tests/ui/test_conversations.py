"""Conversations of the Chat tab, without a browser: kept with each piece, versions, and after a restart."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from composer.conversations import Exchange, Material, Parameters
from composer.errors import ModelFailed
from composer.models import Sampling
from tests.fakes import FakeGallery, FakeModel
from ui.chat import history, rows, talking, view
from ui.chat.answering import stream_answer
from ui.chat.listing import ConversationsList
from ui.drafts import proof_of
from ui.session import Question, Session

KEY = "5" * 48


@pytest.fixture
def session(studio: Any) -> Session:
    made = Session()
    made.owner = "browser:a"
    studio.model.answer = lambda messages: f"Answer {len(studio.model.samplings)}."
    return made


def ask(studio: Any, session: Session, words: str) -> None:
    session.question = Question(words, parent=session.talk.tree.last)
    list(stream_answer(studio, session))


def again(studio: Any, session: Session, **value: Any) -> None:
    view.ask_again(studio, session, value)
    list(stream_answer(studio, session))


def said(shown: list[dict[str, Any]]) -> list[str]:
    return [message["content"] for message in shown]


def test_versions_of_answers_and_questions_are_paged_through_and_kept(studio: Any, session: Session) -> None:
    ask(studio, session, "Who")
    again(studio, session, id=1)
    ask(studio, session, "Where")
    again(studio, session, id=1, text="Whose")
    assert said(history(studio, session)) == ["Whose", "Answer 4."]
    assert [(one["kind"], one["id"], one["at"], one["of"]) for one in rows(studio, session)] == [
        ("question", 4, 1, (2, 4)),
        ("answer", 4, 0, (4,)),
    ]
    view.quick_action(studio, session, {"act": "page", "id": 2})
    assert said(history(studio, session)) == ["Who", "Answer 2.", "Where", "Answer 3."]
    assert [message.text for message in studio.model.prompts[2][1:]] == ["Who", "Answer 2.", "Where"]
    view.quick_action(studio, session, {"act": "page", "id": 1})
    assert said(history(studio, session)) == ["Who", "Answer 1."]
    view.quick_action(studio, session, {"act": "like", "id": 1, "liked": True})
    other = Session()
    other.owner = "browser:a"
    talking.open_talk(studio, other, str(session.talk.kept))
    assert other.talk.tree == session.talk.tree
    assert other.talk.tree.get(1).liked is True
    assert other.talk.title == "Who"


def test_an_answer_that_breaks_off_is_kept_and_goes_on_at_one_click(
    studio: Any, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaking(messages: Any, sampling: Sampling, *, stop: Any = None) -> Iterator[str]:
        yield "Red, green "
        raise ModelFailed(name="far", doing="writing", reason="the connection broke")

    with monkeypatch.context() as patch:
        patch.setattr(studio.model, "stream", breaking)
        ask(studio, session, "Which colours")
    shown = said(history(studio, session))
    assert shown[:2] == ["Which colours", "Red, green "]
    assert "the connection broke" in shown[2]
    assert rows(studio, session)[1]["finished"] is False
    studio.model.answer = lambda messages: "and blue."
    again(studio, session, act="continue", id=1)
    assert said(history(studio, session)) == ["Which colours", "Red, green and blue."]
    assert rows(studio, session)[1] | {"finished": True, "at": 1, "of": (1, 2)} == rows(studio, session)[1]
    assert studio.model.prompts[-1][-1].text == "Red, green "
    view.quick_action(studio, session, {"act": "page", "id": 1})
    assert said(history(studio, session)) == ["Which colours", "Red, green "], "as it came, too"


def test_what_another_tab_asks_stands_beside_it(studio: Any, session: Session) -> None:
    ask(studio, session, "Who")
    other = Session()
    other.owner = "browser:a"
    talking.open_talk(studio, other, str(session.talk.kept))
    ask(studio, other, "Where")
    view.quick_action(studio, session, {"act": "follow"})
    assert said(history(studio, session))[2] == "Where"
    session.question = Question("When", parent=1)
    list(stream_answer(studio, session))
    view.quick_action(studio, session, {"act": "page", "id": 3})
    assert rows(studio, session)[2]["of"] == (2, 3)


def test_an_answer_is_kept_while_it_streams(studio: Any, session: Session) -> None:
    studio.model.answer, studio.model.gate = (lambda messages: "word " * 100_000), threading.Event()
    worker = threading.Thread(target=ask, args=(studio, session, "Who"))
    worker.start()
    try:
        time.sleep(0.1)
        studio.model.gate.set()
        time.sleep(0.1)
        studio.model.gate.clear()  # in the middle, and nothing follows
        time.sleep(1.1)
        kept = studio.conversations.of("browser:a").load(session.talk.kept).tree.path[-1]
        assert kept.answer == session.talk.tree.path[-1].answer != ""
        assert not kept.finished
    finally:
        session.stop("chat")
        studio.model.gate.set()
        worker.join(10)


def test_system_prompt_and_material_reach_the_model_as_far_as_they_fit(studio: Any, session: Session) -> None:
    text = ("Herons wade. " * 1000).strip()  # 5,200 tokens of the 4,096 there are
    view.quick_action(studio, session, {"act": "about", "title": "Herons", "text": text})
    [begun] = studio.conversations.of("browser:a").list()
    assert (begun.id, begun.title) == (session.talk.kept, "About “Herons”")  # before anything is asked
    talking.set_parameters(studio, session, Parameters(system="Be a pirate.", max_tokens=64))
    ask(studio, session, "Who")
    opening = studio.model.prompts[-1][0].text
    assert opening.startswith("Be a pirate.")
    used = session.talk.material_used
    assert used is not None
    assert 2000 < used < 5200
    assert opening.endswith(text[:used])
    assert f"first {used:,} of {len(text):,}" in said(history(studio, session))[1].replace("\\", "")
    assert studio.model.samplings[-1] == Sampling(64, 0.7, 0.9, repetition_penalty=1.1)
    kept = studio.conversations.of("browser:a").load(session.talk.kept)
    assert kept.material == Material("Herons", text)
    assert kept.parameters.system == "Be a pirate."


def test_after_a_restart_the_page_s_conversation_is_read_from_what_was_kept(studio: Any, session: Session) -> None:
    ask(studio, session, "Who")
    shown = history(studio, session)
    fresh = Session()
    fresh.owner = "browser:a"
    talking.take_over(studio, fresh, session.id, [], session.talk.kept)
    assert history(studio, fresh) == shown
    stranger = Session()
    stranger.owner = "browser:b"
    talking.take_over(studio, stranger, session.id, shown, session.talk.kept)  # not theirs: what the page shows
    assert history(studio, stranger) == shown
    ask(studio, stranger, "Where")
    assert stranger.talk.kept != session.talk.kept
    assert len(studio.conversations.of("browser:b").load(stranger.talk.kept).tree.path) == 2


def test_pictures_are_there_after_a_restart(studio: Any, session: Session, tmp_path: Path) -> None:
    studio.model.capabilities = replace(studio.model.capabilities, sees_pictures=True, max_pictures=4)
    file = tmp_path / "heron.jpg"
    Image.new("RGB", (40, 30), "blue").save(file)
    session.question = Question("Who", (file,))
    list(stream_answer(studio, session))
    file.unlink()
    fresh = Session()
    fresh.owner = "browser:a"
    talking.open_talk(studio, fresh, str(session.talk.kept))
    again(studio, fresh, id=1)
    [message] = [message for message in studio.model.prompts[-1] if message.pictures]
    assert message.pictures[0].image.size == (40, 30)
    assert "studio/pictures/" in said(history(studio, fresh))[0]


def test_what_cannot_be_kept_stays_and_is_kept_later(studio: Any, session: Session, tmp_path: Path) -> None:
    ask(studio, session, "Who")
    folder = tmp_path / "data" / "conversations"
    folder.rename(tmp_path / "away")
    folder.write_text("in the way")
    ask(studio, session, "Where")
    assert "could not be kept" in said(history(studio, session))[-1]
    assert [one.question for one in session.talk.tree.path] == ["Who", "Where"]
    folder.unlink()
    (tmp_path / "away").rename(folder)
    ask(studio, session, "When")
    kept = studio.conversations.of("browser:a").load(session.talk.kept).tree.path
    assert [one.question for one in kept] == ["Who", "Where", "When"]
    assert len(studio.conversations.of("browser:a").list()) == 1


def test_a_conversation_deleted_in_another_tab_goes_on_as_a_new_one(studio: Any, session: Session) -> None:
    ask(studio, session, "Who")
    before = str(session.talk.kept)
    studio.conversations.of("browser:a").delete(before)
    assert view.quick_action(studio, session, {"act": "like", "id": 1, "liked": True})["do"] == []
    assert session.talk.kept is None
    ask(studio, session, "Where")
    assert session.talk.kept not in (None, before)
    assert [one.question for one in session.talk.tree.path] == ["Who", "Where"]


def test_an_error_is_read_in_place_of_the_answer(studio: Any, session: Session) -> None:
    talking.set_parameters(studio, session, Parameters(system="word " * 2000))
    ask(studio, session, "Who")
    assert "The system prompt has" in said(history(studio, session))[-1]
    assert session.talk.tree.exchanges == ()
    unknown = view.quick_action(studio, session, {"act": "open", "id": "none"})
    assert "There is no conversation 'none' here" in unknown["do"][0]["text"]
    assert view.quick_action(studio, session, {"act": "page", "id": 9})["do"]
    assert view.quick_action(studio, session, {"act": "?"})["do"]


class Listing:
    """What the list asks, as its owner."""

    def __init__(self, studio: Any) -> None:
        self.studio, self.list = studio, ConversationsList(studio)

    def __call__(self, act: str, **more: Any) -> dict[str, Any]:
        return self.list.answer({"act": act, "proof": proof_of(self.studio.secret, "browser:a"), **more})


def test_the_list_is_searched_renamed_exported_and_imported(studio: Any, session: Session) -> None:
    ask(studio, session, "Who wades")
    call = Listing(studio)
    [one] = call("list", search="wades")["items"]
    assert (one["title"], one["count"]) == ("Who wades", 1)
    assert call("list", search="flies")["items"] == []
    assert call("rename", id=one["id"], name="Herons")["item"]["title"] == "Herons"
    assert call("duplicate", id=one["id"])["item"]["title"] == "Herons (copy)"
    assert call("export", id=one["id"], format="markdown")["name"] == "Herons.md"
    exported = call("export", id=one["id"], format="json")
    document = studio.pictures._downloads[exported["url"].rpartition("/")[2]][2].decode()
    brought = call("import", document=document)["item"]
    assert studio.conversations.of("browser:a").load(brought["id"]).tree.path[0].question == "Who wades"
    assert "it is no JSON" in call("import", document="{")["problem"]
    assert call("delete", id=one["id"])["item"]
    assert len(call("list")["items"]) == 2
    assert call("undelete", id=one["id"])["item"]
    assert call("export", id="none", format="json")["problem"].startswith("There is no conversation")
    assert ConversationsList(studio).answer({"act": "list"})["problem"]
    assert ConversationsList(studio).answer({"act": "list", "key": KEY})["items"] == []
    assert ConversationsList(studio).answer([])["problem"]


def test_without_a_store_a_conversation_lives_in_its_tab(tmp_path: Path) -> None:
    for made in without_store(tmp_path):
        session = Session()
        session.owner = "browser:a"
        ask(made, session, "Who")
        again(made, session, id=1)
        assert session.talk.kept is None
        assert rows(made, session)[1]["of"] == (1, 2)
        fresh = Session()
        talking.take_over(made, fresh, session.id, history(made, session))
        assert [one.question for one in fresh.talk.tree.path] == ["Who"]


def without_store(folder: Path) -> Iterator[Any]:
    from ui.studio import Studio

    made = Studio(lambda progress: FakeModel(), lambda: FakeGallery(folder))
    made.start()
    assert made.model_settled.wait(5)
    yield made
    made.close()


def test_a_growing_answer_of_a_conversation_that_was_left_is_kept(studio: Any, session: Session) -> None:
    ask(studio, session, "Who")
    left = str(session.talk.kept)
    answer = talking.GrowingAnswer(studio, session, talking.record(studio, session, Exchange("Where", parent=1)))
    talking.begin(session)
    answer.grow("There.")
    answer.save()
    assert studio.conversations.of("browser:a").load(left).tree.path[-1].answer == "There."
    assert session.talk.tree.exchanges == ()
