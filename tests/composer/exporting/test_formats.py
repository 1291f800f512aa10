"""What holds for every format: one way to save, sentences for what goes wrong, nothing half written."""

import errno
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from composer.article import Article, Section
from composer.errors import ArticleUnreadable, ExportError, ExportFailed, ExportStopped, InputError, PictureGone
from composer.exporting import FORMATS, export, read_article, rendered, to_text, write_folder
from composer.exporting.job import Job
from composer.pipeline import Composer
from tests.fakes import FakeGallery, FakeModel

DOCUMENTS = ("pdf", "docx", "epub")
NASTY = (
    '#eval(read("/etc/passwd")) #import "@preview/x:1.0.0" $x^2$ \\input{/etc/passwd} \\textbf{a} {{a}} `b` '
    "<script>alert(1)</script> &amp; // no comment /* nor this */ @label <label> _a_ *b* [c](javascript:d) "
    "\u202eright to left\u202c ' \" -- ... ~ ^ | % #show: none"
)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_a_file_named_after_the_title(harbour: Article, tmp_path: Path, name: str) -> None:
    (tmp_path / "out").mkdir()
    file = export(harbour, name, tmp_path / "out")
    assert file == tmp_path / "out" / f"Mornings-at-the-harbour{FORMATS[name].suffix}"
    assert file.stat().st_size > 300
    assert [one.name for one in file.parent.iterdir()] == [file.name], "nothing else is left there"


@pytest.mark.parametrize("title", ["a/b\\c: d?", "🐱", "", "../../etc/passwd", NASTY, "题目" * 200])
@pytest.mark.parametrize("name", FORMATS)
def test_no_title_keeps_an_article_from_being_saved(tmp_path: Path, name: str, title: str) -> None:
    file = export(Article(title, (Section("s1", "Words."),)), name, tmp_path)
    assert file.parent == tmp_path


@pytest.mark.parametrize("name", FORMATS)
def test_an_article_without_sections_is_saved(tmp_path: Path, name: str) -> None:
    assert export(Article("Only a title"), name, tmp_path / "made" / "file").exists()


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "json"])
def test_a_picture_that_was_deleted_is_named(harbour: Article, tmp_path: Path, name: str) -> None:
    if name == "txt":
        return  # shows none
    (tmp_path / "photo.jpg").unlink()
    with pytest.raises(PictureGone) as error:
        export(harbour, name, tmp_path / "out")
    assert "'p1'" in error.value.text("en")
    assert "“p1”" in error.value.text("zh")
    assert not (tmp_path / "out").exists()


def test_an_unknown_format_is_answered_with_the_known_ones(harbour: Article, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        export(harbour, "odt", tmp_path)
    assert "'odt'" in error.value.text("en")
    assert all(name in error.value.text("zh") for name in FORMATS)


def test_a_full_disk_is_said_and_the_file_that_was_there_stays(
    harbour: Article, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "article.txt"
    file.write_text("before")

    def full(self: Path, *_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    for name in ("txt", "pdf", "docx", "epub"):
        with pytest.raises(ExportError) as error:
            export(harbour, name, file)
        assert "no space left on device" in error.value.text("en")
        assert "磁盘已满" in error.value.text("zh")
    monkeypatch.undo()
    assert file.read_text() == "before"
    assert {one.name for one in tmp_path.iterdir()} == {"article.txt", "drawing.png", "photo.jpg"}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_progress_grows_to_the_end(harbour: Article, name: str) -> None:
    shares: list[float] = []
    rendered(harbour, name, progress=shares.append)
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert len(shares) > 3


@pytest.mark.parametrize("name", DOCUMENTS)
def test_an_export_that_is_stopped_leaves_nothing(harbour: Article, tmp_path: Path, name: str) -> None:
    stop = threading.Event()
    with pytest.raises(ExportStopped):
        export(harbour, name, tmp_path / "out", stop=stop, progress=lambda share: stop.set() if share >= 0.4 else None)
    assert not (tmp_path / "out").exists()


def test_a_program_that_takes_too_long_is_killed_and_named(tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(ExportFailed, match="longer than"):
        Job().run(["sleep", "30"], tmp_path, form="a PDF", seconds=0.2)
    assert time.monotonic() - start < 5


def test_a_stop_kills_the_program_that_is_running(tmp_path: Path) -> None:
    stop, start = threading.Event(), time.monotonic()
    threading.Timer(0.2, stop.set).start()
    with pytest.raises(ExportStopped):
        Job(stop=stop).run(["sh", "-c", "sleep 30 & wait"], tmp_path, form="a PDF")
    assert time.monotonic() - start < 5


def test_what_a_program_says_is_told(tmp_path: Path) -> None:
    with pytest.raises(ExportFailed) as error:
        Job().run(["sh", "-c", "echo 'no such thing' >&2; exit 3"], tmp_path, form="a PDF")
    assert "no such thing" in error.value.text("en")
    with pytest.raises(ExportFailed, match="cannot be started"):
        Job().run(["no-such-program"], tmp_path, form="a PDF")


def test_missing_pandoc_is_named_with_the_way_to_get_it(harbour: Article, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> str:
        raise OSError("No pandoc was found")

    monkeypatch.setattr("composer.exporting.office.pandoc._found", missing)
    with pytest.raises(ExportFailed) as error:
        rendered(harbour, "docx")
    assert "pip install pypandoc_binary" in error.value.text("en")
    assert "pip install pypandoc_binary" in error.value.text("zh")


def test_json_read_again_is_the_same_article(harbour: Article, tmp_path: Path) -> None:
    assert read_article(export(harbour, "json", tmp_path / "a.json")) == harbour


def test_a_saved_folder_is_read_with_its_pictures(harbour: Article, tmp_path: Path) -> None:
    write_folder(harbour, tmp_path / "saved")
    again = read_article(tmp_path / "saved")
    assert replace(again, sections=()) == replace(harbour, sections=())
    (tmp_path / "photo.jpg").unlink()
    assert export(again, "html", tmp_path / "a.html").stat().st_size > 2000


@pytest.mark.parametrize("path", ["../secret.png", "images/../../secret.png"])
def test_a_saved_article_cannot_name_files_outside_of_its_folder(harbour: Article, tmp_path: Path, path: str) -> None:
    _name_picture(harbour, tmp_path / "saved", path)
    with pytest.raises(ArticleUnreadable, match="outside"):
        read_article(tmp_path / "saved")


def test_a_saved_article_cannot_bring_in_a_file_that_is_no_picture(harbour: Article, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("password")
    _name_picture(harbour, tmp_path / "saved", str(tmp_path / "secret"))
    with pytest.raises(ArticleUnreadable, match="no picture"):
        read_article(tmp_path / "saved")


def _name_picture(article: Article, folder: Path, path: str) -> None:
    write_folder(article, folder)
    file = folder / "article.json"
    file.write_text(file.read_text("utf-8").replace("images/02-s8.jpg", path), "utf-8")


def test_how_it_was_made_stands_there_only_when_asked_for(harbour: Article) -> None:
    for name in ("html", "md", "txt", "wechat"):
        without, with_it = rendered(harbour, name).decode(), rendered(harbour, name, made_by=True).decode()
        for fact in ("Qwen2.5-Coder 1.5B", "Seed: 7", "OpenMoji drawings"):
            assert fact not in without, name
            assert fact in with_it, name


def test_a_text_of_ones_own_says_who_chose_its_pictures(tmp_path: Path) -> None:
    own = Article("My cat", (Section("s1", "It sleeps on a soft bed beside the window."),))
    composer = Composer(FakeModel(), FakeGallery(tmp_path))
    list(composer.illustrate(own))
    shown = to_text(composer.article, made_by=True)
    assert "The pictures were chosen with the model fake." in shown
    assert "The gallery searched for pictures: fake" in shown
    assert "written with" not in shown


def test_plain_text_tells_pictures_and_credits(harbour: Article) -> None:
    text = to_text(harbour, made_by=True)
    assert text.startswith("Mornings at the harbour\n\nThe first boats leave early; see the tide table.\n")
    assert "[Picture 1: Nets, 1914–1918]\n" in text
    assert "[Picture 2: Boats at dusk]\n(Two blue boats)\n" in text
    assert "Picture 2: Ann Example · CC BY 4.0 · https://a.example/p_1?a=1&b=2" in text
    assert "- one\n- two" in text
