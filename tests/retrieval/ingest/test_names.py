"""Names of files that are no text, very long, or differ in little."""

import json
import os
import shutil
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner

from retrieval.cli import app
from retrieval.gallery import Gallery
from retrieval.ingest.scan import scan_folder
from retrieval.maintenance import repair, salvage, verify
from retrieval.records import Filters
from tests.retrieval.conftest import ONE_WORKER
from tests.retrieval.helpers import ColourEncoder, paint

LATIN = os.fsdecode(b"caf\xe9")  # as an old Mac or Windows wrote it
unix = pytest.mark.skipif(os.name == "nt", reason="names of files are bytes on Unix only")


def files(gallery: Gallery) -> set[str]:
    return {gallery.picture(hit.id).path for hit in gallery.browse()}


@unix
def test_names_that_are_no_text_are_indexed(gallery: Gallery, pictures: Path) -> None:
    terrace = paint(pictures / f"{LATIN} terrace.png", "red")
    inside = paint(pictures / LATIN / "door.png", "blue")
    sidecar = terrace.with_suffix(".txt")
    sidecar.write_text("A terrace in the sun")
    report = gallery.add(pictures, options=ONE_WORKER)
    assert (report.added, report.skipped) == (2, [])
    assert files(gallery) == {str(terrace), str(inside)}
    assert gallery.add(pictures, options=ONE_WORKER).unchanged == 2
    assert gallery.search("café", k=1)[0].caption in ("A terrace in the sun", "door")  # by names of file and folder
    sidecar.unlink()
    assert gallery.add(pictures, options=ONE_WORKER).updated == 1
    assert gallery.search("terrace of a café", k=1)[0].caption == "café terrace"
    terrace.unlink()
    assert gallery.add(pictures, options=ONE_WORKER).removed == 1


@unix
def test_a_folder_whose_name_is_no_text_can_be_the_one_that_is_indexed(gallery: Gallery, pictures: Path) -> None:
    paint(pictures / "outside.png", "red")
    inside = paint(pictures / LATIN / "in" / "a.png", "blue")
    gallery.add(pictures, options=ONE_WORKER)
    report = gallery.add(pictures / LATIN, options=ONE_WORKER)
    assert (report.unchanged, report.removed) == (1, 0)
    assert set(gallery.choices().folders) == {str(pictures), str(pictures / LATIN), str(inside.parent)}
    (hit,) = gallery.browse(filters=Filters(folder=str(pictures / LATIN)))
    assert gallery.picture(hit.id).path == str(inside)
    moved = shutil.move(pictures / LATIN, pictures / "café")
    assert gallery.add(pictures, options=ONE_WORKER).renamed == 1
    assert str(moved / "in" / "a.png") in files(gallery)


@unix
def test_what_is_shown_of_such_a_name_is_text(gallery: Gallery, pictures: Path) -> None:
    paint(pictures / f"{LATIN}.png", "red")
    (pictures / f"{LATIN}.jpg").write_bytes(b"\xff\xd8 broken")
    (pictures / f"{LATIN}.gif").symlink_to(pictures / "nowhere")
    gallery.add(pictures, options=ONE_WORKER)
    (hit,) = gallery.browse()
    hit.path.encode()  # a copy or a thumbnail: articles and addresses take text only
    gallery.get(hit.id).path.encode()
    assert dict(gallery.skipped())[str(pictures / f"{LATIN}.jpg")].startswith("The picture 'caf\ufffd.jpg' cannot be")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("retrieval.gallery.load_encoder", lambda name: ColourEncoder())
        place = str(gallery.place)
        listed = CliRunner().invoke(app, ["index", str(pictures), "-g", place, "--workers", "1"])
        assert f"left out: {pictures}/caf\ufffd.jpg: The picture 'caf\ufffd.jpg' cannot be read" in listed.stderr
        assert f"left out: {pictures}/caf\ufffd.gif: its link leads nowhere" in listed.stderr
        said = CliRunner().invoke(app, ["search", "red", "-g", place]).stdout
        assert f"{pictures}/caf\ufffd.png" in said
        found = json.loads(CliRunner().invoke(app, ["search", "red", "-g", place, "--json"]).stdout)
        assert found[0]["path"] == f"{pictures}/{LATIN}.png"  # its bytes are kept for programs
        out = gallery.place.parent / "all.jsonl"
        CliRunner().invoke(app, ["export", "-g", place, "--out", str(out)])
        assert json.loads(out.read_text("utf-8"))["path"] == f"{pictures}/{LATIN}.png"


@unix
def test_such_names_outlive_repair_and_salvage(gallery: Gallery, pictures: Path) -> None:
    path = paint(pictures / f"{LATIN} terrace.png", "red")
    gallery.add(pictures, options=ONE_WORKER)
    salvage(gallery.place)
    with Gallery.open(gallery.place, encoder=ColourEncoder()) as again:
        repair(again)
        assert verify(again) == []
        assert again.add(pictures, options=ONE_WORKER).unchanged == 1
        assert files(again) == {str(path)}
        assert again.search("terrace café", k=1)


@unix
def test_a_picture_with_such_a_name_can_be_dropped_in(gallery: Gallery, tmp_path: Path) -> None:
    gallery.take([paint(tmp_path / f"{LATIN} terrace.png", "red")])
    assert [hit.caption for hit in gallery.browse()] == ["café terrace"]


@unix
@pytest.mark.parametrize("name", [LATIN, "50% off? #1", "猫"])
def test_a_gallery_may_lie_in_a_folder_of_any_name(tmp_path: Path, pictures: Path, name: str) -> None:
    paint(pictures / "red.png")
    with Gallery.open(tmp_path / name, create=True, encoder=ColourEncoder()) as gallery:
        assert gallery.add(pictures, options=ONE_WORKER).added == 1
        (pictures / "red.txt").write_text("red")
        assert gallery.add(pictures, options=ONE_WORKER).updated == 1
        salvage(gallery.place)
    with Gallery.open(tmp_path / name) as again:
        assert again.info().pictures == 1


def deep(folder: Path, characters: int) -> Path:
    """A new folder whose path has more than that many characters."""
    while len(str(folder)) <= characters:
        folder = folder / ("long name " * 20).strip()
    folder.mkdir(parents=True)
    return folder


@unix  # on Windows this needs the extended form of paths, tests/retrieval/test_paths.py
@pytest.mark.parametrize("characters", [260, 3000])
def test_long_paths_are_indexed(gallery: Gallery, pictures: Path, characters: int) -> None:
    path = paint(deep(pictures, characters) / "red door.png")
    path.with_suffix(".txt").write_text("Our door")
    assert gallery.add(pictures, options=ONE_WORKER).added == 1
    (hit,) = gallery.search("door")
    assert (hit.caption, hit.path) == ("Our door", str(path))
    assert gallery.thumbnail(hit.id, 128).is_file()


@unix
def test_a_path_that_no_program_can_open_is_a_reason(pictures: Path) -> None:
    (pictures / "a.png").write_bytes(b"x")
    place = os.open(pictures, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("x" * 250, dir_fd=place)
        below = os.open("x" * 250, os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = below
    os.close(place)
    scan = scan_folder(pictures)
    assert [job.path for job in scan.jobs] == [str(pictures / "a.png")]
    assert [reason for _, reason in scan.unreadable] == ["File name too long"]
    shutil.rmtree(pictures / ("x" * 250))


def test_names_that_differ_in_case_only_are_two(gallery: Gallery, pictures: Path) -> None:
    first, second = paint(pictures / "door.png", "red", mark="a"), paint(pictures / "Door.PNG", "blue", mark="b")
    if first.samefile(second):
        pytest.skip("this disk does not know them apart")
    first.with_suffix(".txt").write_text("red door")
    (pictures / "Folder").mkdir()
    (pictures / "folder").mkdir()
    third = shutil.copy(first, pictures / "Folder" / "door.png")
    report = gallery.add(pictures, options=ONE_WORKER)
    assert (report.added, report.copies) == (2, 1)
    assert {hit.caption for hit in gallery.browse()} == {"red door", "Door"}
    assert files(gallery) == {str(second), str(third)}
    assert gallery.add(pictures, options=ONE_WORKER).unchanged == 3


def test_one_name_in_two_spellings_of_unicode_is_two_files(gallery: Gallery, pictures: Path) -> None:
    composed, decomposed = paint(pictures / "caf\u00e9.png", "red"), paint(pictures / "cafe\u0301.png", "blue")
    if composed.samefile(decomposed):
        pytest.skip("this disk does not know them apart")
    composed.with_suffix(".txt").write_text("red terrace")
    assert gallery.add(pictures, options=ONE_WORKER).added == 2
    assert {hit.caption for hit in gallery.browse()} == {"red terrace", "caf\u00e9"}


def test_paths_of_an_older_gallery_are_known(gallery: Gallery, pictures: Path) -> None:
    """The stored form of a path that is text is the path."""
    paint(pictures / "猫 café.png")
    gallery.add(pictures, options=ONE_WORKER)
    with sqlite3.connect(gallery.place / "gallery.sqlite") as connection:
        assert connection.execute("SELECT path FROM files").fetchall() == [(str(pictures / "猫 café.png"),)]
