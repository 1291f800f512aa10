"""What the commands say on stderr: progress, notes and errors; and how Ctrl-C and errors end them."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from common.errors import ReadableError, TypedTextUnreadable
from common.terminal import make_output_safe, printable
from composer import errors
from composer.events import ArticleReady, Event, Notice, Step, StepProgress, StepStarted, TextDelta
from composer.models import LoadProgress
from retrieval.errors import GalleryNotFound, GalleryUnreadable

# Errors about what was typed; everything else that goes wrong has status 1.
_BAD_COMMAND = (
    TypedTextUnreadable,
    errors.ArticleUnreadable,
    errors.InputError,
    errors.PictureError,
    errors.SettingsError,
    errors.UnknownModel,
    errors.ModelFilesMissing,
    errors.ModelFilesBroken,
    errors.DraftNotFound,
    errors.VersionNotFound,
    GalleryNotFound,
    GalleryUnreadable,
)
_STEPS: dict[Step, str] = {
    "write": "Writing",
    "spot": "Finding places",
    "caption": "Describing pictures",
    "retrieve": "Searching",
    "select": "Choosing",
}


def say(text: str) -> None:
    """Prints to stderr. Control characters are shown, not sent: a part of it may be the name of a stranger's file."""
    typer.echo(printable(text), err=True)


def loading_steps() -> Callable[[LoadProgress], None]:
    """A listener that says each step of loading once, and of a download each tenth."""
    shown = ("", -1)

    def show(step: LoadProgress) -> None:
        nonlocal shown
        tenths = 10 * step.done // step.total if step.stage == "download" and step.total else 0
        if (step.stage, tenths) == shown:
            return
        shown = (step.stage, tenths)
        size = f", {10 * tenths} % of {step.total / 1e9:.2f} GB" if step.stage == "download" and step.total else ""
        say(f"Model: {step.stage}" + (f" ({step.detail}{size})" if step.detail else ""))

    return show


def follow(events: Iterator[Event]) -> ArticleReady:
    """Shows a composition on stderr; returns its last event."""
    last: ArticleReady | None = None
    for event in events:
        match event:
            case StepStarted(step=step, total=total):
                say(_STEPS[step] + (f" ({total})" if total else "") + " …")
            case TextDelta(text=text) if sys.stderr.isatty():
                typer.echo(printable(text), err=True, nl=False)
            case StepProgress(step=step, done=done, total=total) if sys.stderr.isatty():
                typer.echo(f"\r  {done}/{total}", err=True, nl=done == total)
            case Notice(problem=problem):
                say(f"Note: {problem.text()}")
            case ArticleReady():
                last = event
    if last is None:
        raise RuntimeError("a composition ended without ArticleReady")
    return last


@contextmanager
def stop_on_interrupt() -> Iterator[threading.Event]:
    """An event that Ctrl-C sets, so that what exists is saved; a second Ctrl-C ends the program."""
    stop = threading.Event()

    def on_interrupt(_signal: int, _frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        say("\nStopping; what exists is kept. Ctrl-C again quits at once.")
        stop.set()

    if threading.current_thread() is not threading.main_thread():  # only the main thread hears signals
        yield stop
        return
    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def readable_errors() -> Iterator[None]:
    """Turns errors meant for people into a sentence and an exit status; no character can end the command."""
    make_output_safe()
    try:
        yield
    except ReadableError as error:
        say(error.text())
        raise typer.Exit(2 if isinstance(error, _BAD_COMMAND) else 1) from error
    except BrokenPipeError:
        # the reader of stdout has gone (`| head`): nothing more to say to anyone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None
