"""A finished article in the browser: texts and pictures changed, pictures planned anew, everything saved."""

import io
import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.browser.conftest import CAT, Server, article_text, choose, finished, save_as, upload, write
from ui.write import actions

pytestmark = pytest.mark.browser
OWN = ".xc-panel-foot button >> nth=0"


@pytest.fixture
def page(lasting_page: Any) -> Any:
    """For an article of the test's own, after those of others."""
    lasting_page.keyboard.press("Escape")
    lasting_page.set_viewport_size({"width": 1280, "height": 800})
    lasting_page.evaluate("scrollTo(0, 0); document.querySelector('.xc-notices').replaceChildren()")
    return lasting_page


def test_text_is_edited_in_place(page: Any) -> None:
    write(page)
    page.hover(".xc-section >> nth=1")
    page.click(".xc-section >> nth=1 >> .xc-tools button >> nth=0")
    page.fill(".xc-edit", "A *new* sentence.")
    page.press(".xc-edit", "Enter")
    page.wait_for_function("document.querySelectorAll('.xc-section')[1].innerText.startsWith('A new sentence.')")
    assert page.inner_text(".xc-section >> nth=1 >> em") == "new"
    page.dblclick(".xc-section >> nth=2 >> .xc-text")
    page.fill(".xc-edit", "never kept")
    page.press(".xc-edit", "Escape")
    assert "Feed it twice a day" in page.inner_text(".xc-section >> nth=2")


@pytest.mark.parametrize(("locale", "search"), [("en-US", "Search"), ("zh-CN", "搜索")])
def test_a_picture_is_replaced_searched_removed_and_added(
    server: Server, visit: Callable[..., Any], locale: str, search: str
) -> None:
    page = visit(server, locale=locale)
    choose(page, "#xc-pictures", "1")
    write(page)
    before = page.get_attribute(".xc-picture img", "src")
    page.click(".xc-picture")
    candidates = page.locator(".xc-candidate")
    assert candidates.count() == 4
    assert page.locator(".xc-share").count() == 1, "the model was asked about the one that fits"
    candidates.nth(2).click()
    page.wait_for_function(f"document.querySelector('.xc-picture img').src !== {json.dumps(before)}")
    page.wait_for_selector(".xc-candidate >> nth=2 >> .xc-chosen")

    line = page.inner_text("figcaption span")
    page.fill("#xc-query", "A quite different thing")
    assert page.inner_text(".xc-panel .xc-primary") == search
    page.click(".xc-panel .xc-primary")
    page.wait_for_function(
        "document.querySelectorAll('.xc-candidate').length > 3 && !document.querySelector('.xc-busy')"
    )
    assert page.inner_text("figcaption span") == line  # the line under the picture is another matter
    page.fill("#xc-caption", "A line of my own")
    page.press("#xc-caption", "Enter")
    page.wait_for_function("document.querySelector('figcaption').innerText.includes('A line of my own')")
    page.click(".xc-panel .xc-danger")
    page.wait_for_selector(".xc-figure", state="detached")
    assert page.is_hidden(".xc-panel")

    page.hover(".xc-section >> nth=1")
    page.click(".xc-section >> nth=1 >> .xc-add")
    page.wait_for_selector(".xc-section >> nth=1 >> .xc-picture img")
    page.wait_for_selector(".xc-panel:not([hidden])")
    page.keyboard.press("Escape")
    assert page.is_hidden(".xc-panel")


def picture_bytes(kind: str, size: tuple[int, int] = (120, 80)) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, (200, 40, 40)).save(stream, kind)
    return stream.getvalue()


def test_an_upload_becomes_the_picture_and_bad_files_are_explained(page: Any) -> None:
    page.set_viewport_size({"width": 1280, "height": 400})
    write(page)
    page.click(".xc-picture")
    before = page.get_attribute(".xc-picture img", "src")
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    bad = {"nothing.png": b"", "text.jpg": b"this is no picture", "half.png": picture_bytes("PNG", (400, 400))[:300]}
    for name, content in bad.items():
        upload(page, OWN, name, content)
        page.wait_for_function(f"document.querySelector('.xc-notices').innerText.includes({json.dumps(name)})")
        assert page.get_attribute(".xc-picture img", "src") == before
        notice = page.locator(".xc-notice").last.bounding_box()
        assert 0 < notice["y"] < 400  # in sight, wherever the page is scrolled to
    upload(page, OWN, "mine.png", picture_bytes("PNG"))
    page.wait_for_function("document.querySelector('.xc-picture img').naturalWidth === 120")


def saved_markdown(download: Any) -> str:
    with zipfile.ZipFile(download.path()) as archive:
        return next(archive.read(name).decode() for name in archive.namelist() if name.endswith(".md"))


def test_save_gives_a_zip_and_a_web_page(page: Any) -> None:
    write(page)
    with page.expect_download() as download:
        save_as(page, "zip")
    text = saved_markdown(download.value)
    with zipfile.ZipFile(download.value.path()) as archive:
        names = archive.namelist()
        pictures = [name for name in names if name.endswith((".png", ".jpg", ".webp"))]
        assert CAT in text
        assert "fresh water" in text
        assert "A. Painter" in text
        assert pictures
        with Image.open(io.BytesIO(archive.read(pictures[0]))) as image:
            assert image.size == (64, 48)
    with page.expect_download() as download:
        save_as(page, "html")
    saved = Path(download.value.path()).read_text(encoding="utf-8")
    assert "data:image/" in saved
    assert CAT in saved


def test_what_is_done_in_a_row_is_all_done(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = actions._QUICK_ACTIONS["choose"]

    def slowly(*arguments: Any) -> Any:
        time.sleep(1)
        return chosen(*arguments)

    monkeypatch.setitem(actions._QUICK_ACTIONS, "choose", slowly)
    write(page)
    page.click(".xc-text >> nth=0")
    page.fill(".xc-edit", "Saved at once.")
    with page.expect_download() as download:
        save_as(page, "zip")  # the click leaves the text
    assert "Saved at once." in saved_markdown(download.value)

    page.click(".xc-picture")
    page.locator('.xc-candidate[aria-pressed="false"]').first.click()
    page.keyboard.press("Escape")
    before = page.locator(".xc-picture img").first.get_attribute("src")
    with page.expect_download() as download:
        save_as(page, "html")
    page.wait_for_function(
        "before => document.querySelector('.xc-picture img').getAttribute('src') !== before", arg=before
    )


def test_pictures_are_planned_anew_and_a_choice_by_hand_stays(page: Any) -> None:
    write(page)
    page.click(".xc-picture")
    page.locator(".xc-candidate").nth(3).click()
    page.wait_for_selector(".xc-candidate >> nth=3 >> .xc-chosen")
    chosen = page.request.get(page.eval_on_selector(".xc-picture img", "image => image.src")).body()
    page.keyboard.press("Escape")
    page.select_option(".xc-toolbar select", "3")
    page.click(".xc-insert")
    page.wait_for_function("document.querySelectorAll('.xc-picture img').length === 3")
    finished(page)
    sources = page.eval_on_selector_all(".xc-picture img", "all => all.map(image => image.src)")
    # the draft has its own copy of a picture by now, at another address
    assert chosen in [page.request.get(source).body() for source in sources]
    assert len(set(sources)) == 3


def test_what_is_being_typed_survives_a_reload(server: Server, visit: Callable[..., Any]) -> None:
    page = visit(server)
    write(page)
    page.wait_for_function("location.search.includes('draft=')")
    page.locator("p.xc-text").first.click()
    page.fill(".xc-edit", page.input_value(".xc-edit") + " And more that is typed.")
    there = "document.querySelector('p.xc-text')?.textContent.endsWith('day. And more that is typed.')"
    page.wait_for_timeout(500)
    page.evaluate("window.xcReloads = true")  # the browser's question is not the matter here
    page.reload()
    page.wait_for_function(there)
    page.reload()  # and the program has it
    page.wait_for_function(there)
    assert page.evaluate("sessionStorage.getItem('xc-words:')") is None


def test_what_is_being_typed_is_kept_when_its_tab_is_closed(server: Server, visit: Callable[..., Any]) -> None:
    page = visit(server)
    write(page)
    page.wait_for_function("location.search.includes('draft=')")
    page.locator("p.xc-text").first.click()
    before = page.input_value(".xc-edit")
    page.fill(".xc-edit", f"{before} And more.")
    drafts = server.studio.drafts.of(None)
    [draft] = drafts.list()
    until(page, lambda: drafts.load(draft.id).article.section("s2").text == f"{before} And more.")
    other = page.context.new_page()
    other.goto(page.url)
    page.close()
    other.wait_for_selector("p.xc-text >> text=And more.")
    other.click(".xc-undo")
    other.wait_for_function("!document.querySelector('.xc-article').innerText.includes('And more.')")
    other.locator("p.xc-text").first.click()
    other.fill(".xc-edit", "Never kept.")
    until(other, lambda: drafts.load(draft.id).article.section("s2").text == "Never kept.")
    other.press(".xc-edit", "Escape")
    until(other, lambda: drafts.load(draft.id).article.section("s2").text == before)
    assert "Never" not in article_text(other)


def until(page: Any, holds: Callable[[], bool]) -> None:
    """Waits until the program has done it."""
    for _ in range(100):
        if holds():
            return
        page.wait_for_timeout(100)
    raise TimeoutError
