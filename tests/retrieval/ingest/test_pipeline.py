"""Bringing folders in: names, files and moments that are out of the ordinary."""

import os
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrieval.encoders.base import Vectors
from retrieval.errors import Reason
from retrieval.gallery import Gallery
from retrieval.index import KnownFile, assign_file, note_file
from retrieval.ingest import decode, pipeline
from retrieval.ingest.decode import Decoded
from retrieval.ingest.metadata import read_metadata
from retrieval.ingest.pipeline import Ingest
from retrieval.ingest.reading import outcome_of
from retrieval.ingest.scan import Scan, scan_folder
from retrieval.maintenance import verify
from retrieval.records import Picture
from tests.retrieval.conftest import ONE_WORKER
from tests.retrieval.helpers import ColourEncoder, paint


class WordyColours(ColourEncoder):
    """Places pictures by their words where they have some."""

    words_first = True

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        self.read += texts
        return super().encode_texts(texts)


def test_what_only_looks_like_a_text_file_leaves_no_picture_out(gallery: Gallery, pictures: Path) -> None:
    paint(pictures / "red door.png")
    paint(pictures / "blue door.png", "blue")
    (pictures / "red door.txt").mkdir()
    (pictures / "blue door.txt").symlink_to(pictures / "nowhere.txt")
    report = gallery.add(pictures, options=ONE_WORKER)
    assert (report.added, report.skipped) == (2, [])


def test_a_file_that_could_not_be_read_is_tried_again(
    gallery: Gallery, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = paint(pictures / "a.png")

    def scanned(root: Path, **options: object) -> Scan:
        found = scan_folder(root)
        path.rename(pictures / "a.away")
        return found

    monkeypatch.setattr("retrieval.ingest.pipeline.scan_folder", scanned)
    report = gallery.add(pictures, options=ONE_WORKER)
    assert report.skipped == [(str(path), "No such file or directory")]
    monkeypatch.undo()
    (pictures / "a.away").rename(path)
    assert gallery.add(pictures, options=ONE_WORKER).added == 1
    assert gallery.info().skipped == 0


@pytest.mark.parametrize("change", ["words", "pixels"])
def test_a_picture_whose_file_cannot_be_read_now_stays(
    gallery: Gallery, pictures: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    path = paint(pictures / "a.png")
    paint(pictures / "b.png", "blue")
    gallery.add(pictures, options=ONE_WORKER)
    number = gallery.search("red", k=1)[0].id
    if change == "words":
        (pictures / "a.txt").write_text("a door")
    else:
        paint(path, "red", mark="edited")

    def scanned(root: Path, **options: object) -> Scan:
        found = scan_folder(root)
        path.rename(pictures / "a.away")
        return found

    monkeypatch.setattr("retrieval.ingest.pipeline.scan_folder", scanned)
    for _ in range(2):
        report = gallery.add(pictures, options=ONE_WORKER)
        assert (report.removed, report.skipped) == (0, [(str(path), "No such file or directory")])
        assert gallery.search("red", k=1)[0].id == number
        (pictures / "a.away").rename(path)
    monkeypatch.undo()
    report = gallery.add(pictures, options=ONE_WORKER)
    assert (report.skipped, gallery.info().pictures, gallery.info().skipped) == ([], 2, 0)
    if change == "words":
        assert gallery.get(number).caption == "a door"
    else:
        assert (report.added, report.removed) == (1, 1)


def test_a_picture_that_more_words_are_read_of_stays_when_reading_fails(
    gallery: Gallery, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pictures / "a.png"
    path.write_bytes(b"no picture any more, or none that this version reads")
    (pictures / "b.png").write_bytes(b"another")
    with gallery.catalogue.transaction() as connection:
        for job in scan_folder(pictures).jobs:
            picture = Picture(path.stem, "0" * 64, caption="a door")
            number = gallery.catalogue.store(picture, np.zeros((1, gallery.dim), np.float32))
            note_file(connection, job.path, KnownFile(None, job.size, job.mtime_ns, 0, ""))
            assign_file(connection, job.path, number)
    monkeypatch.setattr("retrieval.ingest.scan.READING", 1_000)
    report = gallery.add(pictures, options=ONE_WORKER)
    assert (report.unchanged, report.removed, len(report.skipped)) == (0, 0, 2)
    assert [hit.caption for hit in gallery.search("a door", k=1)] == ["a door"]
    again = gallery.add(pictures, options=ONE_WORKER)
    assert (again.unchanged, again.removed, len(again.skipped)) == (2, 0, 2)


def test_a_file_whose_state_cannot_be_asked_keeps_its_picture(
    gallery: Gallery, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = paint(pictures / "a.png")
    gallery.add(pictures, options=ONE_WORKER)

    def scanned(root: Path, **options: object) -> Scan:
        return Scan(unreadable=[(str(path), Reason("Stale file handle"))])

    monkeypatch.setattr("retrieval.ingest.pipeline.scan_folder", scanned)
    report = gallery.add(pictures, options=ONE_WORKER)
    assert (report.removed, report.skipped) == (0, [(str(path), "Stale file handle")])


def test_what_was_dropped_in_stays_when_a_folder_around_the_gallery_is_indexed(pictures: Path, tmp_path: Path) -> None:
    paint(pictures / "lake.png")
    dropped = paint(tmp_path / "dropped.png", "blue")
    for place in (pictures / "my.gallery", pictures / ".hidden" / "my.gallery"):
        with Gallery.open(place, create=True, encoder=ColourEncoder()) as gallery:
            gallery.take([dropped])
            for folder in (pictures, place):
                assert gallery.add(folder, options=ONE_WORKER).removed == 0
            assert {hit.caption for hit in gallery.browse()} == {"lake", "dropped"}


def test_one_file_with_a_fault_nobody_foresaw_does_not_end_the_rest() -> None:
    class Future:
        def result(self) -> Decoded:
            raise AssertionError("a fault of a codec")

    outcome = outcome_of(Future(), 30)  # type: ignore[arg-type]  # pebble's
    assert outcome == "reading it failed (AssertionError: a fault of a codec)"


@pytest.mark.parametrize("fault", [RuntimeError("Not implemented"), AttributeError("no such tag")])
def test_words_that_cannot_be_read_leave_the_name(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def broken(*_: object) -> None:
        raise fault

    path = paint(pictures / "red door.png")
    monkeypatch.setattr("retrieval.ingest.metadata.reading.embedded_words", broken)
    assert read_metadata(path, path.read_bytes()).caption == "red door"
    monkeypatch.setattr(decode, "open_picture", broken)
    assert decode._upright_size(path.read_bytes()) == (0, 0)


def test_a_run_that_ends_before_reading_again_is_made_good_by_the_next(tmp_path: Path, pictures: Path) -> None:
    path = paint(pictures / "IMG_1.png", "blue")
    text = path.with_suffix(".txt")
    text.write_text("red")
    encoder = WordyColours()
    with Gallery.open(tmp_path / "g", create=True, encoder=encoder) as gallery:
        gallery.add(pictures, options=ONE_WORKER)
        assert (encoder.read, encoder.encoded) == (["red"], 0)
        text.unlink()
        run = Ingest(gallery.catalogue, encoder, gallery.place / "thumbnails", ONE_WORKER)
        run._read(scan_folder(pictures).jobs, {})  # what a kill leaves behind: read once, not yet once more
        gallery.add(pictures, options=ONE_WORKER)
        assert encoder.encoded == 1
        [hit] = gallery.search(Image.new("RGB", (9, 9), "blue"))
        assert (hit.score > 0.5, hit.caption) == (True, "")
        assert verify(gallery) == []


def test_a_change_that_cannot_be_committed_is_taken_back(gallery: Gallery) -> None:
    class FullAtTheEnd(sqlite3.Connection):
        def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
            if sql == "COMMIT":
                raise sqlite3.OperationalError("database or disk is full")
            return super().execute(sql, *values)  # type: ignore[arg-type]  # passed on

    catalogue = gallery.catalogue
    whole = catalogue.connection
    broken = sqlite3.connect(catalogue.path, factory=FullAtTheEnd, isolation_level=None)
    broken.row_factory = sqlite3.Row
    catalogue._local.connection = broken
    with pytest.raises(sqlite3.OperationalError):
        catalogue.set_fact("colour", "red")
    assert not broken.in_transaction  # else later changes would never be committed, and nobody else could write
    broken.close()
    catalogue._local.connection = whole
    assert catalogue.fact("colour") is None


@pytest.mark.parametrize("seconds", [10**10, -11_644_473_600, 2**62 // 10**9 * 3])
def test_a_file_of_an_odd_date_costs_no_other_its_place(gallery: Gallery, pictures: Path, seconds: int) -> None:
    """2286 is a camera's broken clock, 1601 the zero of Windows."""
    odd = paint(pictures / "odd.png", "red")
    paint(pictures / "usual.png", "blue")
    os.utime(odd, (seconds, seconds))
    assert gallery.add(pictures, options=ONE_WORKER).added == 2
    again = gallery.add(pictures, options=ONE_WORKER)
    assert (again.unchanged, again.updated) == (2, 0)


def test_words_are_read_again_where_the_readers_have_learned_more(
    gallery: Gallery, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint(pictures / "a lemon tree.png", "yellow")
    paint(pictures / "a red boat.png", "red")
    gallery.add(pictures, options=ONE_WORKER)
    boat, lemon = (gallery.search(words, k=1)[0].id for words in ("boat", "lemon"))
    gallery.edit(boat, caption="what a person wrote")
    wrong = replace(gallery.picture(lemon), caption="OLYMPUS DIGITAL CAMERA")
    with gallery.catalogue.transaction():
        gallery.catalogue.rewrite(wrong)
    assert gallery.add(pictures, options=ONE_WORKER).unchanged == 2
    assert gallery.picture(lemon).caption == wrong.caption, "nothing is read without a reason"
    monkeypatch.setattr(pipeline, "WORDS_VERSION", "of later")
    report = gallery.add(pictures, options=ONE_WORKER)
    assert (report.unchanged, report.found) == (0, 2)
    assert gallery.picture(lemon).caption == "a lemon tree"
    assert gallery.picture(boat).caption == "what a person wrote"
    assert gallery.add(pictures, options=ONE_WORKER).unchanged == 2, "once"


def test_the_words_of_all_copies_count_whichever_is_read_first(gallery: Gallery, pictures: Path) -> None:
    """A copy without words, and names of files, hide nothing that somebody wrote."""
    for copy in ("a dup.png", "lake.png", "z dup.png"):
        paint(pictures / copy, "blue", mark="same")
    (pictures / "lake.txt").write_text("A lake in the morning\ncredit: Ann\nlicence: CC BY 4.0\n")
    gallery.add(pictures, options=ONE_WORKER)
    (hit,) = gallery.browse()
    assert (hit.caption, hit.credit, hit.licence) == ("A lake in the morning", "Ann", "CC BY 4.0")
    assert gallery.search("z dup", k=1)[0].id == hit.id, "it is found by the names of all its files"
    gallery.edit(hit.id, caption="what a person wrote")
    paint(pictures / "b dup.png", "blue", mark="same")
    gallery.add(pictures, options=ONE_WORKER)
    assert gallery.get(hit.id).caption == "what a person wrote"
