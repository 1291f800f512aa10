"""The command `export`."""

import json
from pathlib import Path

import pypdfium2 as pdfium
import pytest
from typer.testing import CliRunner, Result

from composer import cli
from composer.article import Article
from composer.exporting import FORMATS, write_folder


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli.app, ["export", *map(str, arguments)])


@pytest.fixture
def saved(harbour: Article, tmp_path: Path) -> Path:
    """A folder as `write --out` leaves it; the pictures of the article are nowhere else any more."""
    folder = write_folder(harbour, tmp_path / "saved")
    (tmp_path / "photo.jpg").unlink()
    (tmp_path / "drawing.png").unlink()
    return folder


def test_a_saved_article_becomes_a_pdf(saved: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "article.pdf"
    result = run(saved / "article.json", "--out", out, "--made-by")
    assert (result.exit_code, result.stdout) == (0, f"{out}\n"), result.stderr
    document = pdfium.PdfDocument(out)
    text = " ".join(page.get_textpage().get_text_bounded() for page in document)
    assert "Boats at dusk" in text
    assert "Seed: 7" in text


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_by_its_name(saved: Path, tmp_path: Path, name: str) -> None:
    result = run(saved, "--format", name, "--out", tmp_path)
    file = tmp_path / f"Mornings-at-the-harbour{FORMATS[name].suffix}"
    assert (result.exit_code, result.stdout) == (0, f"{file}\n"), result.stderr
    assert file.stat().st_size > 300


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("{saved}", "--out", "a.odt"), "There is no format '.odt'"),
        (("{saved}", "--out", "a.pdf", "--format", "word"), "There is no format 'word'"),
        (("{saved}", "--out", "a"), "has no ending that names a format"),
        (("none.json", "--out", "a.pdf"), "there is no such file"),
        (("bad.json", "--out", "a.pdf"), "'bad.json': it is no JSON"),
        (("latin.json", "--out", "a.pdf"), "no text in UTF-8"),
    ],
)
def test_a_bad_command_has_status_2_and_says_why(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.json").write_text("{")
    Path("latin.json").write_bytes(b"\xe9")
    result = run(*(one.format(saved=saved) for one in arguments))
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""


def test_pictures_that_are_missing_are_named_and_left_out(saved: Path, tmp_path: Path) -> None:
    for picture in (saved / "images").iterdir():
        picture.unlink()
    result = run(saved, "--out", tmp_path / "a.html")
    assert result.exit_code == 0
    assert "Boats at dusk" in result.stderr
    assert "left out" in result.stderr
    assert "Mornings at the harbour" in (tmp_path / "a.html").read_text("utf-8")


def test_a_place_that_cannot_be_written_has_status_1(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    result = run(saved, "--format", "txt", "--out", tmp_path / "file" / "a.txt")
    assert result.exit_code == 1
    assert "not a directory" in result.stderr or "file exists" in result.stderr
    assert "Nothing was lost" in result.stderr


def test_a_newer_article_is_named(saved: Path, tmp_path: Path) -> None:
    article = json.loads((saved / "article.json").read_text("utf-8"))
    (saved / "article.json").write_text(json.dumps({**article, "schema": 99}), "utf-8")
    result = run(saved, "--out", tmp_path / "a.txt")
    assert result.exit_code == 2
    assert "version 99" in result.stderr
