"""What a reader sees of a picture, its caption and its credit where other programs show the exported Markdown."""

import re
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from PIL import Image

from composer.article import Article, Candidate, Illustration, Section
from composer.exporting import write_folder

pypandoc = pytest.importorskip("pypandoc", reason="pandoc is not installed (pip install pypandoc_binary)")

FORMS = ("markdown", "gfm", "commonmark_x")
SEEN = (
    "An old (red) boat, 1914--1918",
    "黄昏的渔船。",
    "Ann Example · CC BY 4.0",
)


class Shown(HTMLParser):
    """The text that a browser shows, and the pictures with their alternative texts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.alts, self.figures = "", [], 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.alts.append(dict(attrs)["alt"])
        self.figures += tag in ("figure", "figcaption")

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def file(tmp_path: Path) -> Path:
    Image.new("RGB", (60, 40), "blue").save(tmp_path / "a.png")
    boat = Candidate("p1", str(tmp_path / "a.png"), credit="Ann Example", licence="CC BY 4.0")
    plain = Candidate("p2", str(tmp_path / "a.png"))
    sections = (
        Section("s1", "First.", illustration=Illustration(SEEN[0], chosen=boat)),
        Section("s2", "Second.", illustration=Illustration(SEEN[1], alt="Nets on a quay", chosen=plain)),
        Section("s3", "Third.", illustration=Illustration("", alt="Only read aloud", chosen=plain)),
    )
    write_folder(Article("Boats", sections), tmp_path / "out")
    return tmp_path / "out" / "article.md"


def check_page(page: Shown) -> None:
    text = " ".join(page.text.split())
    assert {words: text.count(words) for words in SEEN} == dict.fromkeys(SEEN, 1)
    assert page.alts == ["Picture 1", "Nets on a quay", "Only read aloud"]
    assert not [alt for alt in page.alts if text.count(alt) != (alt == "Picture 1")], "its credit names it"
    assert page.figures == 0


def test_github_shows_caption_and_credit_once(file: Path) -> None:
    html = MarkdownIt("gfm-like", {"linkify": False}).render(file.read_text("utf-8"))
    check_page(Shown(html))
    assert "<br />\n<em>An old" in html


@pytest.mark.parametrize("form", FORMS)
def test_pandoc_shows_caption_and_credit_once_on_a_page(file: Path, form: str) -> None:
    check_page(Shown(pypandoc.convert_file(file, "html", form, extra_args=["--wrap=none"])))


@pytest.mark.parametrize("form", FORMS)
def test_pandoc_shows_caption_and_credit_once_in_print(file: Path, form: str) -> None:
    words = pypandoc.convert_file(file, "plain", form, extra_args=["--wrap=none"])
    assert {seen: words.count(seen) for seen in SEEN} == dict.fromkeys(SEEN, 1)
    latex = pypandoc.convert_file(file, "latex", form, extra_args=["--wrap=none"])
    assert latex.count("An old (red) boat") == 1
    assert latex.count("includegraphics") == 3
    assert "\\caption" not in latex
    assert "begin{figure}" not in latex


@pytest.mark.parametrize("form", FORMS)
def test_pandoc_shows_caption_and_credit_once_in_word(file: Path, form: str, tmp_path: Path) -> None:
    out = tmp_path / "article.docx"
    pypandoc.convert_file(file, "docx", form, outputfile=out, extra_args=[f"--resource-path={file.parent}"])
    with zipfile.ZipFile(out) as archive:
        document = archive.read("word/document.xml").decode()
        assert sum(name.startswith("word/media/") for name in archive.namelist()) >= 1
    words = "".join(re.findall(r"<w:t[^>]*>([^<]*)</w:t>", document))
    assert {seen: words.count(seen) for seen in SEEN} == dict.fromkeys(SEEN, 1)
    assert document.count("<w:drawing>") == 3
    assert "Nets on a quay" in document, "as the picture's alternative text"
    assert "Nets on a quay" not in words
