"""Several people at one model: what each of them sees, without a browser."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from composer.article import Article, Section
from composer.models import Capabilities, Message, Sampling
from tests.fakes import FakeGallery, FakeModel
from ui.chat.answering import stream_answer
from ui.session import Question, Session
from ui.studio import Studio
from ui.write import actions
from ui.write.running import run_messages

SOON = 5.0


class Watched(FakeModel):
    """Says how many calls it computes now, and how many it did at once; each text waits for the gate."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.now = self.most = 0
        self.counting = threading.Lock()

    def stream(
        self, messages: Sequence[Message], sampling: Sampling, *, stop: threading.Event | None = None
    ) -> Iterator[str]:
        with self.counting:
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            yield from super().stream(messages, sampling, stop=stop)
        finally:
            with self.counting:
                self.now -= 1


@pytest.fixture
def studio_with(tmp_path: Path) -> Iterator[Callable[[FakeModel], Studio]]:
    made: list[Studio] = []

    def make(model: FakeModel) -> Studio:
        studio = Studio(lambda progress: model, lambda: FakeGallery(tmp_path))
        made.append(studio)
        studio.start()
        assert studio.model_settled.wait(SOON)
        assert studio.gallery_settled.wait(SOON)
        return studio

    yield make
    for studio in made:
        studio.close()


def composed(studio: Studio, session: Session, title: str = "Cats") -> Iterator[dict[str, Any]]:
    return run_messages(studio, session, lambda run: studio.composer(run.job).compose(title, stop=run.stop))


def asked(studio: Studio, session: Session) -> Iterator[list[dict[str, Any]]]:
    session.question = Question("What do cats eat?")
    return stream_answer(studio, session)


def in_background(messages: Iterator[Any]) -> tuple[threading.Thread, list[Any]]:
    seen: list[Any] = []
    thread = threading.Thread(target=lambda: seen.extend(messages), daemon=True)
    thread.start()
    return thread, seen


def states(messages: Sequence[Any]) -> list[str]:
    return [op["state"] for message in messages for op in message["ops"] if op["op"] == "status"]


def test_an_answer_is_given_while_the_pictures_of_anothers_article_are_chosen(
    studio_with: Callable[[FakeModel], Studio],
) -> None:
    studio = studio_with(Watched())
    writer, reader = Session(), Session()
    messages = composed(studio, writer)
    for message in messages:  # to the step after the writing
        if any(op.get("step") == "spot" for op in message["ops"]):
            break
    assert writer.busy
    thread, _seen = in_background(asked(studio, reader))
    thread.join(SOON)
    assert not thread.is_alive(), "the article stands still here, between two of its calls"
    assert reader.talk.tree.exchanges[-1].finished
    list(messages)
    assert not writer.busy


@pytest.mark.parametrize("texts_at_once", [1, 2])
def test_an_answer_begins_beside_the_writing_of_an_article_where_the_model_can(
    studio_with: Callable[[FakeModel], Studio], texts_at_once: int
) -> None:
    model = Watched(capabilities=Capabilities(context_tokens=4096, texts_at_once=texts_at_once))
    studio = studio_with(model)
    writer, reader = Session(), Session()
    messages = composed(studio, writer)
    while not writer.article.sections:
        next(messages)
    thread, _seen = in_background(asked(studio, reader))
    thread.join(SOON if texts_at_once > 1 else 0.3)
    assert thread.is_alive() == (texts_at_once == 1)
    list(messages)
    thread.join(SOON)
    assert reader.talk.tree.exchanges[-1].finished
    assert model.most == texts_at_once


@pytest.mark.parametrize("at_once", [1, 2])
def test_articles_of_several_people(studio_with: Callable[[FakeModel], Studio], at_once: int) -> None:
    gate = threading.Event()
    studio = studio_with(Watched(capabilities=Capabilities(context_tokens=4096, at_once=at_once), gate=gate))
    people = [Session() for _ in range(3)]
    running = []
    for person in people:
        running.append(in_background(composed(studio, person)))
        deadline = time.monotonic() + SOON
        while studio.line.place(person.job_key("article")) is None and time.monotonic() < deadline:
            time.sleep(0.01)
    deadline = time.monotonic() + SOON
    while len(states(running[2][1])) < 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    waiting = [op for message in running[2][1] for op in message["ops"]]
    assert waiting[0]["state"] == "waiting"
    assert waiting[0]["ahead"] == 2
    gate.set()
    for thread, _seen in running:
        thread.join(SOON)
    assert [person.article.sections[0].text for person in people] == ["Food and water"] * 3
    assert studio.model is not None
    assert studio.model.most == at_once  # type: ignore[attr-defined]
    assert studio.line.count() == 0


def start_chat(studio: Studio, session: Session) -> Iterator[Any]:
    return asked(studio, session)


def start_rewriting(studio: Studio, session: Session) -> Iterator[Any]:
    session.article = Article("Cats", (Section("s1", "A cat eats fresh food."),))
    return actions.model_action(studio, session, {"act": "rewrite", "id": "s1", "task": "rewrite"})


def start_proposing(studio: Studio, session: Session) -> Iterator[Any]:
    session.article = Article("Cats", (Section("s1", "A cat eats fresh food from a bowl."),))
    return actions.model_action(studio, session, {"act": "propose", "id": "s1"})


def start_article(studio: Studio, session: Session) -> Iterator[Any]:
    return composed(studio, session)


@pytest.mark.parametrize("start", [start_chat, start_rewriting, start_proposing, start_article])
@pytest.mark.parametrize("how", ["at work", "in the line"])
def test_a_page_that_vanishes_frees_the_model(
    studio_with: Callable[[FakeModel], Studio], start: Callable[..., Any], how: str
) -> None:
    gate = threading.Event()
    model = FakeModel(article="It " + "eats and sleeps " * 200, gate=gate)
    studio = studio_with(model)
    gone = Session()
    studio.visitor_arrived("gone", gone)
    others = []
    if how == "in the line":
        for number in range(3):
            job = studio.line.join(f"other {number}", f"other {number}", long=number % 2 == 0)
            studio.line.wait(job, 0.01)
            others.append(job)
    thread, _seen = in_background(start(studio, gone))
    deadline = time.monotonic() + SOON
    while (how == "at work" and not model.prompts) and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    pieces = model.usage.generated
    threading.Timer(0.1, gate.set).start()  # the next token comes
    studio.visitor_left("gone")
    thread.join(SOON)
    assert not thread.is_alive()
    assert model.usage.generated - pieces <= 2, "within a token"
    for job in others:
        studio.line.end(job)
    assert studio.line.count() == 0


def test_a_question_that_waits_for_the_writing_of_an_article_can_be_taken_back(
    studio_with: Callable[[FakeModel], Studio],
) -> None:
    studio = studio_with(FakeModel())
    writer, reader = Session(), Session()
    messages = composed(studio, writer)
    while not writer.article.sections:
        next(messages)
    thread, _seen = in_background(asked(studio, reader))
    thread.join(0.3)
    assert reader.question is not None, "the model has not taken it up"
    assert reader.talk.tree.exchanges == ()
    reader.stop("chat")
    thread.join(SOON)
    assert not thread.is_alive()
    assert reader.talk.tree.exchanges == ()
    list(messages)
    assert studio.line.count() == 0


def test_stop_takes_a_question_out_of_the_line(studio_with: Callable[[FakeModel], Studio]) -> None:
    studio = studio_with(FakeModel())
    other = studio.line.join("other", "other", long=False)
    assert studio.line.wait(other, 1)
    me = Session()
    answer = asked(studio, me)
    assert "(1)" in str(next(answer)[-1]["content"]), "one comes first"
    me.stop("chat")
    assert list(answer) == []
    studio.line.end(other)
    assert studio.line.count() == 0
