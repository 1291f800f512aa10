"""What is not looked at: other programs' files, a person's rules, links that lead around."""

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from retrieval.cli import app
from retrieval.errors import FolderUnreadable, RetrievalError
from retrieval.gallery import Gallery
from retrieval.ingest.report import IngestOptions
from retrieval.ingest.rules import other_programs_rule
from retrieval.ingest.scan import Scan, scan_folder
from tests.retrieval.conftest import ONE_WORKER
from tests.retrieval.helpers import ColourEncoder, paint


def found(folder: Path, *exclude: str) -> set[str]:
    return {Path(job.path).relative_to(folder).as_posix() for job in scan_folder(folder, exclude=exclude).jobs}


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


@pytest.mark.parametrize(
    ("folder", "name", "rule"),
    [
        ("a", "@eaDir", "@eaDir"),
        ("a", "@EADIR", "@eaDir"),
        ("a", "#recycle", "#recycle"),
        ("a", "$Recycle.Bin", "$RECYCLE.BIN"),
        ("a", ".Trash-1000", ".Trash*"),
        ("a", ".trashes", ".Trash*"),
        ("a", ".thumbnails", ".thumbnails"),
        ("a", "._beach.jpg", "._*"),
        ("a", "__MACOSX", "__MACOSX"),
        ("a", "Thumbs.db", "Thumbs.db"),
        ("a", "lost+found", "lost+found"),
        ("a", ".git", ".*"),
        ("a", "Lightroom Catalog Previews.lrdata", "*.lrdata"),
        ("My Photos.photoslibrary", "resources", "*.photoslibrary/resources"),
        ("My Photos.photoslibrary", "originals", ""),
        ("a", "resources", ""),
        ("@eaDir", "beach.jpg", ""),
        ("a", "recycle", ""),
        ("a", "my@eaDir", ""),
    ],
)
def test_what_other_programs_keep(folder: str, name: str, rule: str) -> None:
    assert other_programs_rule(folder, name) == rule


def test_what_is_left_out_by_rule_is_counted_and_not_looked_at(pictures: Path) -> None:
    touch(pictures, "harbour.jpg", "@eaDir/harbour.jpg/XL.jpg", "#recycle/b.jpg", "__MACOSX/._c.jpg", "Thumbs.db")
    touch(pictures, "._harbour.jpg", ".hidden/d.jpg", ".DS_Store", "in/@eaDir/e.jpg", "in/f.jpg")
    scan = scan_folder(pictures)
    assert found(pictures) == {"harbour.jpg", "in/f.jpg"}
    assert scan.by_rule == {"@eaDir": 2, "#recycle": 1, "__MACOSX": 1, "Thumbs.db": 1, "._*": 1, ".*": 1}
    assert (scan.by_person, scan.unreadable) == (0, [])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_galleryignore_file_speaks_for_its_folder_and_those_below(pictures: Path, encoding: str) -> None:
    touch(pictures, "a.png", "a.jpg", "private/b.jpg", "in/private/c.jpg", "in/d.png", "in/e.png", "in/猫/f.jpg")
    touch(pictures, "only here/g.jpg", "in/only here/h.jpg", "drafts/i.jpg", "#tag.jpg")
    rules = "# mine\r\n\r\nprivate/\r\n*.png\r\n猫\r\n/only here\r\ndrafts/*.jpg\r\n\\#tag.jpg\r\n"
    (pictures / ".galleryignore").write_bytes(rules.encode(encoding))
    (pictures / "in" / ".galleryignore").write_text("!d.png\n")
    assert found(pictures) == {"a.jpg", "in/d.png", "in/only here/h.jpg"}
    scan = scan_folder(pictures)
    assert scan.by_rule == {".galleryignore": 8}
    assert scan.by_person == 8


def test_exclude_counts_more_than_every_file(pictures: Path) -> None:
    touch(pictures, "a.jpg", "b.png", "in/c.jpg", "out/d.jpg", "out/e.png")
    (pictures / ".galleryignore").write_text("*.png\n")
    (pictures / "in" / ".galleryignore").write_text("!c.jpg\n")
    assert found(pictures, "c.jpg", "!b.png") == {"a.jpg", "b.png", "out/d.jpg"}
    assert found(pictures, f"{pictures}/out") == {"a.jpg", "in/c.jpg"}
    assert found(pictures, str(pictures / "out" / "d.jpg"), "/a.jpg") == {"in/c.jpg"}


def test_a_rule_that_is_none_is_a_sentence(gallery: Gallery, pictures: Path) -> None:
    kept = paint(pictures / "in" / "a.png")
    gallery.add(pictures, options=ONE_WORKER)
    with pytest.raises(RetrievalError, match=r"'!' is no rule.*\.gitignore"):
        gallery.add(pictures, options=IngestOptions(workers=1, exclude=("*.x", "!")))
    (pictures / "in" / ".galleryignore").write_text("a.png\n!\n")
    report = gallery.add(pictures, options=ONE_WORKER)  # what the folder's other rules mean is not guessed
    assert report.removed == 0
    assert report.skipped[0][0] == str(kept.parent)
    assert "'!' is no rule" in report.skipped[0][1]
    with pytest.raises(FolderUnreadable, match="'!' is no rule"):
        gallery.add(pictures / "in", options=ONE_WORKER)


def test_pictures_that_a_rule_leaves_out_leave_the_gallery(gallery: Gallery, pictures: Path) -> None:
    paint(pictures / "private" / "red door.png")
    gallery.add(pictures, options=ONE_WORKER)
    (hit,) = gallery.browse()
    gallery.edit(hit.id, caption="our door")
    ignore = pictures / ".galleryignore"
    ignore.write_text("private/\n")
    report = gallery.add(pictures, options=ONE_WORKER)
    assert (report.found, report.removed, report.by_rule) == (0, 1, {".galleryignore": 1})
    assert gallery.info().pictures == 0
    ignore.unlink()
    assert gallery.add(pictures, options=ONE_WORKER).added == 1
    assert gallery.get(hit.id).caption == "our door"


def test_the_command_says_once_how_many_rules_left_out(pictures: Path, tmp_path: Path) -> None:
    paint(pictures / "a.png")
    touch(pictures, "out/b.png", "out too/b.png", "@eaDir/c.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("retrieval.gallery.load_encoder", lambda name: ColourEncoder())
        arguments = ["index", str(pictures), "-g", str(tmp_path / "g"), "--exclude", "out/", "--exclude", "out too"]
        run = CliRunner().invoke(app, [*arguments, "--workers", "1"])
        assert "left out by rule: 3 (--exclude 2, @eaDir 1)" in run.stderr
        again = CliRunner().invoke(app, [*arguments, "--json"])
        assert json.loads(again.stdout)["by_rule"] == {"--exclude": 2, "@eaDir": 1}


def test_links_are_followed_once_and_folders_keep_their_own_names(pictures: Path, tmp_path: Path) -> None:
    touch(pictures, "z/a.jpg", "z/deep/b.jpg")
    touch(tmp_path, "elsewhere/c.jpg")
    (pictures / "a link").symlink_to(pictures / "z")
    (pictures / "z" / "up").symlink_to(pictures)
    (pictures / "out").symlink_to(tmp_path / "elsewhere")
    (pictures / "out again").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(pictures)
    assert found(pictures) == {"z/a.jpg", "z/deep/b.jpg", "out/c.jpg"}


def test_a_link_that_leads_nowhere_is_a_reason(pictures: Path) -> None:
    touch(pictures, "a.jpg")
    for name, target in (("gone.jpg", "nowhere.jpg"), ("round", "round"), ("a.xmp", "nowhere.xmp")):
        (pictures / name).symlink_to(pictures / target)
    scan = scan_folder(pictures)
    assert [job.path for job in scan.jobs] == [str(pictures / "a.jpg")]
    assert sorted(scan.unreadable) == [
        (str(pictures / name), "its link leads nowhere") for name in ("gone.jpg", "round")
    ]


@pytest.mark.skipif(os.name == "nt", reason="pictures without an ending came from old Macs")
def test_pictures_without_an_ending_are_known_by_their_beginning(gallery: Gallery, pictures: Path) -> None:
    for name, form in (("Red door", "JPEG"), ("Blue door 12.06.2019", "PNG"), ("notes.bak", "PNG")):
        paint(pictures / name, name.split()[0].lower() if " " in name else "grey", format=form)
    touch(pictures, "README", "empty")
    (pictures / "empty").write_bytes(b"")
    report = gallery.add(pictures, options=ONE_WORKER)
    assert (report.added, report.skipped) == (2, [])
    assert {hit.caption for hit in gallery.browse()} == {"Red door", "Blue door 12"}


def test_nothing_left_out_is_said_by_an_empty_count(pictures: Path) -> None:
    assert scan_folder(pictures) == Scan()


@pytest.mark.parametrize("ending", [".jpg_large", ".JPG-large", ".jpeg_orig", ".jpg!w700", ".jpg@1080w"])
def test_pictures_whose_ending_a_site_made_longer_are_known_by_their_beginning(
    gallery: Gallery, pictures: Path, ending: str
) -> None:
    paint(pictures / "a red kite.jpg").rename(pictures / f"a red kite{ending}")
    (pictures / f"no picture{ending}").write_text("a note")
    report = gallery.add(pictures, options=ONE_WORKER)
    assert (report.added, report.skipped) == (1, [])
    assert [hit.caption.startswith("a red kite") for hit in gallery.browse()] == [True]


def test_what_exiftool_keeps_of_a_changed_file_is_left_out_and_counted(gallery: Gallery, pictures: Path) -> None:
    paint(pictures / "kite.jpg", "red")
    paint(pictures / "old.jpg", "blue").rename(pictures / "kite.jpg_original")
    report = gallery.add(pictures, options=ONE_WORKER)
    assert (report.added, report.by_rule) == (1, {"*.???_original": 1})
