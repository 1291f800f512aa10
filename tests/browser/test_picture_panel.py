"""What the panel of a picture says and does, in both languages."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Server, save_as, write

pytestmark = pytest.mark.browser
LANGUAGES: dict[str, Any] = {
    "en-US": {
        "alt": "Alternative text",
        "hint": "For those who cannot see the picture",
        "changed": "the text has changed",
        "renew": "New candidates",
        "fits": "It still fits",
        "widths": ["Half", "Column", "Full"],
    },
    "zh-CN": {
        "alt": "替代文字",
        "hint": "给看不到图片的人",
        "changed": "文字已改动",
        "renew": "重新找图",
        "fits": "仍然合适",
        "widths": ["半栏", "整栏", "通栏"],
    },
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


@pytest.mark.parametrize("locale", list(LANGUAGES))
def test_a_picture_says_that_its_text_has_changed_until_a_person_decides(
    server: Server, visit: Callable[..., Any], locale: str
) -> None:
    words = LANGUAGES[locale]
    page = visit(server, locale=locale)
    write(page)
    page.click(".xc-picture")
    assert page.is_hidden(".xc-changed")
    page.keyboard.press("Escape")
    page.click(".xc-section:has(figure) > .xc-text")
    page.fill(".xc-edit", "A dog plays in the garden.")
    page.press(".xc-edit", "Enter")
    page.wait_for_selector(f"figcaption >> text={words['changed']}")
    page.reload()
    page.wait_for_selector(f"figcaption >> text={words['changed']}")
    page.click(".xc-picture")
    assert [page.inner_text(one) for one in (".xc-renew", ".xc-still-fits")] == [words["renew"], words["fits"]]
    first = ".xc-candidate >> nth=1 >> .xc-candidate-name"
    before = page.get_attribute(".xc-picture img", "src")
    asked = len(server.studio.gallery.queries)
    page.click(".xc-renew")
    page.wait_for_selector(".xc-renew:not([disabled])")
    assert len(server.studio.gallery.queries) > asked
    assert page.is_visible(first)
    assert page.get_attribute(".xc-picture img", "src") == before
    page.click(".xc-still-fits")
    page.wait_for_selector(".xc-changed", state="hidden")
    assert page.locator("figcaption .xc-perhaps").count() == 0
    assert page.evaluate("document.activeElement.getAttribute('aria-pressed')") == "true"


@pytest.mark.parametrize("locale", list(LANGUAGES))
def test_a_picture_is_half_as_wide_as_the_column_or_wider(
    server: Server, visit: Callable[..., Any], locale: str
) -> None:
    page = visit(server, locale=locale)
    write(page)
    page.click(".xc-picture")
    assert page.locator(".xc-widths button").all_inner_texts() == LANGUAGES[locale]["widths"]
    assert page.get_attribute("[data-width=column]", "aria-pressed") == "true"
    measured = []
    for width in ("half", "column", "full"):
        page.click(f"[data-width={width}]")
        page.wait_for_selector(f".xc-figure.xc-{width}")
        page.wait_for_selector(f"[data-width={width}][aria-pressed=true]")
        measured.append(page.locator(".xc-figure").bounding_box()["width"])
    half, column, full = measured
    assert half == pytest.approx(column / 2, abs=1)
    assert full == pytest.approx(column + 80, abs=1)  # beside the panel
    image = page.locator(".xc-figure img").bounding_box()
    assert image["width"] == pytest.approx(full, abs=1)
    assert image["x"] >= 0
    page.reload()
    page.wait_for_selector(".xc-figure.xc-full")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
