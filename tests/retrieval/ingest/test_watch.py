"""What changes in a watched folder is indexed, whenever it changes."""

from pathlib import Path
from typing import Any

from retrieval.ingest import IngestReport, Watcher
from tests.retrieval.helpers import paint


class Indexed:
    """Notes which pictures each pass finds."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.passes: list[list[str]] = []

    def add(self, folder: str | Path, **_: Any) -> IngestReport:
        self.passes.append(sorted(path.name for path in Path(folder).iterdir()))
        return IngestReport()


def test_what_changes_between_indexing_and_watching_is_found(pictures: Path, tmp_path: Path) -> None:
    gallery = Indexed(tmp_path / "gallery")
    with Watcher(gallery, [pictures], done=lambda _: watcher.stop(), quiet=0) as watcher:
        paint(pictures / "late.png")
        watcher.run()
    assert gallery.passes == [["late.png"]]
