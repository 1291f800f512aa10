"""Brings pictures into a gallery for the page: a job of the process, so that it survives the tab that began it."""

import logging
import shlex
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.hosts import host_name, is_loopback
from common.messages import _
from retrieval.base import PictureGallery
from retrieval.editable import EditableGallery
from retrieval.errors import FolderUnreadable
from ui.texts import error_sentence, text

if TYPE_CHECKING:
    import gradio as gr

    from retrieval.ingest import IngestReport

_log = logging.getLogger(__name__)


def own_gallery_path() -> Path:
    """Where the gallery of a person's own pictures is kept when none was named at the start."""
    from platformdirs import user_data_path

    return user_data_path("xcomposer-studio", appauthor=False) / "pictures.gallery"


# what proxies put before a request that they pass on; one of them is enough
FORWARDED = (
    *("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-server"),
    *("x-real-ip", "x-client-ip", "x-cluster-client-ip", "true-client-ip", "cf-connecting-ip", "x-original-host"),
)


def may_index(shared: bool, client: str | None) -> bool:
    """Whether a visitor may name a folder of this machine: only from this machine itself, and never through a tunnel,
    whose visitors all seem to come from here."""
    return not shared and client is not None and is_loopback(client)


def may_change(shared: bool, request: "gr.Request", *, trust_local: bool = False) -> bool:
    """Whether this request may add or change pictures: `may_index`, and it comes from a page of this program. Through a
    proxy it may where its sender has logged in, or where the owner trusts (`trust_local`) what comes from this machine.

    Any web page can make its visitor's browser send something to this machine. Browsers say where a request came from
    (Sec-Fetch-Site), and a name that was bent to lead here stands in the Host header.
    """
    name = host_name(str(request.headers.get("host", "")))
    proxied = any(header in request.headers for header in FORWARDED)  # strangers seem to come from here, too
    said = trust_local or bool(getattr(request, "username", None))
    if proxied and not said:
        return False
    own = request.headers.get("sec-fetch-site", "same-origin") == "same-origin"
    here = said or is_loopback(name)
    return may_index(shared, request.client.host if request.client else None) and own and here


class Indexing:
    """A folder, or files that were dropped in, being indexed in a thread of its own.

    They go into the current gallery where that is a person's own, else into the one at `own_gallery_path`, which
    becomes everybody's when it is done.
    """

    def __init__(
        self,
        current: Callable[[], PictureGallery | None],
        use: Callable[[PictureGallery], None],
        folder: str = "",
        files: Sequence[Path] = (),
    ) -> None:
        """current: the gallery that everybody searches now. use: makes another one everybody's."""
        self.folder = Path(folder).expanduser()
        self.files = list(files)
        self.done, self.total = 0, 0  # files
        self.report: IngestReport | None = None  # when it ended well
        self.place = ""
        self.problem: Exception | None = None
        self.ended = threading.Event()
        self._stop = threading.Event()
        self._current, self._use = current, use
        threading.Thread(target=self._work, name="indexing", daemon=True).start()

    def stop(self) -> None:
        """Ends it after the picture that is being read; what was read is kept."""
        self._stop.set()

    def _work(self) -> None:
        try:
            if not self.files and not self.folder.is_dir():
                raise FolderUnreadable(place=self.folder, reason=_("there is no such folder"))
            gallery = self._gallery()
            if self.files:
                self.report = gallery.take(self.files, progress=self._on_progress)
            else:
                self.report = gallery.add(self.folder, progress=self._on_progress, stop=self._stop.is_set)
            self.place = str(gallery.info().place)
            self._use(gallery)
        except Exception as error:  # noqa: BLE001 - the person who asked reads it
            _log.warning("The pictures were not indexed: %s", error)
            self.problem = error
        finally:
            self.ended.set()

    def _gallery(self) -> EditableGallery:
        from retrieval.gallery import Gallery

        current = self._current()
        if isinstance(current, EditableGallery):
            return current
        place = own_gallery_path()
        place.parent.mkdir(parents=True, exist_ok=True)
        return Gallery.open(place, create=True)

    def _on_progress(self, progress: Any) -> None:
        self.done, self.total = progress.done, progress.total

    def status_line(self, language: str) -> str:
        """Where it is, or how it ended, as a sentence."""
        if self.problem is not None:
            return error_sentence(self.problem, language)
        if self.report is not None:
            if self.report.stopped:
                return text("index.stopped", language, added=self.report.added)
            values = {"added": self.report.added, "known": self.report.unchanged, "skipped": len(self.report.skipped)}
            values["by_rule"] = sum(self.report.by_rule.values())
            return text("index.ended", language, place=shlex.quote(self.place), **values)
        if self.total:
            return text("index.reading", language, done=self.done, total=self.total)
        return text("index.scanning", language)
