"""PDFs, opened with pdfium: their pages, words, pictures and outline."""

import re
from pathlib import Path

import pypdfium2 as pdfium
import pytest

from composer.article import Article, Section
from composer.errors import ExportFailed
from composer.exporting import rendered
from tests.composer.exporting.articles import long_article
from tests.composer.exporting.test_formats import NASTY


def opened(article: Article, *, made_by: bool = False) -> pdfium.PdfDocument:
    return pdfium.PdfDocument(rendered(article, "pdf", made_by=made_by))


def words(document: pdfium.PdfDocument) -> str:
    return "\n".join(page.get_textpage().get_text_bounded() for page in document)


def one_line(text: str) -> str:
    """Without line ends and the hyphens at them."""
    return " ".join(re.sub("[-\ufffe\x02]\r?\n", "", text).split())


def test_text_captions_credits_and_making_are_on_the_pages(harbour: Article) -> None:
    text = one_line(words(opened(harbour, made_by=True)))
    for wanted in (
        "Mornings at the harbour The first boats leave early; see the tide table.",
        "Nets, 1914–1918",
        "Boats at dusk",
        "tide hour high 6",
        "Picture 2: Ann Example · CC BY 4.0 · https://a.example/p_1?a=1&b=2",
        "The text was written with the model Qwen2.5-Coder 1.5B. Seed: 7",
    ):
        assert wanted in text, text


def test_headings_are_the_outline_and_pages_are_numbered(harbour: Article, tmp_path: Path) -> None:
    document = opened(harbour)
    outline = [(mark.level, mark.get_title()) for mark in document.get_toc()]
    assert outline == [(0, "On the quay"), (0, "At sea"), (1, "Far out"), (0, "Picture credits")]
    assert document.get_metadata_value("Title") == "Mornings at the harbour"
    pages = opened(long_article(tmp_path, sections=12, pictures=4))
    assert len(pages) > 2
    last_lines = [page.get_textpage().get_text_bounded().split()[-1] for page in pages]
    assert last_lines == [str(number) for number in range(1, len(pages) + 1)]


def test_alternative_texts_are_in_the_tagged_document(harbour: Article) -> None:
    content = rendered(harbour, "pdf")
    assert b"/StructTreeRoot" in content
    alternatives = re.findall(rb"/Alt ?\(([^)]*)\)|/Alt ?<([0-9A-Fa-f]+)>", content)
    said = [plain.decode() or bytes.fromhex(coded.decode())[2:].decode("utf-16-be") for plain, coded in alternatives]
    assert any("Two blue boats" in one for one in said), said


@pytest.mark.parametrize("language", ["en", "zh"])
def test_pictures_stand_within_the_margins(tmp_path: Path, language: str) -> None:
    document = opened(long_article(tmp_path, language=language, sections=6, pictures=4))  # type: ignore[arg-type]
    pictures = 0
    for page in document:
        width, height = page.get_size()
        for thing in page.get_objects(filter=[pdfium.raw.FPDF_PAGEOBJ_IMAGE]):
            left, bottom, right, top = thing.get_bounds()
            assert 50 < left < right < width - 50
            assert 50 < bottom < top < height - 50
            pictures += 1
    assert pictures == 4


def test_chinese_is_set_in_a_chinese_font(chinese: Article) -> None:
    document = opened(chinese)
    text = "".join(words(document).split())
    assert "港口的清晨：一份指南" in text
    assert "黄昏里的渔船，一九一四年" in text
    assert "图片来源" in text


def test_missing_chinese_fonts_are_named_with_the_way_to_get_them(
    chinese: Article, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("composer.exporting.office.fonts.installed_families", lambda: frozenset({"Libertinus Serif"}))
    with pytest.raises(ExportFailed) as error:
        rendered(chinese, "pdf")
    for language in ("en", "zh"):
        assert "Noto Serif CJK SC" in error.value.text(language)
        assert "apt install fonts-noto-cjk" in error.value.text(language)
    assert "字体" in error.value.text("zh")
    rendered(Article("English", (Section("s1", "needs none of them: “quotes” …"),)), "pdf")


def test_text_means_itself(harbour: Article) -> None:
    article = Article(NASTY, (Section("s1", NASTY), Section("s2", NASTY, "heading", 2)))
    text = "".join(words(opened(article)).split())
    for wanted in ('#eval(read("/etc/passwd"))', "\\input{/etc/passwd}", "<script>alert(1)</script>", "//nocomment/*"):
        assert text.count(wanted) == 3, text
    assert "root:" not in text


def test_a_caption_cannot_leave_its_string(harbour: Article) -> None:
    illustration = harbour.section("s8").illustration
    assert illustration is not None
    evil = '") #read("/etc/passwd") \\'
    changed = type(illustration)(evil, alt=evil, chosen=illustration.chosen)
    text = one_line(words(opened(harbour.with_illustration("s8", changed))))
    assert evil in text
    assert "root:" not in text


def drawn(article: Article) -> int:
    """Lines and shapes on the first page."""
    return len(list(opened(article)[0].get_objects(filter=[pdfium.raw.FPDF_PAGEOBJ_PATH])))


def test_boxes_of_tasks_are_drawn() -> None:
    article = Article("Tasks", (Section("s1", "- [ ] nets to mend\n- [x] boats to paint", "list"),))
    text = one_line(words(opened(article)))
    assert "nets to mend" in text
    assert not set(text) & {"☐", "☒", "\ufffd", "["}
    without = Article("Tasks", (Section("s1", "- nets to mend\n- boats to paint", "list"),))
    assert drawn(article) == drawn(without) + 4  # two boxes, and two lines in one


def test_chinese_emphasis_is_seen() -> None:
    plain, stressed = (Article("港口", (Section("s1", text),), "zh") for text in ("清晨很美。", "清晨*很美*。"))
    assert drawn(stressed) == drawn(plain) + 2  # a dot below each character
    assert "清晨很美。" in "".join(words(opened(stressed)).split())
