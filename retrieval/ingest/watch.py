"""Keeps a gallery up to date while its folders change."""

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, Self

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from retrieval.errors import FolderEmpty, FolderUnreadable, GalleryBusy
from retrieval.ingest.report import IngestOptions, IngestReport

log = logging.getLogger(__name__)

QUIET_SECONDS = 2.0  # a file that is being copied changes until then
BUSY_SECONDS = 60.0  # how long to wait for another program that is indexing


class CanBeIndexed(Protocol):
    """What the watcher needs of a gallery."""

    place: Path  # its folder: changes inside it are its own

    def add(
        self,
        folder: str | Path,
        *,
        stop: Callable[[], bool] | None = None,
        options: IngestOptions | None = None,
        wait: float = 0,
    ) -> IngestReport: ...


class Watcher(FileSystemEventHandler):
    """Indexes a folder again once it has been quiet for a moment after a change.

    Changes are noticed from `with` on; entered before the folder is first indexed, none falls between the two.
    """

    def __init__(
        self,
        gallery: CanBeIndexed,
        folders: Sequence[Path],
        *,
        done: Callable[[IngestReport], None],
        options: IngestOptions | None = None,
        quiet: float = QUIET_SECONDS,
    ) -> None:
        self._gallery, self._folders, self._done, self._options, self._quiet = gallery, folders, done, options, quiet
        self._changed = threading.Event()
        self._ended = threading.Event()
        self._observer = Observer()
        for folder in folders:
            self._observer.schedule(self, str(folder), recursive=True)

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Called by watchdog, in its own thread."""
        inside = Path(str(event.src_path)).is_relative_to(self._gallery.place)
        if event.event_type in ("created", "modified", "moved", "deleted", "closed") and not inside:
            self._changed.set()

    def __enter__(self) -> Self:
        self._observer.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._observer.stop()
        self._observer.join()

    def run(self) -> None:
        """Indexes what changed until `stop`. Raises what the gallery's `add` raises; a busy gallery is waited for."""
        while not self._ended.is_set():
            if not self._changed.wait(0.2):
                continue
            while self._changed.is_set() and not self._ended.is_set():
                self._changed.clear()
                self._ended.wait(self._quiet)
            if not self._ended.is_set():
                self._index()

    def stop(self) -> None:
        """Ends `run` from another thread."""
        self._ended.set()

    def _index(self) -> None:
        for folder in self._folders:
            try:
                self._done(self._gallery.add(folder, options=self._options, wait=BUSY_SECONDS, stop=self._ended.is_set))
            except (FolderEmpty, FolderUnreadable) as error:  # its drive is away; it may come back
                log.warning("%s", error)
            except GalleryBusy:
                log.warning("Another program is indexing into '%s'; trying again later", self._gallery.place)
                self._changed.set()
