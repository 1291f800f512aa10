"""What the panel of a picture says and does, in both languages."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Server, save_as, write

pytestmark = pytest.mark.browser
LANGUAGES = {
    "en-US": {"alt": "Alternative text", "hint": "For those who cannot see the picture"},
    "zh-CN": {"alt": "替代文字", "hint": "给看不到图片的人"},
}


@pytest.mark.parametrize("locale", list(LANGUAGES))
def test_caption_and_alternative_text_are_written_apart(server: Server, visit: Callable[..., Any], locale: str) -> None:
    words = LANGUAGES[locale]
    page = visit(server, locale=locale)
    write(page)
    page.click(".xc-picture")
    assert page.inner_text("label[for=xc-alt]") == words["alt"]
    assert words["hint"] in page.get_attribute("#xc-alt", "placeholder")
    page.fill("#xc-alt", "A blue bowl")
    page.fill("#xc-caption", "Supper")
    page.focus("#xc-alt")
    page.wait_for_function("document.querySelector('figcaption').innerText.includes('Supper')")
    image = page.locator(".xc-picture img").first
    assert image.get_attribute("alt") == "A blue bowl"
    page.keyboard.press("Escape")
    page.reload()
    page.wait_for_selector(".xc-picture img[alt='A blue bowl']")
    with page.expect_download() as download:
        save_as(page, "html")
    saved = Path(download.value.path()).read_text(encoding="utf-8")
    assert 'alt="A blue bowl"' in saved
    assert "Supper</figcaption>" in saved
