"""Saving articles."""

import errno
import io
import json
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from composer.article import Article, Candidate, Illustration, Section
from composer.errors import ExportError
from composer.exporting import (
    credit_lines,
    download_name,
    markdown_zip,
    to_html,
    to_markdown,
    to_text,
    write_folder,
)
from composer.exporting.html import _footer
from composer.importing import from_markdown

EVIL = "<script>alert('x')</script>"


@pytest.fixture
def article(tmp_path: Path) -> Article:
    drawing, photo = tmp_path / "cat drawing.png", tmp_path / "photo.JPG"
    Image.new("RGBA", (40, 40), (255, 0, 0, 128)).save(drawing)
    Image.new("RGB", (60, 40), "blue").save(photo, "JPEG")
    first = Candidate(
        "1F408", str(drawing), credit="OpenMoji", licence="CC BY-SA 4.0", drawing=True, source="https://o.m"
    )
    second = Candidate("p2", str(photo), credit=f"Ann {EVIL}", licence="CC0")
    return Article(
        title=f"../../etc {EVIL}",
        sections=(
            Section("s1", "Food & *water*", "heading", 2),
            Section(
                "s2",
                f"A **cat** _x_ {EVIL} [a](https://b.c/d_e) [b](javascript:y)",
                illustration=Illustration(f"A cat {EVIL}", chosen=first, candidates=(first, second)),
            ),
            Section("s../3", "1. Not a list", illustration=Illustration("Sea", alt='The "sea"', chosen=second)),
            Section("s4", "# Not a heading", illustration=Illustration("nothing was found")),
        ),
    )


class Page(HTMLParser):
    """What a browser would see: tags with attributes, and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_html_is_one_file_that_fetches_and_runs_nothing(article: Article) -> None:
    page = Page(to_html(article))
    names = [tag for tag, _ in page.tags]
    assert "script" not in names
    assert "link" not in names
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert [str(image["src"])[:22] for image in images] == ["data:image/png;base64,", "data:image/jpeg;base64"]
    assert [image["alt"] for image in images] == [f"A cat {EVIL}", 'The "sea"']
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a"]
    assert links == ["https://b.c/d_e", "https://o.m"], "the text's, and where the picture is from"
    assert f"../../etc {EVIL}" in page.text
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)


def test_html_shows_structure_credits_and_drawings_on_a_card(article: Article) -> None:
    text = to_html(article)
    page = Page(text)
    assert ("html", {"lang": "en"}) in page.tags
    assert "<strong>cat</strong>" in text
    assert "<h2" in text
    assert "<em>water</em>" in text
    assert text.count('<div class="card"><img') == 1
    assert "Picture 1: OpenMoji · CC BY-SA 4.0 · https://o.m" in page.text
    assert "CC0" in page.text
    assert "nothing was found" not in page.text, "a place without a picture shows nothing"
    assert '<html lang="zh-CN">' in to_html(Article("猫", (Section("s1", "猫。"),), "zh"))


def test_the_zip_holds_text_json_and_pictures_under_safe_names(article: Article) -> None:
    with zipfile.ZipFile(io.BytesIO(markdown_zip(article))) as archive:
        assert archive.namelist() == ["article.md", "article.json", "images/01-s2.png", "images/02-s3.jpg"]
        text = archive.read("article.md").decode()
        saved = Article.from_json(archive.read("article.json").decode())
        for name in archive.namelist()[2:]:
            assert f"]({name})" in text
            Image.open(io.BytesIO(archive.read(name))).verify()
    assert saved.title == article.title
    chosen = [s.illustration.chosen.path for s in saved.illustrated if s.illustration and s.illustration.chosen]
    assert chosen == ["images/01-s2.png", "images/02-s3.jpg"]
    assert "cat drawing" not in saved.to_json(), "no path of this machine travels with the article"


def test_markdown_keeps_the_limited_marks_and_escapes_the_rest(article: Article) -> None:
    text = to_markdown(article)
    assert "\n## Food & *water*\n" in text
    assert "A **cat** \\_x\\_ \\<script\\>" in text
    assert "[a](<https://b.c/d_e>) b" in text
    assert "\n1\\. Not a list\n" in text
    assert "\n\\# Not a heading\n" in text
    assert "- Picture 1: OpenMoji · CC BY-SA 4.0 · <https://o.m>" in text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("## Not a heading", "\\## Not a heading"),
        ("---", "\\-\\-\\-"),
        ("~~~ not code", "\\~\\~\\~ not code"),
        ("-5 degrees", "-5 degrees"),
        ("AT&amp;T, AT&T", "AT\\&amp;T, AT&T"),
        ("a ~~b~~", "a \\~\\~b\\~\\~"),
        ("Look ![here](https://a.b/c.png)", "Look \\![here](<https://a.b/c.png>)"),
        ("**猫砂盆：**保持清洁", "**猫砂盆**：保持清洁"),
        ("他读*《论语》*。", "他读《*论语*》。"),
        ("**?!** and **a b**", "?! and **a b**"),
    ],
)
def test_a_paragraph_is_read_by_markdown_as_it_is_shown(text: str, written: str) -> None:
    assert to_markdown(Article("t", (Section("s1", text),))) == f"# t\n\n{written}\n"


def test_marks_at_the_end_of_a_heading_are_words_of_it() -> None:
    text = to_markdown(Article("What is #", (Section("s1", "C# and #", "heading", 2), Section("s2", "x #"))))
    assert text == "# What is \\#\n\n## C# and \\#\n\nx #\n"


def test_a_picture_without_a_caption_has_no_empty_line_under_it(article: Article) -> None:
    illustration = article.section("s2").illustration
    assert illustration is not None
    bare = article.with_illustration("s2", Illustration("", chosen=illustration.chosen))
    assert to_html(bare).count("<figcaption") == 1
    assert "\n**" not in to_markdown(bare).split("---")[0]


def test_pictures_of_one_maker_share_a_credit_line(tmp_path: Path) -> None:
    picture = Candidate("a", str(tmp_path / "a.png"), credit="OpenMoji, CC BY-SA 4.0", licence="CC BY-SA 4.0")
    sections = tuple(Section(f"s{i}", "x", illustration=Illustration("c", chosen=picture)) for i in (1, 2))
    assert list(credit_lines(Article("t", sections))) == ["Pictures 1, 2: OpenMoji, CC BY-SA 4.0"]
    assert list(credit_lines(Article("t", sections, "zh"))) == ["图片 1、2：OpenMoji, CC BY-SA 4.0"]


def test_addresses_in_credits_are_links_and_nothing_else() -> None:
    source = 'https://a.b/c_d?e=1&f="><script>'
    chosen = Candidate("a", "a.png", credit="A_B (https://x.y/z), javascript:alert(1)", source=source)
    article = Article("t", (Section("s1", "x", illustration=Illustration("c", chosen=chosen)),))
    line = to_markdown(article).splitlines()[-1]
    assert line.startswith("- Picture 1: A\\_B (<https://x.y/z>), javascript:alert(1) · <https://a.b/c_d?e=1&f=>")
    assert "\\<script\\>" in line
    assert "https://a.b/c_d?e=1&f=" in [
        href for _, attributes in Page(_footer(article)).tags for href in attributes.values()
    ]


@pytest.mark.parametrize(
    ("credit", "licence", "line"),
    [
        ("Ann, CC BY 4.0", "CC BY 4.0", "Ann, CC BY 4.0"),
        ("Ann, CC BY-SA 4.0", "CC BY", "Ann, CC BY-SA 4.0 · CC BY"),
        ("ACC0 Studio", "CC0", "ACC0 Studio · CC0"),
        ("", "CC0", "CC0"),
    ],
)
def test_a_licence_is_told_unless_the_credit_names_it(credit: str, licence: str, line: str) -> None:
    illustration = Illustration("c", chosen=Candidate("a", "a.png", credit=credit, licence=licence))
    article = Article("t", (Section("s1", "x", illustration=illustration),))
    assert list(credit_lines(article)) == [f"Picture 1: {line}"]


def test_a_folder_gets_the_same_files_and_others_are_left_alone(article: Article, tmp_path: Path) -> None:
    out = tmp_path / "a" / "b"
    out.mkdir(parents=True)
    (out / "mine.txt").write_text("keep")
    write_folder(article, out)
    write_folder(article, out)
    files = sorted(str(file.relative_to(out)) for file in out.rglob("*") if file.is_file())
    assert files == ["article.json", "article.md", "images/01-s2.png", "images/02-s3.jpg", "mine.txt"]
    assert json.loads((out / "article.json").read_text())["title"] == article.title


def test_a_full_disk_is_said_and_keeps_what_was_there(
    article: Article, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    write_folder(article.with_title("first"), out)
    before = {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}

    def full(self: Path, *_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(ExportError) as error:
        write_folder(article, out)
    assert "no space left on device" in error.value.text("en")
    assert "磁盘已满" in error.value.text("zh")
    monkeypatch.undo()
    assert {file: file.read_bytes() for file in out.rglob("*") if file.is_file()} == before


def test_a_place_that_is_a_file_is_refused(article: Article, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ExportError):
        write_folder(article, tmp_path / "file")


def test_a_picture_that_has_gone_is_named(article: Article, tmp_path: Path) -> None:
    (tmp_path / "photo.JPG").unlink()
    for save in (to_html, markdown_zip):
        with pytest.raises(ExportError) as error:
            save(article)
        assert "p2" in error.value.text("en")


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("../../x", "x.zip"),
        ("如何养好一只宠物？", "如何养好一只宠物.zip"),
        ("🐱", "article.zip"),
        ("a/b\\c:d*e", "a-b-c-d-e.zip"),
        ("..", "article.zip"),
        ("word " * 50, "word-word-word-word-word-word-word-word-word-word-word-word.zip"),
    ],
)
def test_download_names_are_safe(title: str, name: str) -> None:
    assert download_name(Article(title), ".zip") == name


def test_plain_text_has_the_alternative_texts_of_pictures_within_paragraphs() -> None:
    article = from_markdown(
        "# T\n\nSee ![two boats](a.png) and **[the tide](https://a.b)**.\n\n## ![nets](b.png) Nets\n"
    )
    assert to_text(article) == "T\n\nSee [two boats] and the tide.\n\n[nets] Nets\n"
