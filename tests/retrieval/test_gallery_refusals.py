"""What a person is told where a gallery, its encoder, folder or disk is not as it should be; nothing is lost."""

import os
from pathlib import Path

import pytest
from filelock import FileLock

from retrieval import open_gallery
from retrieval.errors import (
    FolderUnreadable,
    GalleryBusy,
    GalleryNotFound,
    GalleryUnreadable,
    RetrievalError,
    WrongEncoder,
)
from retrieval.gallery import Gallery
from retrieval.maintenance import verify
from tests.retrieval.conftest import ONE_WORKER
from tests.retrieval.helpers import ColourEncoder, paint


def test_wrong_encoder_is_refused_by_name(gallery: Gallery) -> None:
    with pytest.raises(WrongEncoder, match="weights"):
        Gallery.open(gallery.place, encoder=ColourEncoder(weights="other"))


@pytest.mark.parametrize("name", ["", "nothing/here"])
def test_no_gallery_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(GalleryNotFound, match="python -m retrieval index"):
        open_gallery(str(tmp_path / name))


def test_what_is_no_gallery(tmp_path: Path) -> None:
    (tmp_path / "gallery.sqlite").write_bytes(b"this is not SQLite" * 100)
    with pytest.raises(GalleryUnreadable):
        open_gallery(str(tmp_path))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("hello")
    with pytest.raises(GalleryUnreadable, match="something else"):
        Gallery.open(tmp_path / "full", create=True)


def test_missing_folder_is_named_and_drops_nothing(gallery: Gallery, pictures: Path) -> None:
    paint(pictures / "a.png")
    gallery.add(pictures, options=ONE_WORKER)
    pictures.rename(pictures.with_name("away"))
    with pytest.raises(FolderUnreadable, match="pictures"):
        gallery.add(pictures, options=ONE_WORKER)
    assert gallery.info().pictures == 1
    assert Path(gallery.search("red")[0].path).is_file()  # its thumbnail, while the file is away


def test_two_at_once_one_says_so(gallery: Gallery, pictures: Path) -> None:
    with FileLock(gallery.place / "indexing.lock"), pytest.raises(GalleryBusy):
        gallery.add(pictures)


def test_full_disk_is_said_and_keeps_the_gallery(
    gallery: Gallery, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint(pictures / "a.png")
    gallery.add(pictures, options=ONE_WORKER)
    paint(pictures / "b.png", "blue")
    pages = gallery.catalogue.connection.execute("PRAGMA page_count").fetchone()[0]
    gallery.catalogue.connection.execute(f"PRAGMA max_page_count = {pages}")
    monkeypatch.setattr("retrieval.ingest.pipeline.path_words", lambda _: "word " * 100_000)
    with pytest.raises(RetrievalError, match="full"):
        gallery.add(pictures, options=ONE_WORKER)
    gallery.catalogue.connection.execute("PRAGMA max_page_count = 1000000")
    monkeypatch.undo()
    assert gallery.add(pictures, options=ONE_WORKER).added == 1
    assert verify(gallery) == []


def test_an_unreadable_folder_loses_nothing(gallery: Gallery, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paint(pictures / "a.png", "red")
    paint(pictures / "locked" / "b.png", "blue")
    gallery.add(pictures, options=ONE_WORKER)
    real = os.scandir

    def scandir(path: Path) -> object:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr("retrieval.ingest.scan.os.scandir", scandir)
    report = gallery.add(pictures, options=ONE_WORKER)
    assert report.removed == 0
    assert report.skipped == [(str(pictures / "locked"), "Permission denied")]
    assert gallery.info().pictures == 2
