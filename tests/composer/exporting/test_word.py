"""Word documents, opened with python-docx."""

import io
import re
from dataclasses import replace
from pathlib import Path

import docx
import pytest
from docx.document import Document
from docx.enum.text import WD_ALIGN_PARAGRAPH
from PIL import Image

from composer.article import WIDTHS, Article, Candidate, Illustration, Section, Width
from composer.exporting import rendered
from tests.composer.exporting.test_formats import NASTY

_DRAWING = "{http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing}"


def opened(article: Article, *, made_by: bool = False) -> Document:
    return docx.Document(io.BytesIO(rendered(article, "docx", made_by=made_by)))


def alternatives(document: Document) -> list[str]:
    return [found.get("descr", "") for found in document.element.body.iter(f"{_DRAWING}docPr")]


def test_headings_figures_lists_and_tables_are_real_ones(harbour: Article) -> None:
    document = opened(harbour)
    styled = [(paragraph.style.name, paragraph.text) for paragraph in document.paragraphs if paragraph.style]
    assert ("Title", "Mornings at the harbour") in styled
    assert ("Heading 1", "On the quay") in styled
    assert ("Heading 1", "At sea") in styled
    assert ("Heading 2", "Far out") in styled
    assert ("Image Caption", "Nets, 1914–1918") in styled
    assert ("Image Caption", "Boats at dusk") in styled
    assert alternatives(document) == ["Nets, 1914–1918", "Two blue boats"]
    [table] = document.tables
    assert [[cell.text for cell in row.cells] for row in table.rows] == [["tide", "hour"], ["high", "6"]]
    bullets = [paragraph.text for paragraph in document.paragraphs if paragraph._p.xpath("./w:pPr/w:numPr")]
    assert bullets == ["one", "two"]
    bold = [run.text for paragraph in document.paragraphs for run in paragraph.runs if run.bold]
    assert "".join(bold) == "first boats"
    links = [hyperlink.address for paragraph in document.paragraphs for hyperlink in paragraph.hyperlinks]
    assert links == ["https://tides.example/a_b", "https://a.example/p_1?a=1&b=2"]


def test_what_stands_below_a_table_has_space_above() -> None:
    table = Section("s1", "| a | b |\n|---|---|\n| 1 | 2 |", "table")
    document = opened(Article("t", (table, Section("s2", "Below."), Section("s3", "Further below."))))
    below, further = document.paragraphs[-2:]
    assert below.style.paragraph_format.space_before.pt == 8
    assert further.style.paragraph_format.space_before is None


def test_credits_and_how_it_was_made_stand_at_the_end(harbour: Article) -> None:
    notes = [paragraph.text for paragraph in opened(harbour, made_by=True).paragraphs[-7:]]
    assert notes == [
        "Picture credits",
        "Picture 1: OpenMoji · CC BY-SA 4.0",
        "Picture 2: Ann Example · CC BY 4.0 · https://a.example/p_1?a=1&b=2",
        "How this article was made",
        "The text was written with the model Qwen2.5-Coder 1.5B.",
        "Seed: 7",
        "The gallery searched for pictures: OpenMoji drawings",
    ]


def test_pictures_have_the_size_of_the_page_and_nothing_of_the_camera(tmp_path: Path) -> None:
    """A photograph of a telephone lies on its side with a note how to turn it, and tells where it was taken."""
    photo = Image.new("RGB", (4000, 3000), "green")
    notes = photo.getexif()
    notes[0x0112] = 6  # turn by 90 degrees
    notes[0x010F] = "Camera of Ann"
    photo.save(tmp_path / "a.jpg", exif=notes)
    section = Section("s1", "x", illustration=Illustration("A field", chosen=Candidate("a", str(tmp_path / "a.jpg"))))
    document = opened(Article("t", (section,)))
    [part] = [part for part in document.part.package.parts if part.partname.startswith("/word/media/")]
    image = Image.open(io.BytesIO(part.blob))
    assert image.size == (1500, 2000)
    assert b"Camera of Ann" not in part.blob
    [shape] = document.inline_shapes
    assert shape.height.cm == pytest.approx(9.5, abs=0.3), "it shares its page with text"
    assert shape.width.cm == pytest.approx(7.1, abs=0.3)


@pytest.mark.parametrize("suffix", [".webp", ".gif", ".bmp", ".avif", ".png"])
def test_pictures_of_every_kind_are_shown(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"a{suffix}"
    Image.new("RGB", (60, 40), "red").save(file)
    section = Section("s1", "x", illustration=Illustration("Red", chosen=Candidate("a", str(file))))
    document = opened(Article("t", (section,)))
    assert len(document.inline_shapes) == 1
    assert document.inline_shapes[0].width.cm == pytest.approx(1.6, abs=0.1), "a small picture is not blown up"


def test_text_means_itself(harbour: Article) -> None:
    article = Article(NASTY, (Section("s1", NASTY), Section("s2", "a\x00b\x0bc\ufffe", "heading", 2)))
    document = opened(article)
    wanted = NASTY.replace("*b*", "b").replace("[c](javascript:d)", "c")
    assert [paragraph.text for paragraph in document.paragraphs] == [NASTY, wanted, "ab c"]


def test_blocks_of_an_imported_text_bring_in_nothing_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(b"secret")
    sections = (
        Section("s1", f"- ![seen]({tmp_path}/secret.png) <b>bold</b><br>new\n- [bad](file:///etc/passwd)", "list"),
        Section("s2", '<script>alert(1)</script><div onclick="x">Words</div>', "other"),
        Section("s3", "```python\nprint('#{x}')\n```", "code"),
        Section("s4", "> quoted\n> again", "quote"),
    )
    document = opened(Article("t", sections))
    texts = [paragraph.text for paragraph in document.paragraphs]
    assert texts == ["t", "seen bold\nnew", "bad", "Words", "print('#{x}')", "quoted again"]
    assert len(document.inline_shapes) == 0
    assert not [part for part in document.part.package.parts if "media" in part.partname]


def test_a_chinese_document_says_so_and_has_chinese_fonts(chinese: Article) -> None:
    document = opened(chinese)
    assert chinese.title in [paragraph.text for paragraph in document.paragraphs]
    styles = document.styles.element.xml
    assert re.search(r'<w:lang [^>]*w:eastAsia="zh-CN"', styles)
    assert 'w:eastAsia="SimSun"' in styles
    assert "图片来源" in [paragraph.text for paragraph in document.paragraphs if paragraph.style.name == "Heading 1"]


def test_code_in_a_chinese_document_keeps_its_blanks_as_they_are(chinese: Article) -> None:
    """Chinese text is justified; code would be drawn apart."""
    styles = opened(replace(chinese, sections=(Section("s1", "def f(x):\n    return x", "code"),))).styles
    assert styles["Normal"].paragraph_format.alignment == WD_ALIGN_PARAGRAPH.JUSTIFY
    assert styles["Source Code"].paragraph_format.alignment == WD_ALIGN_PARAGRAPH.LEFT


def test_pages_are_numbered(harbour: Article) -> None:
    [section] = opened(harbour).sections
    assert "PAGE" in section.footer._element.xml
    assert round(section.page_width.cm, 1) == 21.0


@pytest.mark.parametrize("form", ["docx", "epub", "pdf"])
def test_documents_of_every_width_can_be_made(harbour: Article, form: str) -> None:
    for width in WIDTHS:
        assert rendered(_wide(harbour, width), form)


def test_pictures_are_as_wide_as_was_chosen(harbour: Article) -> None:
    drawing, photo = zip(
        *[[shape.width.cm for shape in opened(_wide(harbour, width)).inline_shapes] for width in WIDTHS], strict=True
    )
    assert drawing == pytest.approx((3.84, 7.68, 14.1), abs=0.1)  # pandoc gives a pixel no more than 1/72 inch
    assert photo == pytest.approx((8.0, 14.25, 16.0), abs=0.1)


def _wide(article: Article, width: Width) -> Article:
    for section in article.illustrated:
        assert section.illustration is not None
        article = article.with_illustration(section.id, replace(section.illustration, width=width))
    return article
