"""Compositions and answers that go on when their page is loaded anew, and stop where nobody comes back."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common.messages import _
from composer.article import Article
from composer.drafts import DraftStore
from composer.errors import InputError
from tests.fakes import FakeGallery, FakeModel
from ui.chat import answering
from ui.chat.answering import stream_answer
from ui.lasting import go_on, running
from ui.session import Question, Session
from ui.studio import Studio
from ui.write import actions, draft_at_arrival
from ui.write.running import go_on_messages, queue, queued_messages, run_messages, withdrawn

OWNER = "browser:a"
CAT = "How to take good care of a pet cat"


def visitor(owner: str = OWNER) -> Session:
    session = Session()
    session.owner = owner
    return session


@pytest.fixture
def begun(studio: Studio) -> tuple[Session, Iterator[dict[str, Any]]]:
    """A session with the messages of a composition, of which some have come: its draft is saved."""
    session = visitor()
    messages = run_messages(studio, session, lambda run: studio.composer(run.job).compose(CAT, stop=run.stop))
    for _message in messages:
        if session.draft is not None and len(session.article.sections) > 1:
            break
    return session, messages


def names(operations: list[dict[str, Any]]) -> list[str]:
    return [operation["op"] for operation in operations]


def arrived(studio: Studio, session: Session, before: Session, *, shown: str) -> list[str]:
    assert before.draft is not None
    return names(draft_at_arrival(studio, session, before.draft.id, newer=True, shown=shown))


def whole(studio: Studio) -> Article:
    """What is written where nothing comes between."""
    session = visitor("browser:b")
    list(run_messages(studio, session, lambda run: studio.composer(run.job).compose(CAT, stop=run.stop)))
    return session.article


@pytest.mark.parametrize("closed", [True, False])
def test_a_page_that_is_loaded_anew_goes_on_with_the_same_article(
    studio: Studio, begun: tuple[Session, Any], closed: bool
) -> None:
    before, messages = begun
    if closed:  # the server may notice that the page is gone before the new one arrives, or after
        messages.close()
    assert before.busy
    after = visitor()
    assert "rejoin" in arrived(studio, after, before, shown=before.id)
    assert after.busy
    if not closed:
        assert [names(message["ops"]) for message in messages] == [["status"]], "no piece is taken twice"
    studio.visitor_arrived("before", before)
    studio.visitor_left("before")  # it may be noticed late
    list(go_on_messages(studio, after))
    assert not after.busy
    assert [s.text for s in after.article] == [s.text for s in whole(studio)]
    assert [s.illustration is not None for s in after.article] == [s.illustration is not None for s in whole(studio)]
    assert studio.drafts is not None
    assert after.draft is not None
    drafts = studio.drafts.of(OWNER)
    assert drafts.load(after.draft.id).article == after.article
    assert [version.what for version in drafts.versions(after.draft.id, steps=True)] == ["write"], "one step"
    assert studio.lasting == []
    assert studio.place(after, "article") is None


def test_it_goes_on_for_nobody_else_and_is_not_taken_from_a_page_that_shows_it(
    studio: Studio, begun: tuple[Session, Any]
) -> None:
    before, messages = begun
    assert "rejoin" not in arrived(studio, visitor(), before, shown="another tab")
    assert "rejoin" not in arrived(studio, visitor("browser:b"), before, shown=before.id)
    messages.close()
    assert "rejoin" in arrived(studio, visitor(), before, shown="another tab"), "its page is gone"


def test_where_nobody_comes_back_the_model_is_free_and_the_draft_has_what_came(
    studio: Studio, begun: tuple[Session, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "GRACE", 0.2)
    before, messages = begun
    studio.visitor_arrived("a", before)
    studio.visitor_left("a")
    messages.close()
    assert before.busy
    deadline = time.monotonic() + 5
    while before.busy and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not before.busy
    assert studio.lasting == []
    assert studio.place(before, "article") is None
    assert studio.drafts is not None
    assert before.draft is not None
    assert studio.drafts.of(OWNER).load(before.draft.id).article == before.article
    assert "rejoin" not in arrived(studio, visitor(), before, shown=before.id)


def test_stop_reaches_a_run_that_goes_on_elsewhere(studio: Studio, begun: tuple[Session, Any]) -> None:
    before, messages = begun
    messages.close()
    after = visitor()
    arrived(studio, after, before, shown=before.id)
    messages = go_on_messages(studio, after)
    next(messages)
    after.stop("article")
    states = [op["state"] for message in messages for op in message["ops"] if op["op"] == "status"]
    assert states[-1] == "stopped"
    assert not after.busy


def test_a_page_that_leaves_twice_at_once_is_handed_on_once(studio: Studio, begun: tuple[Session, Any]) -> None:
    before, messages = begun
    messages.close()
    others = [visitor() for _ in range(8)]
    barrier, taken = threading.Barrier(len(others)), []

    def arrive(session: Session) -> None:
        barrier.wait()
        if "rejoin" in arrived(studio, session, before, shown=before.id):
            taken.append(session)

    threads = [threading.Thread(target=arrive, args=[session]) for session in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) >= 1
    following = [session for session in taken if session.lasting]
    assert len(following) == 1
    list(go_on_messages(studio, following[0]))
    assert studio.lasting == []


def test_what_has_come_can_be_saved_while_more_is_written(studio: Studio, begun: tuple[Session, Any]) -> None:
    session, messages = begun
    come = [section.text for section in session.article]
    exported = list(actions.export_action(studio, session, {"act": "export", "format": "txt"}))
    [file] = [op for message in exported for op in message["ops"] if op["op"] == "download"]
    saved = studio.pictures._downloads[file["url"].rpartition("/")[2]][2].decode()
    assert all(text.replace("**", "") in saved for text in come)
    list(messages)
    assert [section.text for section in session.article] == [section.text for section in whole(studio)]


def queued(studio: Studio, title: str) -> Session:
    """A session whose title was queued a moment ago; nothing has been asked of the model."""
    session = visitor()
    begins = Article(title=title, parameters={"request": title})
    message = queue(
        studio, session, lambda run: studio.composer(run.job).compose(title, stop=run.stop), begins, title=title
    )
    assert names(message["ops"]) == ["fresh", "article", "draft", "status"]
    return session


@pytest.mark.parametrize("noticed", [True, False])
def test_a_reload_before_the_first_word_finds_what_was_queued(studio: Studio, noticed: bool) -> None:
    before = queued(studio, CAT)
    if noticed:
        before.leave()
    assert studio.drafts is not None
    assert [one.title for one in studio.drafts.of(OWNER).list()] == [CAT]
    after = visitor()
    assert "rejoin" in arrived(studio, after, before, shown=before.id)
    assert list(queued_messages(studio, before))[1:] == []
    list(go_on_messages(studio, after))
    assert [s.text for s in after.article] == [s.text for s in whole(studio)]
    [draft] = studio.drafts.of(OWNER).list()
    assert [one.what for one in studio.drafts.of(OWNER).versions(draft.id, steps=True)] == ["write"]
    assert studio.drafts.of(OWNER).load(draft.id).left == ""
    assert studio.lasting == []


def test_who_does_not_wait_any_longer_has_the_article_before(studio: Studio) -> None:
    session = visitor()
    list(run_messages(studio, session, lambda run: studio.composer(run.job).compose(CAT, stop=run.stop)))
    article, draft = session.article, session.draft
    begins = Article(title="Dogs")
    queue(studio, session, lambda run: studio.composer(run.job).compose("Dogs", stop=run.stop), begins)
    assert session.article.title == "Dogs"
    operations = withdrawn(studio, session)
    assert [names(operations), operations[0]["title"]] == [["article", "draft", "status"], CAT]
    assert (session.article, session.draft) == (article, draft)
    assert list(queued_messages(studio, session)) == []
    assert studio.drafts is not None
    assert [one.title for one in studio.drafts.of(OWNER).list()] == [CAT]
    assert (studio.lasting, studio.place(session, "article")) == ([], None)


def test_what_fails_before_the_first_word_leaves_no_draft(studio: Studio) -> None:
    session = queued(studio, CAT)
    studio.model, studio.model_problem = None, InputError(_("The model cannot read '{name}'.", name="cat"))
    [told] = list(queued_messages(studio, session))[-1:]
    assert "cannot read" in next(op["text"] for op in told["ops"] if op["op"] == "notice")
    assert studio.drafts is not None
    assert studio.drafts.of(OWNER).list() == []
    assert session.draft is None
    assert not session.has_article


def test_what_is_asked_before_the_draft_is_opened_is_done_then(studio: Studio, begun: tuple[Session, Any]) -> None:
    before, messages = begun
    list(messages)
    after = visitor()
    assert before.draft is not None
    asked = {"act": "text", "id": "s2", "text": "Asked early.", "shows": before.id}
    assert names(actions.quick_action(studio, after, asked)["ops"]) == ["hand"]
    draft_at_arrival(studio, after, before.draft.id, newer=False, shown="")
    actions.quick_action(studio, after, {"act": "restore", "draft": before.draft.id, "shows": before.id})
    assert after.article.section("s2").text == "Asked early."


# -- the program itself ends ---------------------------------------------------------------------------


def again(studio: Studio, tmp_path: Path) -> Studio:
    """The program that is started after one was killed: it has what was saved."""
    assert studio.drafts is not None
    anew = Studio(lambda progress: FakeModel(), lambda: FakeGallery(tmp_path), drafts=DraftStore(studio.drafts.folder))
    anew.start()
    assert anew.settled or (anew.model_settled.wait(5) and anew.gallery_settled.wait(5))
    return anew


@pytest.mark.parametrize("written", ["nothing", "a part", "the text"])
def test_what_was_interrupted_is_said_and_written_on(studio: Studio, tmp_path: Path, written: str) -> None:
    killed = queued(studio, CAT)
    place = killed.draft
    assert place is not None
    if written != "nothing":
        messages = queued_messages(studio, killed)
        for message in messages:
            steps = [op.get("step") for op in message["ops"] if op["op"] == "step"]
            if (written == "the text" and steps == ["write"]) or (
                written == "a part" and len(killed.article.sections) > 2
            ):
                break
        killed.lasting["article"].growing.save()  # type: ignore[attr-defined]
    anew = again(studio, tmp_path)
    session = visitor()
    told = {op["op"]: op for op in draft_at_arrival(anew, session, place.id, newer=False, shown="")}
    assert told["draft"]["left"] == ("illustrate" if written == "the text" else "write")
    assert told["article"]["title"] == CAT
    stood = [section.text for section in session.article][:-1]
    list(actions.model_action(anew, session, {"act": "go_on"}))
    assert [s.text for s in session.article][: len(stood)] == stood
    assert len(session.article.sections) >= 6
    assert session.article.illustrated
    assert session.draft is not None
    assert (session.draft.id, session.draft.left) == (place.id, "")
    anew.close()


def test_an_interrupted_article_can_be_left_as_it_is(
    studio: Studio, begun: tuple[Session, Any], tmp_path: Path
) -> None:
    before, _messages = begun
    before.lasting["article"].growing.save()  # type: ignore[attr-defined]
    anew, session = again(studio, tmp_path), visitor()
    assert before.draft is not None
    draft_at_arrival(anew, session, before.draft.id, newer=False, shown="")
    actions.quick_action(anew, session, {"act": "text", "id": "s1", "text": "My own heading"})
    assert session.draft is not None
    assert session.draft.left == "write", "who edits it may still want the rest"
    [told] = [op for op in actions.quick_action(anew, session, {"act": "finished"})["ops"] if op["op"] == "draft"]
    assert told["left"] == ""
    assert anew.drafts is not None
    assert anew.drafts.of(OWNER).load(before.draft.id).left == ""
    anew.close()


# -- an answer of the chat ---------------------------------------------------------------------------


@pytest.fixture
def answered_in_part(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> tuple[Session, Iterator[Any]]:
    """A session with an answer of which some has come."""
    monkeypatch.setattr(answering, "DRAWN_EVERY", 0)
    session = visitor()
    session.question = Question("Where do cats sleep?")
    messages = stream_answer(studio, session)
    for _history in messages:
        if session.talk.tree.path and session.talk.tree.path[-1].answer:
            break
    return session, messages


def talk_again(studio: Studio, before: Session, *, shown: str, owner: str = OWNER) -> Session | None:
    after = visitor(owner)
    return after if go_on(studio, after, "chat", before.talk.key, shown) else None


def test_a_page_that_is_loaded_anew_goes_on_with_the_same_answer(
    studio: Studio, answered_in_part: tuple[Session, Any]
) -> None:
    before, messages = answered_in_part
    begun = before.talk.tree.path[-1].answer
    assert talk_again(studio, before, shown="another tab") is None
    assert talk_again(studio, before, shown=before.id, owner="browser:b") is None
    after = talk_again(studio, before, shown=before.id)
    assert after is not None
    assert after.answering
    list(messages)
    assert before.talk.tree.path[-1].answer == begun, "no piece is taken by the page that is gone"
    studio.visitor_arrived("before", before)
    studio.visitor_left("before")  # it may be noticed late
    shown = list(stream_answer(studio, after))
    [answered] = after.talk.tree.path
    assert answered.finished
    assert answered.answer.startswith(begun)
    assert len(answered.answer) > len(begun)
    assert answered.answer == shown[-1][-1]["content"]
    assert studio.conversations is not None
    kept = studio.conversations.of(OWNER).load(str(after.talk.kept))
    assert kept.tree.path == (answered,)
    assert not after.answering
    assert studio.lasting == []
    assert studio.place(after, "chat") is None


def test_a_question_that_waits_for_the_model_is_not_lost(studio: Studio) -> None:
    before = visitor()
    before.question = Question("Where do cats sleep?")
    messages = stream_answer(studio, before)
    studio.model_settled.clear()
    next(messages)
    messages.close()
    studio.model_settled.set()
    after = talk_again(studio, before, shown=before.id)
    assert after is not None
    list(stream_answer(studio, after))
    assert [one.question for one in after.talk.tree.path] == ["Where do cats sleep?"]
    assert after.talk.tree.path[-1].finished


def test_an_answer_nobody_comes_back_to_is_kept_as_far_as_it_came(
    studio: Studio, answered_in_part: tuple[Session, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "GRACE", 0.2)
    before, messages = answered_in_part
    studio.visitor_arrived("a", before)
    studio.visitor_left("a")
    messages.close()
    assert studio.lasting != []
    deadline = time.monotonic() + 5
    while studio.lasting and time.monotonic() < deadline:
        time.sleep(0.02)
    assert studio.lasting == []
    assert talk_again(studio, before, shown=before.id) is None
    assert studio.conversations is not None
    [kept] = studio.conversations.of(OWNER).load(str(before.talk.kept)).tree.path
    assert kept.answer == before.talk.tree.path[-1].answer != ""
    assert not kept.finished


def test_what_goes_wrong_meanwhile_is_told_to_the_page_that_follows(studio: Studio) -> None:
    before, after, failed = visitor(), visitor(), threading.Event()
    before.question = Question("Where do cats sleep?")

    def breaks(*_arguments: Any, **_options: Any) -> Any:
        yield "Cats "
        failed.wait(5)
        raise InputError(_("The model cannot read '{name}'.", name="cat"))

    studio.require_model().stream = breaks  # type: ignore[method-assign]
    messages = stream_answer(studio, before)
    next(messages)
    late = threading.Thread(target=lambda: list(messages))
    late.start()
    while not before.talk.tree.path[-1].answer:
        time.sleep(0.01)
    after = talk_again(studio, before, shown=before.id) or after
    failed.set()
    late.join()
    shown = list(stream_answer(studio, after))
    assert "cannot read" in shown[-1][-1]["content"]
    assert studio.lasting == []
