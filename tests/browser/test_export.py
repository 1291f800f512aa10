"""The menu Export in the browser: files, the clipboard, keys, a telephone, Cancel and errors, in both languages."""

import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docx
import pypdfium2 as pdfium
import pytest

from composer.exporting import FORMATS
from tests.browser.conftest import CAT, Server, save_as, write

LIST = ".xc-export-list"


@pytest.fixture
def page(lasting_page: Any) -> Any:
    """With an article that all tests of the file share."""
    if lasting_page.locator(".xc-section").count() == 0:
        write(lasting_page)
    lasting_page.keyboard.press("Escape")
    lasting_page.evaluate("document.querySelector('.xc-notices').replaceChildren()")
    return lasting_page


def focused(page: Any) -> str:
    return str(page.evaluate("document.activeElement.dataset.name || document.activeElement.className"))


def picture_of(page: Any, name: str) -> None:
    """A screenshot for the eyes, beside those of other tests, where one is asked for."""
    import os

    if folder := os.environ.get("XCOMPOSER_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_files_are_made_and_say_their_names(page: Any) -> None:
    contents = {}
    for name in ("pdf", "docx", "epub", "txt"):
        with page.expect_download(timeout=60_000) as download:
            save_as(page, name)
        contents[name] = Path(download.value.path()).read_bytes()
        file = f"How-to-take-good-care-of-a-pet-cat{FORMATS[name].suffix}"
        assert download.value.suggested_filename == file
        page.wait_for_function(f"document.querySelector('.xc-notices').innerText.includes('{file}')")
        assert page.is_hidden(".xc-exporting")
    assert CAT in [paragraph.text for paragraph in docx.Document(io.BytesIO(contents["docx"])).paragraphs]
    text = " ".join(page.get_textpage().get_text_bounded() for page in pdfium.PdfDocument(contents["pdf"]))
    assert "A. Painter" in text
    assert contents["epub"].startswith(b"PK")
    assert CAT in contents["txt"].decode()


def test_how_it_was_made_is_added_where_it_is_ticked(page: Any) -> None:
    page.click(".xc-export")
    page.click(f"{LIST} [data-name=made_by]")
    assert page.is_visible(LIST), "a tick leaves the menu open"
    assert page.get_attribute(f"{LIST} [data-name=made_by]", "aria-checked") == "true"
    with page.expect_download() as download:
        page.click(f"{LIST} [data-name=txt]")
    assert "Seed:" in Path(download.value.path()).read_text("utf-8")


def test_the_menu_is_used_with_keys_alone(page: Any) -> None:
    page.focus(".xc-export")
    page.keyboard.press("ArrowDown")
    assert page.get_attribute(".xc-export", "aria-expanded") == "true"
    assert focused(page) == "pdf"
    page.keyboard.press("ArrowUp")
    assert focused(page) == "made_by"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert focused(page) == "docx"
    page.keyboard.press("End")
    assert focused(page) == "made_by"
    picture_of(page, "export_menu_en")
    page.keyboard.press("Escape")
    assert page.is_hidden(LIST)
    assert "xc-export" in focused(page)
    page.keyboard.press("Enter")
    assert focused(page) == "pdf"
    page.keyboard.press("Tab")
    assert page.is_hidden(LIST)
    page.focus(".xc-export")
    page.keyboard.press("ArrowDown")
    for _ in range(6):
        page.keyboard.press("ArrowDown")
    assert focused(page) == "txt"
    with page.expect_download():
        page.keyboard.press("Enter")


def test_a_click_elsewhere_shuts_the_menu(page: Any) -> None:
    page.click(".xc-export")
    page.click(".xc-facts")
    assert page.is_hidden(LIST)


@pytest.mark.parametrize("kind", ["copy", "copy_wechat"])
def test_a_copy_goes_to_the_clipboard_with_its_looks(page: Any, kind: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    save_as(page, kind)
    page.wait_for_function("document.querySelector('.xc-notices').innerText.includes('Copied')")
    html, plain = page.evaluate(
        """async () => {
          const [item] = await navigator.clipboard.read();
          return Promise.all(["text/html", "text/plain"].map(async (kind) => (await item.getType(kind)).text()));
        }"""
    )
    assert plain.startswith(CAT)
    assert (CAT in html) == (kind == "copy"), "WeChat has a field for the title"
    assert "data:image/png;base64," in html
    assert "style=" in html
    assert "A. Painter" in html


def test_a_copy_where_the_browser_has_no_clipboard(server: Server, visit: Callable[..., Any]) -> None:
    """As on a page that came from another machine without encryption."""
    page = visit(server)
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined, configurable: true })")
    page.evaluate(
        "document.addEventListener('copy', (e) => setTimeout(() => window.got = e.clipboardData.types), true)"
    )
    write(page)
    save_as(page, "copy")
    page.wait_for_function("document.querySelector('.xc-notices').innerText.includes('Copied')")


def test_an_export_shows_its_progress_and_can_be_cancelled(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def slowly(article: Any, job: Any) -> bytes:
        for _ in range(200):
            job.at(0.4)
            time.sleep(0.1)
        return b"%PDF"

    from dataclasses import replace

    monkeypatch.setattr("composer.exporting.formats.FORMATS", {**FORMATS, "pdf": replace(FORMATS["pdf"], write=slowly)})
    save_as(page, "pdf")
    page.wait_for_function("document.querySelector('.xc-exporting').innerText.includes('PDF: 40 %')")
    picture_of(page, "export_progress_en")
    page.click(".xc-exporting button")
    page.wait_for_function("document.querySelector('.xc-notices').innerText.includes('The export was stopped')")
    assert page.is_hidden(".xc-exporting")
    with page.expect_download():
        save_as(page, "txt")


def test_what_goes_wrong_is_said_and_the_article_stays(
    server: Server, visit: Callable[..., Any], tmp_path: Path
) -> None:
    page = visit(server)
    write(page)
    for file in tmp_path.rglob("*.png"):
        file.unlink()
    save_as(page, "pdf")
    page.wait_for_function("document.querySelector('.xc-notices').innerText.includes('no longer there')")
    assert page.is_hidden(".xc-exporting")
    assert CAT in page.inner_text(".xc-article")
    picture_of(page, "export_error_en")


def test_on_a_telephone_in_chinese_the_menu_is_whole(server: Server, visit: Callable[..., Any]) -> None:
    page = visit(server, locale="zh-CN", width=375, height=667)
    write(page, "如何养好一只宠物")
    page.click(".xc-export")
    box = page.locator(LIST).bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 375
    assert "导出" in page.inner_text(".xc-export")
    labels = page.locator(f"{LIST} [role^=menuitem]").all_inner_texts()
    assert [label.strip() for label in labels][:3] == ["PDF", "Word 文档", "电子书（EPUB）"]
    assert "在文末说明制作方式" in labels[-1]
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    picture_of(page, "export_menu_zh")
    page.keyboard.press("Escape")
    contents = {}
    for name in ("pdf", "docx", "epub"):
        with page.expect_download(timeout=60_000) as download:
            save_as(page, name)
        contents[name] = Path(download.value.path()).read_bytes()
        assert download.value.suggested_filename == f"如何养好一只宠物{FORMATS[name].suffix}"
    text = " ".join(page.get_textpage().get_text_bounded() for page in pdfium.PdfDocument(contents["pdf"]))
    assert "宠物" in text
    assert "如何养好一只宠物" in [one.text for one in docx.Document(io.BytesIO(contents["docx"])).paragraphs]
