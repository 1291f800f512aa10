"""Pasted text and files: what comes in, and what is refused with a sentence."""

import io
import subprocess
import zipfile
from pathlib import Path

import pypandoc
import pytest

from composer import blocks
from composer.article import Article
from composer.errors import InputError
from composer.exporting import to_markdown
from composer.importing import FORMATS, LARGEST_FILE, pandoc, read_file, read_path, read_text

TEXT = """---
title: My cat
---

She was born *in May*.

## Food

- milk
- fish

| day | meal |
|-----|------|
| Mon | cod  |

![A cat](cat.png)
"""


def docx(markdown: str = TEXT, more: dict[str, bytes] | None = None) -> bytes:
    done = subprocess.run(
        [pypandoc.get_pandoc_path(), "-f", "markdown", "-t", "docx", "-s", "-o", "-"],
        input=markdown.encode(),
        capture_output=True,
        check=True,
    )
    content = io.BytesIO(done.stdout)
    with zipfile.ZipFile(content, "a") as archive:
        for name, data in (more or {}).items():
            archive.writestr(name, data)
    return content.getvalue()


def kinds(article: Article) -> list[tuple[str, str]]:
    return [(section.kind, blocks.words(section)) for section in article]


BODY = [
    ("paragraph", "She was born in May."),
    ("heading", "Food"),
    ("list", "milk; fish"),
    ("table", "day; meal; Mon; cod"),
]


@pytest.mark.parametrize("more", [None, {"word/vbaProject.bin": b"macro"}])
def test_a_word_document_is_read_with_its_title_and_blocks(more: dict[str, bytes] | None) -> None:
    own = read_file("C:\\Users\\me\\cat.docx", docx(TEXT.replace("![A cat](cat.png)\n", ""), more))
    assert own.article.title == "My cat"
    assert kinds(own.article) == BODY
    assert own.notes == ()
    assert to_markdown(own.article).startswith("# My cat\n\nShe was born *in May*.\n\n## Food\n")


PAGE = """<!doctype html><html><head><meta charset="gb2312"><title>我的猫</title><style>p {}</style>
<script>document.write("never")</script><link rel=stylesheet href="http://127.0.0.1:9/x.css"></head><body>
<h1>我的猫</h1><p onclick="alert(1)">她五月出生。<br><b>很可爱</b></p><img src="http://127.0.0.1:9/cat.png" alt="猫">
<iframe src="file:///etc/passwd"></iframe><ul><li>牛奶<li>鱼</ul></body></html>"""


def test_a_web_page_is_its_words_and_nothing_is_run_or_fetched() -> None:
    own = read_file("cat.HTML", PAGE.encode("gb2312"))
    assert (own.article.title, own.article.language) == ("我的猫", "zh")
    assert kinds(own.article) == [("paragraph", "她五月出生。 很可爱"), ("list", "牛奶； 鱼")]
    assert [note.text("en") for note in own.notes] == [
        "1 picture of the file was left out; add it with the button beside a paragraph."
    ]
    assert "never" not in own.article.to_json()
    assert "root:" not in own.article.to_json()


def test_pictures_among_the_words_are_left_out_too() -> None:
    page = """<h1>Cat</h1><p>She <img src="http://x/a.png"> sleeps on
    <a href="http://x/"><img src="http://x/b(1).png" alt="it"></a>.</p>
    <ul><li>milk <img src="c.png" alt="a [white] cup"></li></ul>
    <p>Type <code>![a](b)</code>.</p><pre>![c](d)</pre>"""
    own = read_file("cat.html", page.encode())
    text = to_markdown(own.article)
    assert "http://x" not in text
    assert "png" not in text
    assert kinds(own.article) == [
        ("paragraph", "She sleeps on ."),
        ("list", "milk"),
        ("paragraph", "Type ."),
        ("code", ""),
    ]
    assert "`![a](b)`" in text
    assert "![c](d)" in text
    assert "3 pictures of the file were left out" in own.notes[0].text("en")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("cat.docx", b"not a zip", "'cat.docx' is no Word document"),
        ("cat.docx", b"", "'cat.docx' is no Word document"),
        ("cat.docx", b"PK\x05\x06" + bytes(18), "'cat.docx' is no Word document"),
        ("cat.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "with a password"),
        ("cat.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1WordDocument", "of an old kind of Word"),
        ("cat.pdf", b"%PDF", "of a kind that is not read. It can be: .md, .markdown, .txt, .docx, .html, .htm."),
        ("../../etc/passwd", b"root", "'passwd' is of a kind"),
        ("cat.md", b"a" * (LARGEST_FILE + 1), "'cat.md' has 21 MB; at most 20 MB"),
        ("cat.md", b"a\x00b\xff\x00", "'cat.md' holds no text"),
        ("cat.md", b" \n", "There is no text to illustrate"),
        ("cat.html", b"<html></html>", "There is no text to illustrate"),
        ("cat.txt", b"word " * 200_000, "has 1,000,000 characters; at most 300,000"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_used_are_named(name: str, content: bytes, said: str) -> None:
    with pytest.raises(InputError) as error:
        read_file(name, content)
    assert said in error.value.text("en")
    assert any("\u4e00" <= character <= "\u9fff" for character in error.value.text("zh"))


def test_a_damaged_document_is_named() -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("word/document.xml", "<w:document")
    with pytest.raises(InputError, match=r"'cat\.docx' cannot be read; it is damaged"):
        read_file("cat.docx", content.getvalue())


def test_a_document_that_is_a_bomb_is_not_unpacked() -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", bytes(210_000_000))
    assert len(content.getvalue()) < 1_000_000
    with pytest.raises(InputError, match="too large inside"):
        read_file("cat.docx", content.getvalue())


def test_a_document_that_takes_too_long_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pandoc, "SECONDS", 0.001)
    with pytest.raises(InputError, match=r"'cat\.docx' took longer than"):
        read_file("cat.docx", docx())


def test_without_pandoc_a_document_is_refused_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> str:
        raise OSError("No pandoc was found")

    content = docx()
    monkeypatch.setattr(pypandoc, "get_pandoc_path", missing)
    with pytest.raises(InputError, match=r"'cat\.docx' cannot be read: pandoc is missing\. Install it with: pip"):
        read_file("cat.docx", content)


def test_markdown_files_stay_to_the_byte(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf# My cat\r\n\r\nShe sleeps.  \r\nLong."
    (tmp_path / "cat.md").write_bytes(content)
    assert to_markdown(read_path(tmp_path / "cat.md").article).encode() == content
    (tmp_path / "gb.txt").write_bytes("我的猫\n\n她每天睡很久，也吃很多。".encode("gb18030"))
    assert read_path(tmp_path / "gb.txt").article.title == "我的猫"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone.md"):
        with pytest.raises(InputError, match="There is no file"):
            read_path(path)


@pytest.mark.parametrize(
    ("text", "title", "shown"),
    [
        ("One.\nTwo!\n三。\n", "One.", ["One.", "Two!", "三。"]),
        ("One line\nthat an editor\nhad wrapped.", "One line that an editor had wrapped.", None),
        ("My trip\n\n    It was good.\n\n\tIt rained.", "My trip", ["It was good.", "It rained."]),
        ("My trip\n\n　　那天下雨了。\n\n　　我们回家了。", "My trip", ["那天下雨了。", "我们回家了。"]),
        ("half an emoji \ud83d", "half an emoji", None),
    ],
)
def test_pasted_text_is_read_as_its_writer_meant_it(text: str, title: str, shown: list[str] | None) -> None:
    article = read_text(text).article
    assert article.title == title
    assert [section.text for section in article] == (shown or [title])


def test_not_a_word_is_changed() -> None:
    text = (
        "# 5 * 3 & <script>alert(1)</script>\n\nIn conclusion, $E = mc^2$ costs 3 * 4 *stars*, \u202eabc\u202c "
        "and `code`.\n\nWord count: 3\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    )
    assert to_markdown(read_text(text).article) == text


def test_the_formats_are_known() -> None:
    assert FORMATS == (".md", ".markdown", ".txt", ".docx", ".html", ".htm")
