"""Another model in place of the one that is loaded, or its download: one at a time, in a thread of its own.

The present model answers everybody until the new one has answered a question. Where both do not fit into memory, that
is said before anything is loaded, and a person may ask to free the present one first; if the new one then fails, the
former one is loaded again.
"""

import logging
import threading
from dataclasses import dataclass
from typing import Literal

from common.errors import ReadableError, release_locals
from common.messages import _
from composer.errors import ComposerError
from composer.models import LoadProgress, Model, Sampling, machine_memory, memory_wanted, user
from ui.studio import Download, LoadModel, Studio

_log = logging.getLogger(__name__)

State = Literal["running", "waiting", "switching", "cancelling", "done", "cancelled", "failed", "no_room"]
MARGIN = 1 << 30  # bytes that stay free for the page and other programs


class Cancelled(Exception):
    """The person does not want it any more."""


class NoRoom(ComposerError):
    """Both models do not fit into memory."""

    sentence = _(
        "'{name}' takes about {needed:.1f} GB, and {free:.1f} GB are free beside '{present}', which goes on until the "
        "new one answers. Free the present one first, choose fewer bits or a smaller model."
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be done."""

    name: str  # of a model, or its path
    bits: int | None = None  # of packed weights; None: as published
    free_first: bool = False  # the present model goes before the new one is loaded
    download_only: bool = False


class ModelChange:
    """Begins at once."""

    def __init__(
        self, studio: Studio, wanted: Wanted, load: LoadModel | None = None, *, download: Download | None = None
    ) -> None:
        """load: loads the wanted model; or download: only fetches its files."""
        self.wanted = wanted
        self.state: State = "running"
        self.progress: LoadProgress | None = None
        self.problem: Exception | None = None
        self.ended = threading.Event()
        self._studio, self._load, self._download = studio, load, download
        self._stop = threading.Event()
        threading.Thread(target=self._work, name="model-change", daemon=True).start()

    def cancel(self) -> None:
        """Ends it at its next step, or in the waiting for a server; the model that is there stays. What was downloaded
        stays for the next time."""
        if not self.ended.is_set() and self.state != "switching":
            self.state = "cancelling"
            self._stop.set()

    def _on_progress(self, progress: LoadProgress) -> None:
        self.progress = progress
        if self._studio.model is None:  # everybody waits for it
            self._studio.progress = progress
        if self._stop.is_set():
            raise Cancelled

    def _work(self) -> None:
        try:
            if self._download is not None:
                self._download(self._on_progress)
            elif self.wanted.free_first:
                self._replace_freed()
            else:
                self._check_room()
                self._switch(self._loaded())
            self.state = "done"
        except Cancelled:
            self.state = "cancelled"
        except Exception as error:  # noqa: BLE001 - the person who asked reads it; everybody keeps the model
            if self._stop.is_set():
                self.state = "cancelled"
            else:
                self.problem, self.state = error, "no_room" if isinstance(error, NoRoom) else "failed"
                unforeseen = not isinstance(error, ReadableError)
                _log.warning("%s was not loaded: %s", self.wanted.name, error, exc_info=unforeseen)
                release_locals(error)
        finally:
            self.ended.set()

    def _check_room(self) -> None:
        """Raises NoRoom where both models do not fit, as far as is known."""
        present = self._studio.model
        needed = memory_wanted(self.wanted.name, self.wanted.bits)
        free = machine_memory().free
        if present is not None and needed and needed + MARGIN > free:  # a server's takes nothing here
            raise NoRoom(name=self.wanted.name, needed=needed / 1e9, free=free / 1e9, present=present.name)

    def _loaded(self) -> Model:
        """The new model, which has answered. Raises Cancelled and what loading raises."""
        assert self._load is not None
        model = self._load(self._on_progress)
        try:
            model.reply([[user("Hello")]], Sampling(max_tokens=1), stop=self._stop)
            if self._stop.is_set():
                raise Cancelled
        except BaseException:
            model.close()
            raise
        return model

    def _switch(self, model: Model) -> None:
        """Everybody's from now on; whoever is at work finishes with the former one."""
        self.state = "waiting"
        with self._studio.line.closed(self._stop) as free:
            if not free:
                model.close()
                raise Cancelled
            self.state = "switching"
            former = self._studio.use_model(model, self._load)
        _close(former)

    def _replace_freed(self) -> None:
        studio = self._studio
        self.state = "waiting"
        with studio.line.closed(self._stop) as free:
            if not free:
                raise Cancelled
            self.state = "running"
            _close(studio.use_model(None))
            try:
                studio.use_model(self._loaded(), self._load)
            except BaseException:
                studio.load_again()
                raise


def _close(former: Model | None) -> None:
    """Closes a model that nobody asks any more. What goes wrong with that must not keep the next one from people."""
    if former is None:
        return
    try:
        former.close()
    except Exception:  # noqa: BLE001 - of an engine of others; it is in the log
        _log.warning("%s could not be closed.", former.name, exc_info=True)
