"""The main job with the embedded model and gallery in a real browser: a title becomes an illustrated article."""

import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from tests.browser.conftest import Server, article_text, choose, finished, save_as, write

if TYPE_CHECKING:
    from composer.models.gguf.model import GgufModel

TOKENS = 70  # of an article: ten seconds on a slow machine
pytestmark = [pytest.mark.browser, pytest.mark.real, pytest.mark.timeout(420)]


@pytest.fixture(scope="module")
def real_server(embedded_model: "GgufModel") -> Iterator[Server]:
    from retrieval import open_gallery
    from ui.studio import Studio

    stream = embedded_model.stream

    def few_words(messages: Any, sampling: Any, **options: Any) -> Iterator[str]:
        return stream(messages, replace(sampling, max_tokens=min(TOKENS, sampling.max_tokens)), **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded_model, "close", lambda: None)  # other tests go on with it
        patch.setattr(embedded_model, "stream", few_words)
        server = Server(Studio(lambda progress: embedded_model, open_gallery))
        yield server
        server.close()


@pytest.mark.parametrize(
    ("locale", "title", "length", "caption", "word"),
    [
        ("en-US", "How to take good care of a pet cat", "Short", "a bowl of fish", "cat"),
        ("zh-CN", "如何养好一只宠物", "短", "一碗面条", "宠物"),
    ],
)
def test_title_write_replace_save(
    real_server: Server, visit: Callable[..., Any], locale: str, title: str, length: str, caption: str, word: str
) -> None:
    page = visit(real_server, locale=locale, timeout=120_000)  # the model loads, and takes the processor, meanwhile
    choose(page, "#xc-pictures", "1")  # whatever the model writes, and however little fits
    choose(page, "#xc-length", length)
    write(page, title, wait=False)
    page.wait_for_function("(document.querySelector('.xc-text')?.textContent || '').length > 4", timeout=120_000)
    finished(page, timeout=150_000)
    text = article_text(page)
    assert word in text
    assert len(text) > 100
    pictures = page.locator(".xc-picture img")
    assert pictures.count() == 1
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
    page.fill("#xc-query", caption)
    page.press("#xc-query", "Enter")
    page.wait_for_selector(".xc-panel.xc-busy")
    page.wait_for_selector(".xc-panel:not(.xc-busy)", timeout=60_000)
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
