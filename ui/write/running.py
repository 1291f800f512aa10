"""Runs one piece of the model's work for a session and turns its events into messages for the view."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

from common.errors import ReadableError
from composer.events import ArticleReady, Event, SectionsReady, StepFinished, StepStarted
from ui import view
from ui.drafts import Growing
from ui.session import Run, Session
from ui.studio import Studio, loading_status, wait_until
from ui.texts import error_sentence, text

_log = logging.getLogger(__name__)

Message = dict[str, Any]


def run_messages(
    studio: Studio, session: Session, events: Callable[[Run], Iterator[Event]], what: str = "write"
) -> Iterator[Message]:
    """The messages of one run. Whatever happens, the session keeps the article as far as it came, and so does its
    draft, in which the run is one step of the kind `what`.

    Closing the iterator (the tab is gone) stops the model.
    """
    run = session.begin("article")
    draft = Growing(studio, session, what)
    studio.join_queue(session.id)
    try:
        yield from until_loaded(studio, session, run)
        if run.stop.is_set():
            yield session.message(view.idle())
            return
        studio.require_model()
        for event in events(run):
            with session.changing:
                before = session.article
                session.article = view.apply_event(before, event)
            if session.article is not before:
                draft.changed()
            if isinstance(event, ArticleReady):
                studio.record_speed(event.report.generated, event.report.seconds.get("write", 0.0))
            operations = view.event_operations(
                session.article, event, studio.pictures.address, session.language, studio.attribution
            )
            begins = session.draft is None and session.article.sections and not session.keeping_problem
            if begins or isinstance(event, StepStarted | StepFinished | SectionsReady | ArticleReady):
                operations += draft.save()
            if operations:
                yield session.message(*operations)
    except Exception as error:  # noqa: BLE001 - whatever it was, the person reads it and keeps the article
        yield session.message(
            whole_article(studio, session),
            view.notice(logged_sentence(error, session.language), tone="bad"),
            view.idle(),
            *draft.save(),
        )
    finally:
        draft.save()
        run.stop.set()
        run.ended.set()
        studio.leave_queue(session.id)
        if session.status["state"] in view.WAITING:  # closed in the middle: a view that comes back waits no longer
            session.status = view.idle()


def whole_article(studio: Studio, session: Session) -> view.Operation:
    """The whole article of a session, as the view draws it."""
    return view.article_operation(session.article, studio.pictures.address, studio.attribution)


def logged_sentence(error: Exception, language: str) -> str:
    """What a person reads of whatever went wrong. An error that was not foreseen also goes to the log."""
    if isinstance(error, ReadableError):
        return error.text(language)
    _log.error("Something for a visitor failed.", exc_info=error)
    return text("say.broken", language, reason=error_sentence(error, language))


def until_loaded(studio: Studio, session: Session, run: Run) -> Iterator[Message]:
    """Tells how far the loading is, while it lasts."""
    for settled in (studio.model_settled, studio.gallery_settled):
        while not settled.is_set():
            status = loading_status(studio.progress, session.language)
            yield session.message(view.loading(status.text, status.fraction))
            if not wait_until(settled, run.stop):
                return
