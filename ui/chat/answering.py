"""Has the model answer the question that waits, and shows the conversation after each piece of the answer."""

import functools
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from common.errors import ReadableError
from composer.chat import Conversation, Turn
from composer.conversations import Exchange, Parameters
from composer.models import Picture, Sampling
from ui.chat.showing import Messages, history
from ui.chat.talking import GrowingAnswer, conversations_of, record
from ui.lasting import LastingRun
from ui.scheduling import Place
from ui.session import Question, Session
from ui.studio import Studio, loading_status, wait_until
from ui.texts import error_sentence, text

_log = logging.getLogger(__name__)

# seconds: a drawing sends the whole conversation, which the browser copies; one a piece leaves it no time for Stop
DRAWN_EVERY = 0.1
LONG_WAIT = 90  # seconds: from here on it is told in minutes, as in stepper.js


def stream_answer(studio: Studio, session: Session) -> Iterator[Messages]:
    """The history after each piece of the answer to the question that waits, or of one that a page before this one
    asked for. Closing the iterator (the tab is gone) stops the model, unless the conversation is soon opened again;
    what was answered is kept."""
    running = session.lasting.get("chat")
    if isinstance(running, RunningAnswer) and not running.run.stop.is_set():
        running.follow(session)
        yield history(studio, session)
    elif session.question is not None:
        running = RunningAnswer(studio, session, session.question)
    else:
        return  # refused a moment ago, with the reason
    left = False
    try:
        yield from _shown(studio, session, running)
    except GeneratorExit:
        left = True
        running.leave()
        raise
    except Exception as error:  # noqa: BLE001 - the person reads it in place of the answer
        if not isinstance(error, ReadableError):
            _log.exception("The chat failed.")
        session.answer_problem = error_sentence(error, session.language)
        if session.question is running.question:
            session.refused = running.question
    finally:
        if not left:
            running.end(session)
    if running.begun or session.answer_problem:
        yield history(studio, session)


def _shown(studio: Studio, session: Session, running: "RunningAnswer") -> Iterator[Messages]:
    run, language = running.run, session.language
    while not studio.model_settled.is_set() and wait_until(studio.model_settled, run.stop):
        yield history(studio, session, loading_status(studio.progress, language).text + " …")
    shown = ""
    for place in studio.line.places(run.job, run.stop):
        if (words := waiting_words(place, language)) != shown:
            shown = words
            yield history(studio, session, words)
    if run.stop.is_set() and not running.begun:
        return
    drawn = 0.0
    for pending in running.events(session):
        if pending or time.monotonic() - drawn >= DRAWN_EVERY:
            yield history(studio, session, pending)
            drawn = time.monotonic()


def waiting_words(place: Place, language: str) -> str:
    """What stands in place of an answer whose question waits for others."""
    if not place.ahead:
        return "…"
    words = f"{text('view.waiting', language)} ({place.ahead})"
    if place.seconds is None:
        return words
    if place.seconds < LONG_WAIT:
        return f"{words} · {text('view.about_seconds', language, seconds=f'{place.seconds:.0f}')}"
    return f"{words} · {text('view.about_minutes', language, minutes=f'{place.seconds / 60:.0f}')}"


class RunningAnswer(LastingRun[str]):
    """The answer to a question. An event is what stands in its place as long as it has not begun."""

    work = "chat"

    def __init__(self, studio: Studio, session: Session, question: Question) -> None:
        super().__init__(studio, session)
        self.question = question
        self._conversation: Conversation | None = None
        self._answer: GrowingAnswer | None = None  # None: the model has not yet taken up the question
        session.answer_problem = ""

    def _begin(self) -> Iterator[str]:
        studio, question, run = self._studio, self.question, self.run
        talk, language = self.session.talk, self.session.language
        parameters = talk.parameters
        conversation = studio.conversation(
            run.job, language, instructions=parameters.system, material=talk.material.text
        )
        conversation.turns = tuple(_turn(exchange) for exchange in talk.tree.path_to(question.parent))
        if question.pictures and not studio.require_model().capabilities.sees_pictures:
            yield text("chat.looking", language)
        pictures = [_picture(path) for path in question.pictures]
        pieces = conversation.ask(question.text, pictures, _sampling(parameters), run.stop, begun=question.begun)
        with studio.line.call(run.job, is_text=True, stop=run.stop) as mine:
            # stopped while it waited or the pictures were looked at: it is in the box again
            if mine and self._take_up(conversation):
                yield ""
                for _ in pieces:
                    yield ""

    def _take_up(self, conversation: Conversation) -> bool:
        """The question is one of the conversation from now on; False where it waits no more."""
        question = self.question
        with self._moving:
            session = self.session
            if session.question is not question:
                return False
            session.question = None
            asked = Exchange(
                question.text,
                parent=question.parent,
                first=question.first,
                pictures=question.pictures,
                descriptions=conversation.turns[-1].descriptions,
                model=self._studio.require_model().name,
                answer=question.begun,
            )
            self._conversation = conversation
            self._answer = GrowingAnswer(self._studio, session, record(self._studio, session, asked))
            with session.talking:
                session.talk = replace(session.talk, material_used=conversation.material_used)
            return True

    def _apply(self, event: str) -> None:
        if self._conversation is not None and self._answer is not None:
            turn: Turn = self._conversation.turns[-1]
            self._answer.grow(turn.answer, left_out=turn.left_out, finished=turn.finished)

    def _place(self) -> str | None:
        kept = conversations_of(self._studio, self.session) is not None
        return self.session.talk.kept or self.session.talk.key if kept else None

    def _names(self, session: Session) -> set[str]:
        return session.chat_names

    def _give(self, before: Session, after: Session) -> None:
        with before.talking:
            after.talk, after.talk_problem, after.question = before.talk, before.talk_problem, before.question
            after.earlier_pictures = before.earlier_pictures
            after.chat_names |= before.chat_names
            if self._answer is not None:
                self._answer.session = after

    def _close(self) -> None:
        if self.session.question is self.question:
            self.session.question = None
        if self._answer is not None:
            self._apply("")
            self._answer.save()


def _turn(exchange: Exchange) -> Turn:
    """An earlier exchange for the model; a picture that cannot be read any more is left out."""
    pictures: list[Picture] = []
    for path in exchange.pictures:
        try:
            pictures.append(_picture(path))
        except (ReadableError, OSError):
            _log.warning("A picture of a conversation is gone: %s", path)
    complete = len(pictures) == len(exchange.pictures)
    return Turn(
        exchange.question,
        tuple(pictures),
        exchange.descriptions if complete else (),
        exchange.answer,
        exchange.finished,
        exchange.left_out,
    )


@functools.lru_cache(maxsize=8)  # the last ones are shown to the model with each question
def _picture(path: Path) -> Picture:
    return Picture.open(path)


def _sampling(parameters: Parameters) -> Sampling:
    return Sampling(
        max_tokens=parameters.max_tokens,
        temperature=parameters.temperature,
        top_p=0.9,
        repetition_penalty=parameters.repetition_penalty,
    )


def store_pictures(studio: Studio, files: Sequence[str]) -> tuple[Path, ...]:
    """A visitor's pictures, decoded and written anew. Raises PictureError."""
    return tuple(Path(studio.pictures.store_upload(file).path) for file in files)
