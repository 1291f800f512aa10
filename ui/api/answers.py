"""What the endpoints answer: how far a composition is, an article, and every error as a sentence."""

import logging
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import gradio as gr

from common.errors import ReadableError
from common.messages import Text, _
from composer.article import Article
from composer.events import ArticleReady, Event, Notice, Report, StepProgress, StepStarted
from ui import view
from ui.api.arguments import refused_as_sentences
from ui.scheduling import Job
from ui.studio import Studio

_log = logging.getLogger(__name__)

BEAT = 1.0  # seconds


def composition_answers(
    studio: Studio, events: Iterator[Event], stop: threading.Event, notes: Sequence[Text] = ()
) -> Iterator[dict[str, Any]]:
    """What a call is told of a composition, at each step and at least every `BEAT` seconds while something happens: a
    caller who went away is noticed then. Raises what kept the article from having any text."""
    problems: list[ReadableError] = []
    running: dict[str, Any] = {}
    due = 0.0
    try:
        for event in events:
            if isinstance(event, StepStarted):
                running, due = {"state": "running", "step": event.step}, 0.0
            elif isinstance(event, StepProgress):
                running |= {"done": event.done, "total": event.total}
            elif isinstance(event, Notice):
                problems.append(event.problem)
            elif isinstance(event, ArticleReady):
                if problems and not event.article.sections:
                    raise problems[0]
                said = [*(note.text("en") for note in notes), *(problem.text("en") for problem in problems)]
                yield {"state": "done", **_composed(studio, event.article, event.report), "notes": said}
                return
            if running and time.monotonic() >= due:
                due = time.monotonic() + BEAT
                yield dict(running)
    finally:
        stop.set()  # the caller went away, or it is done


@contextmanager
def job_of(studio: Studio, request: gr.Request, stop: threading.Event, *, long: bool) -> Iterator[Job]:
    """A job for one call in the line before the model; `stop` ends its waiting. Calls of one login, or of one address,
    are one person's."""
    owner = request.username or (request.client.host if request.client is not None else "")
    with studio.line.job(secrets.token_hex(8), f"program:{owner}", long=long) as job:
        job.stop = stop
        yield job


def waiting_answers(studio: Studio, job: Job, stop: threading.Event) -> Iterator[dict[str, Any]]:
    """What a call is told while others come first; a caller who went away is noticed then, too."""
    for place in studio.line.places(job, stop, BEAT):
        about = {} if place.seconds is None else {"seconds": round(place.seconds)}
        yield {"state": "waiting", "ahead": place.ahead, **about}


def article_answer(studio: Studio, article: Article) -> dict[str, Any]:
    """An article for a program, which can hand it back: no path of this machine is in it."""
    shown = view.article_operation(article, studio.pictures.address, studio.attribution)
    kept = ("title", "language", "model", "sections", "imported", "credits", "parameters")
    return {name: shown[name] for name in kept}


def _composed(studio: Studio, article: Article, report: Report) -> dict[str, Any]:
    from composer.exporting import markdown_zip

    archive = studio.pictures.offer_download(markdown_zip(article), "article.zip", "application/zip")
    return {
        **article_answer(studio, article),
        "zip": archive,
        "seconds": {step: round(seconds, 3) for step, seconds in report.seconds.items()},
        "tokens": {"prefilled": report.prefilled, "reused": report.reused, "generated": report.generated},
    }


def when_loaded(studio: Studio) -> Studio:
    """Waits until model and gallery are loaded or have failed; the calls after this raise what went wrong."""
    studio.model_settled.wait()
    studio.gallery_settled.wait()
    return studio


@contextmanager
def errors_for_callers() -> Iterator[None]:
    """Turns every error into one that Gradio passes on; of a fault of this program it tells the kind only."""
    try:
        with refused_as_sentences():
            yield
    except ReadableError as error:
        raise gr.Error(error.text("en"), print_exception=False) from error
    except Exception as error:
        _log.exception("A call failed.")
        sentence = _("The program failed at this call; the reason is in its log ({kind}).", kind=type(error).__name__)
        raise gr.Error(str(sentence), print_exception=False) from error
