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
from ui.chat.talking import GrowingAnswer, record
from ui.scheduling import Place
from ui.session import ModelRun, Question, Session
from ui.studio import Studio, loading_status, wait_until
from ui.texts import error_sentence, text

_log = logging.getLogger(__name__)

# seconds: a drawing sends the whole conversation, which the browser copies; one a piece leaves it no time for Stop
DRAWN_EVERY = 0.1
LONG_WAIT = 90  # seconds: from here on it is told in minutes, as in stepper.js


def stream_answer(studio: Studio, session: Session) -> Iterator[Messages]:
    """The history after each piece of the answer. Closing the iterator (the tab is gone) stops the model; what was
    answered is kept."""
    question, language = session.question, session.language
    if question is None:
        return  # refused a moment ago, with the reason
    run = studio.begin(session, "chat")
    session.answer_problem = ""
    try:
        while not studio.model_settled.is_set() and wait_until(studio.model_settled, run.stop):
            yield history(studio, session, loading_status(studio.progress, language).text + " …")
        told = ""
        for place in studio.line.places(run.job, run.stop):
            if (words := waiting_words(place, language)) != told:
                told = words
                yield history(studio, session, words)
        if run.stop.is_set():
            return
        yield from _answered(studio, session, question, run)
    except Exception as error:  # noqa: BLE001 - the person reads it in place of the answer
        if not isinstance(error, ReadableError):
            _log.exception("The chat failed.")
        session.answer_problem = error_sentence(error, language)
        if session.question is question:
            session.refused = question
        yield history(studio, session)
    finally:
        run.stop.set()
        run.ended.set()
        studio.line.end(run.job)
        if session.question is question:
            session.question = None


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


def _answered(studio: Studio, session: Session, question: Question, run: ModelRun) -> Iterator[Messages]:
    talk, parameters, language = session.talk, session.talk.parameters, session.language
    conversation = studio.conversation(run.job, language, instructions=parameters.system, material=talk.material.text)
    conversation.turns = tuple(_turn(exchange) for exchange in talk.tree.path_to(question.parent))
    if question.pictures and not studio.require_model().capabilities.sees_pictures:
        yield history(studio, session, text("chat.looking", language))
    pictures = [_picture(path) for path in question.pictures]
    pieces = conversation.ask(question.text, pictures, _sampling(parameters), run.stop, begun=question.begun)
    with studio.line.call(run.job, is_text=True, stop=run.stop) as mine:
        # stopped while it waited or the pictures were looked at: it is in the box again
        if mine and session.question is question:
            session.question = None
            asked = Exchange(
                question.text,
                parent=question.parent,
                first=question.first,
                pictures=question.pictures,
                descriptions=conversation.turns[-1].descriptions,
                model=studio.require_model().name,
                answer=question.begun,
            )
            yield from _growing(studio, session, conversation, pieces, asked)


def _growing(
    studio: Studio, session: Session, conversation: Conversation, pieces: Iterator[str], asked: Exchange
) -> Iterator[Messages]:
    """The history with each piece of the answer, which is kept as it grows."""
    answer = GrowingAnswer(studio, session, record(studio, session, asked))
    with session.talking:
        session.talk = replace(session.talk, material_used=conversation.material_used)
    try:
        yield history(studio, session)
        drawn = time.monotonic()
        for _ in pieces:
            answer.grow(conversation.turns[-1].answer, left_out=conversation.turns[-1].left_out)
            if time.monotonic() - drawn >= DRAWN_EVERY:
                yield history(studio, session)
                drawn = time.monotonic()
    finally:
        last: Turn = conversation.turns[-1]
        answer.grow(last.answer, left_out=last.left_out, finished=last.finished)
        answer.save()
    yield history(studio, session)


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
