"""Indexes a folder of pictures for the page: a job of the process, so that it survives the tab that began it."""

import ipaddress
import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.errors import FolderUnreadable
from ui.studio import Studio
from ui.texts import text

if TYPE_CHECKING:
    from retrieval.gallery import Gallery

_log = logging.getLogger(__name__)


def own_gallery_place() -> Path:
    """Where the gallery of a person's own pictures is kept when none was named at the start."""
    from platformdirs import user_data_path

    return user_data_path("xcomposer-studio", appauthor=False) / "pictures.gallery"


def may_index(shared: bool, client: str | None) -> bool:
    """Whether a visitor may name a folder of this machine: only from this machine itself, and never through a tunnel,
    whose visitors all seem to come from here."""
    if shared or client is None:
        return False
    try:
        return ipaddress.ip_address(client).is_loopback
    except ValueError:
        return False


class Indexing:
    """One folder being indexed in a thread of its own. The gallery it fills becomes everybody's when it is done."""

    def __init__(self, studio: Studio, folder: str) -> None:
        self.folder = Path(folder).expanduser()
        self.done, self.total = 0, 0  # files
        self.report: Any = None  # retrieval's IngestReport, when it ended well
        self.place = ""
        self.problem: Exception | None = None
        self.ended = threading.Event()
        self._studio = studio
        threading.Thread(target=self._work, name="indexing", daemon=True).start()

    def _work(self) -> None:
        try:
            if not self.folder.is_dir():
                raise FolderUnreadable(
                    place=self.folder, reason_en="there is no such folder", reason_zh="没有这个文件夹"
                )
            gallery = self._gallery()
            self.report = gallery.add(self.folder, progress=self._progressed)
            self.place = str(gallery.info().place)
            self._studio.use_gallery(gallery)
        except Exception as error:  # noqa: BLE001 - the person who asked reads it
            _log.warning("The folder was not indexed: %s", error)
            self.problem = error
        finally:
            self.ended.set()

    def _gallery(self) -> "Gallery":
        from retrieval.gallery import Gallery

        current = self._studio.gallery
        if isinstance(current, Gallery):
            return current
        place = own_gallery_place()
        place.parent.mkdir(parents=True, exist_ok=True)
        return Gallery.open(place, create=True)

    def _progressed(self, progress: Any) -> None:
        self.done, self.total = progress.done, progress.total

    def line(self, language: str) -> str:
        """Where it is, or how it ended, as a sentence."""
        from ui.studio import sentence

        if self.problem is not None:
            return sentence(self.problem, language)
        if self.report is not None:
            values = {"added": self.report.added, "known": self.report.unchanged, "skipped": len(self.report.skipped)}
            return text("index.ended", language, place=self.place, **values)
        if self.total:
            return text("index.reading", language, done=self.done, total=self.total)
        return text("index.scanning", language)
