"""A drive that is away, a library that moved, one folder by two names: absence is no deletion."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from retrieval.cli import app
from retrieval.errors import FolderEmpty
from retrieval.gallery import Gallery
from retrieval.maintenance import repair, salvage
from retrieval.records import Filters
from tests.retrieval.conftest import ONE_WORKER
from tests.retrieval.helpers import ColourEncoder, paint

PRUNE = replace(ONE_WORKER, prune=True)


def test_an_empty_mount_point_changes_nothing(gallery: Gallery, pictures: Path) -> None:
    file = paint(pictures / "IMG_0001.png")
    gallery.add(pictures, options=ONE_WORKER)
    (hit,) = gallery.browse()
    gallery.edit(hit.id, caption="our boat", credit="Ann")
    away = file.rename(pictures.parent / "away.png")
    with pytest.raises(FolderEmpty, match=r"1 file of the gallery.*--prune"):
        gallery.add(pictures, options=ONE_WORKER)
    assert gallery.get(hit.id).caption == "our boat"
    away.rename(file)
    assert gallery.add(pictures, options=ONE_WORKER).unchanged == 1
    assert gallery.get(hit.id).caption == "our boat"


def test_what_a_person_wrote_comes_back_with_the_picture(gallery: Gallery, pictures: Path) -> None:
    file, other = paint(pictures / "IMG_0001.png", "red"), paint(pictures / "IMG_0002.png", "blue")
    gallery.add(pictures, options=ONE_WORKER)
    hit = gallery.search("red", k=1)[0]
    gallery.edit(hit.id, caption="our boat", tags="sea", credit="Ann", licence="CC0")
    away = file.rename(pictures.parent / "away.png")
    assert gallery.add(pictures, options=ONE_WORKER).removed == 1
    away.rename(pictures / "another name.png")
    assert gallery.add(pictures, options=ONE_WORKER).added == 1
    back = gallery.picture(hit.id)
    assert (back.caption, back.tags, back.credit, back.licence, back.edited) == ("our boat", "sea", "Ann", "CC0", True)
    assert other.exists()


def test_a_folder_is_taken_out_when_that_is_said(gallery: Gallery, pictures: Path) -> None:
    paint(pictures / "a.png")
    gallery.add(pictures, options=ONE_WORKER)
    shutil.rmtree(pictures)
    assert gallery.add(pictures, options=PRUNE).removed == 1
    assert gallery.info().pictures == 0


def test_a_link_to_a_folder_that_is_away_keeps_its_pictures(gallery: Gallery, pictures: Path, tmp_path: Path) -> None:
    paint(pictures / "here.png", "red")
    paint(tmp_path / "drive" / "there.png", "blue")
    (pictures / "link").symlink_to(tmp_path / "drive")
    gallery.add(pictures, options=ONE_WORKER)
    (tmp_path / "drive").rename(tmp_path / "away")
    report = gallery.add(pictures, options=ONE_WORKER)
    assert (report.removed, report.skipped) == (0, [(str(pictures / "link"), "its link leads nowhere")])


def test_hits_lead_to_the_files_of_a_library_that_moved(gallery: Gallery, pictures: Path) -> None:
    paint(pictures / "red bridge.png", "red")
    gallery.add(pictures, options=ONE_WORKER)
    moved = pictures.rename(pictures.parent / "Photos")
    assert gallery.add(moved, options=ONE_WORKER).renamed == 1
    assert gallery.search("red", k=1)[0].path == str(moved / "red bridge.png")
    assert gallery.info().details["files"] == "1"


def test_of_two_copies_the_one_that_is_there_is_shown(gallery: Gallery, pictures: Path) -> None:
    first = paint(pictures / "a" / "bridge.png", "red")
    (pictures / "b").mkdir()
    shutil.copy(first, pictures / "b" / "bridge.png")
    gallery.add(pictures, options=ONE_WORKER)
    first.unlink()
    assert gallery.search("red", k=1)[0].path == str(pictures / "b" / "bridge.png")


def test_one_folder_by_two_spellings_is_one(
    gallery: Gallery, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint(pictures / "a.png")
    (tmp_path / "project").mkdir()
    (tmp_path / "link").symlink_to(pictures)
    monkeypatch.chdir(tmp_path / "project")
    gallery.add(os.path.relpath(pictures), options=ONE_WORKER)
    for spelling in (pictures, tmp_path / "link"):
        report = gallery.add(spelling, options=ONE_WORKER)
        assert (report.unchanged, report.copies) == (1, 0)


@pytest.mark.parametrize("how", ["removed", "without a vector", "salvaged"])
def test_what_a_person_wrote_outlives_every_way_a_picture_goes(gallery: Gallery, pictures: Path, how: str) -> None:
    file = paint(pictures / "IMG_0001.png")
    gallery.add(pictures, options=ONE_WORKER)
    (hit,) = gallery.browse()
    gallery.edit(hit.id, caption="our boat")
    if how == "removed":
        gallery.remove([hit.id])
    elif how == "without a vector":
        gallery.catalogue.connection.execute("DELETE FROM vectors")
        repair(gallery)
    else:
        away = file.rename(pictures.parent / "away.png")
        gallery.add(pictures, options=PRUNE)
        salvage(gallery.place)
        away.rename(file)
    with Gallery.open(gallery.place, encoder=ColourEncoder()) as again:
        again.add(pictures, options=ONE_WORKER)
        assert again.picture(hit.id).caption == "our boat"


def test_a_folder_filter_by_a_link_finds_what_lies_in_the_folder(gallery: Gallery, pictures: Path) -> None:
    paint(pictures / "red door.png")
    (pictures.parent / "link").symlink_to(pictures)
    gallery.add(pictures.parent / "link", options=ONE_WORKER)
    run = CliRunner().invoke
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("retrieval.gallery.load_encoder", lambda name: ColourEncoder())
        place = str(gallery.place)
        found = run(app, ["search", "red", "-g", place, "--folder", str(pictures.parent / "link"), "--json"])
    assert [hit["caption"] for hit in json.loads(found.stdout)] == ["red door"]


@pytest.mark.parametrize("query", ["red \ud83d", "\ude00", "red \ud83d\ude00"])
def test_half_an_emoji_is_no_part_of_a_query_or_a_caption(gallery: Gallery, pictures: Path, query: str) -> None:
    paint(pictures / "red door.png")
    gallery.add(pictures, options=ONE_WORKER)
    (hit,) = gallery.search(f"door {query}", filters=Filters(min_width=1))
    assert gallery.search("door", filters=Filters(tag=query)) == []
    assert gallery.edit(hit.id, caption=f"boat {query}").caption.startswith("boat")
