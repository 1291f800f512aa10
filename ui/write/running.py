"""Runs one piece of the model's work for a session and turns its events into messages for the view."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

from common.errors import ReadableError
from composer.article import Article
from composer.events import ArticleReady, Event, SectionsReady, StepFinished, StepStarted
from ui import view
from ui.drafts import Composition, draft_operation
from ui.session import ModelRun, Session
from ui.studio import Studio, loading_status, wait_until
from ui.texts import error_sentence, text

_log = logging.getLogger(__name__)

Message = dict[str, Any]

# what is missing of an article where the program ends during a run of that kind: `composer.drafts.Draft.left`
_LEFT = {"write": "write", "write_on": "write", "illustrate": "illustrate"}


def run_messages(
    studio: Studio, session: Session, events: Callable[[ModelRun], Iterator[Event]], what: str = "write"
) -> Iterator[Message]:
    """The messages of one run. Whatever happens, the session keeps the article as far as it came, and so does its
    draft, in which the run is one step of the kind `what`.

    Closing the iterator (the page is gone) stops the model, unless the draft is soon opened again: `go_on_messages`.
    """
    composition = Composition(studio, session, events, what, left=_LEFT.get(what, ""))
    yield from _messages(studio, session, composition)


def queue(
    studio: Studio,
    session: Session,
    events: Callable[[ModelRun], Iterator[Event]],
    begins: Article,
    *,
    title: str = "",
    left: str = "write",
) -> Message:
    """An article that is a draft of its own is queued: the draft is there from now on, and a page that is loaded anew
    finds the run by it. The message says so; `queued_messages` are the others. Arguments: of `Composition`."""
    composition = Composition(studio, session, events, "write", left=left, begins=begins, title=title)
    session.queued = composition
    shown: list[view.Operation] = []
    if session.draft is not None:
        shown = [{"op": "fresh"}, whole_article(studio, session)]
    waits = view.waiting(studio.place(session, "article"))
    return session.message(*shown, *composition.begun_with, waits)


def queued_messages(studio: Studio, session: Session) -> Iterator[Message]:
    """The messages of what was queued; none where it was refused, or another page goes on with it."""
    composition, session.queued = session.queued, None
    if isinstance(composition, Composition):
        composition.follow(session)
        yield from _messages(studio, session, composition)


def withdrawn(studio: Studio, session: Session) -> list[view.Operation]:
    """A person does not wait any longer for what is queued: what the view shows then."""
    session.stop("article")
    composition, session.queued = session.lasting.get("article"), None
    ended = _ended(studio, session, composition) if isinstance(composition, Composition) else []
    studio.leave(session, "article")
    return [*(ended or [whole_article(studio, session)]), view.idle()]


def _ended(studio: Studio, session: Session, composition: Composition) -> list[view.Operation]:
    """Ends it; what the view shows where nothing came of it."""
    composition.end(session)
    if composition.session is not session or not composition.give_up():
        return []
    return [whole_article(studio, session), draft_operation(session)]


def go_on_messages(studio: Studio, session: Session) -> Iterator[Message]:
    """The messages of a run that a page before this one began, from where that one left."""
    composition = session.lasting.get("article")
    if isinstance(composition, Composition):
        composition.follow(session)
        composition.settle()
        yield session.message(whole_article(studio, session), session.status)
        yield from _messages(studio, session, composition)


def _messages(studio: Studio, session: Session, composition: Composition) -> Iterator[Message]:
    run, draft = composition.run, composition.growing
    left = False
    try:
        yield from until_loaded(studio, session, run)
        yield from until_turn(studio, session, run)
        if run.stop.is_set() and not composition.begun:
            yield session.message(*_ended(studio, session, composition), view.idle())
            return
        studio.require_model()
        for event in composition.events(session):
            if isinstance(event, ArticleReady):
                studio.record_speed(event.report.generated, event.report.seconds.get("write", 0.0))
            operations = view.event_operations(
                session.article, event, studio.pictures.address, session.language, studio.attribution
            )
            begins = session.draft is None and session.article.sections and not session.keeping_problem
            if begins or isinstance(event, StepStarted | StepFinished | SectionsReady | ArticleReady):
                operations += draft.save()
            elif operations:
                operations += draft.unsent()  # other tabs follow it by this
            if operations:
                yield session.message(*operations)
        if composition.session is not session:
            yield session.message(view.idle())  # the article goes on elsewhere
        elif operations := _ended(studio, session, composition):
            yield session.message(*operations)
    except GeneratorExit:
        left = True
        if composition.session is session:
            composition.leave()
        raise
    except Exception as error:  # noqa: BLE001 - whatever it was, the person reads it and keeps the article
        shown = _ended(studio, session, composition) or [whole_article(studio, session), *draft.save()]
        yield session.message(*shown, view.notice(logged_sentence(error, session.language), tone="bad"), view.idle())
    finally:
        if not left:
            composition.end(session)


def whole_article(studio: Studio, session: Session) -> view.Operation:
    """The whole article of a session, as the view draws it."""
    return view.article_operation(session.article, studio.pictures.address, studio.attribution)


def logged_sentence(error: Exception, language: str) -> str:
    """What a person reads of whatever went wrong. An error that was not foreseen also goes to the log."""
    if isinstance(error, ReadableError):
        return error.text(language)
    _log.error("Something for a visitor failed.", exc_info=error)
    return text("say.broken", language, reason=error_sentence(error, language))


def until_turn(studio: Studio, session: Session, run: ModelRun) -> Iterator[Message]:
    """Tells which place the work has in the line before the model, until it is its turn or it is stopped."""
    shown: view.Operation | None = None
    for place in studio.line.places(run.job, run.stop):
        if (operation := view.waiting(place)) != shown:
            shown = operation
            yield session.message(operation)


def until_loaded(studio: Studio, session: Session, run: ModelRun) -> Iterator[Message]:
    """Tells how far the loading is, while it lasts."""
    for settled in (studio.model_settled, studio.gallery_settled):
        while not settled.is_set():
            status = loading_status(studio.progress, session.language)
            yield session.message(view.loading(status.text, status.fraction))
            if not wait_until(settled, run.stop):
                return
