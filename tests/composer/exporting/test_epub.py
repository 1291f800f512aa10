"""EPUBs, opened as a reader opens them: the container, the package, the contents, each page as XML."""

import io
import posixpath
import re
import zipfile
from pathlib import Path
from urllib.parse import urldefrag, urljoin

import pytest
from defusedxml.ElementTree import fromstring
from PIL import Image

from composer.article import Article
from composer.exporting import rendered
from tests.composer.exporting.test_formats import NASTY

OPF = "{http://www.idpf.org/2007/opf}"
DC = "{http://purl.org/dc/elements/1.1/}"
XHTML = "{http://www.w3.org/1999/xhtml}"


class Book:
    """An EPUB whose parts were found by the way from its container, as a reader finds them."""

    def __init__(self, content: bytes) -> None:
        self.archive = zipfile.ZipFile(io.BytesIO(content))
        container = fromstring(self.archive.read("META-INF/container.xml"))
        [root] = container.iter("{urn:oasis:names:tc:opendocument:xmlns:container}rootfile")
        self.package_path = root.attrib["full-path"]
        self.package = fromstring(self.archive.read(self.package_path))
        self.items = {item.attrib["id"]: item.attrib for item in self.package.iter(f"{OPF}item")}

    def path(self, item: str) -> str:
        return posixpath.join(posixpath.dirname(self.package_path), self.items[item]["href"])

    def of_property(self, name: str) -> str:
        [found] = [key for key, item in self.items.items() if name in item.get("properties", "").split()]
        return self.path(found)

    def pages(self) -> dict[str, str]:
        order = [self.path(one.attrib["idref"]) for one in self.package.iter(f"{OPF}itemref")]
        return {path: self.archive.read(path).decode() for path in order}

    def data(self, name: str) -> list[str]:
        return [found.text or "" for found in self.package.iter(f"{DC}{name}")]


@pytest.mark.parametrize("which", ["harbour", "chinese"])
def test_a_reader_finds_everything(which: str, request: pytest.FixtureRequest) -> None:
    article: Article = request.getfixturevalue(which)
    book = Book(rendered(article, "epub", made_by=True))
    first = book.archive.infolist()[0]
    assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
    assert book.archive.read("mimetype") == b"application/epub+zip"
    assert book.archive.testzip() is None
    names = set(book.archive.namelist())
    assert {book.path(item) for item in book.items} <= names, "the package names files that are there"
    listed = {book.path(item) for item in book.items} | {book.package_path, "mimetype", "META-INF/container.xml"}
    assert names - listed <= {"META-INF/com.apple.ibooks.display-options.xml"}, "and all that are"
    assert book.data("title") == [article.title]
    assert book.data("language") == ["zh-CN" if article.language == "zh" else "en"]
    [modified] = re.findall(r'dcterms:modified">([^<]+)', book.archive.read(book.package_path).decode())
    assert modified > "2024"
    assert book.data("date") == [modified]
    pages = book.pages()
    ids = {path: set(re.findall(r'\sid="([^"]+)"', page)) for path, page in pages.items()}
    for path, page in pages.items():
        tree = fromstring(page)
        assert tree.attrib["lang"] == book.data("language")[0]
        for node in tree.iter():
            for target in (node.attrib.get("href"), node.attrib.get("src")):
                if target and "://" not in target:
                    place, fragment = urldefrag(urljoin(path, target))
                    assert place in names, (path, target)
                    assert not fragment or fragment in ids[place], (path, target)


def test_contents_and_chapters_follow_the_headings(harbour: Article) -> None:
    book = Book(rendered(harbour, "epub"))
    nav = fromstring(book.archive.read(book.of_property("nav")))
    assert [node.text for node in nav.iter(f"{XHTML}h1")] == ["Contents"]
    [contents] = [node for node in nav.iter(f"{XHTML}nav") if node.attrib.get("id") == "toc"]
    entries = [link.text for link in contents.iter(f"{XHTML}a")]
    assert entries == ["Mornings at the harbour", "On the quay", "At sea", "Far out", "Picture credits"]
    assert len([page for page in book.pages() if "/ch" in page]) == 4


def test_figures_have_captions_and_alternative_texts(harbour: Article) -> None:
    book = Book(rendered(harbour, "epub"))
    trees = [fromstring(page) for page in book.pages().values()]
    figures = [node for tree in trees for node in tree.iter(f"{XHTML}figure")]
    assert ["".join(node.itertext()).strip() for node in figures] == ["Nets, 1914–1918", "Boats at dusk"]
    images = [image for figure in figures for image in figure.iter(f"{XHTML}img")]
    assert [image.attrib["alt"] for image in images] == ["Nets, 1914–1918", "Two blue boats"]


def has_ink(picture: Image.Image) -> bool:
    """Whether something nearly black is drawn."""
    return picture.convert("L").getextrema()[0] < 60


@pytest.mark.parametrize("which", ["harbour", "chinese"])
def test_the_cover_shows_the_first_picture_and_the_title(which: str, request: pytest.FixtureRequest) -> None:
    article: Article = request.getfixturevalue(which)
    book = Book(rendered(article, "epub"))
    cover = Image.open(io.BytesIO(book.archive.read(book.of_property("cover-image")))).convert("RGB")
    assert cover.size == (1600, 2400)
    assert len(cover.crop((0, 0, 1600, 1400)).reduce(20).getcolors(80 * 70)) > 1, "the picture"
    below = cover.crop((100, 1500, 1500, 2300))
    assert has_ink(below), "the title"


def test_no_letter_of_the_cover_is_cut() -> None:
    book = Book(rendered(Article("高", language="zh"), "epub"))
    cover = Image.open(io.BytesIO(book.archive.read(book.of_property("cover-image")))).convert("L")
    left, top, right, bottom = cover.point(lambda light: 255 if light < 100 else 0).getbbox()
    assert bottom - top > right - left


def test_without_pictures_the_cover_is_the_title(tmp_path: Path) -> None:
    book = Book(rendered(Article("Only words"), "epub"))
    cover = Image.open(io.BytesIO(book.archive.read(book.of_property("cover-image")))).convert("RGB")
    assert has_ink(cover)


def test_without_a_font_for_its_title_a_book_is_made_all_the_same(
    chinese: Article, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("composer.exporting.office.fonts.installed_families", lambda: frozenset({"Libertinus Serif"}))
    book = Book(rendered(chinese, "epub"))
    cover = Image.open(io.BytesIO(book.archive.read(book.of_property("cover-image"))))
    assert cover.size == (1600, 1067), "the picture alone"


def test_a_book_exported_again_is_the_same_book(harbour: Article) -> None:
    first, again = Book(rendered(harbour, "epub")), Book(rendered(harbour, "epub"))
    other = Book(rendered(harbour.with_title("Another"), "epub"))
    assert first.data("identifier") == again.data("identifier") != other.data("identifier")


def test_text_means_itself(harbour: Article) -> None:
    book = Book(rendered(harbour.with_text("s1", NASTY).with_title(NASTY), "epub"))
    assert book.data("title") == [NASTY]
    pages = book.pages()
    wanted = NASTY.replace("*b*", "b").replace("[c](javascript:d)", "c")
    texts = ["".join(fromstring(page).itertext()) for page in pages.values()]
    assert any(wanted in text for text in texts)
    assert not any("<script" in page for page in pages.values())
