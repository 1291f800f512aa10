"""What the panel of a picture says and does, in both languages."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Server, choose, save_as, write

pytestmark = pytest.mark.browser
LANGUAGES: dict[str, Any] = {
    "en-US": {
        "alt": "Alternative text",
        "hint": "For those who cannot see the picture",
        "changed": "the text has changed",
        "renew": "New candidates",
        "fits": "It still fits",
        "widths": ["Half", "Column", "Full"],
        "down": "Move down",
    },
    "zh-CN": {
        "alt": "替代文字",
        "hint": "给看不到图片的人",
        "changed": "文字已改动",
        "renew": "重新找图",
        "fits": "仍然合适",
        "widths": ["半栏", "整栏", "通栏"],
        "down": "下移",
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
    colours = "[null, '::placeholder'].map((part) => getComputedStyle(document.querySelector('#xc-alt'), part).color)"
    typed, hint = page.evaluate(colours)
    assert hint != typed, "nobody takes the hint for what is written there"
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
    choose(page, "#xc-pictures", "1")
    write(page)
    page.click(".xc-picture")
    assert page.locator(".xc-widths:not(.xc-ratios) button").all_inner_texts() == LANGUAGES[locale]["widths"]
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


@pytest.mark.parametrize("locale", list(LANGUAGES))
def test_a_picture_is_dragged_to_another_paragraph_or_moved_by_keys_and_buttons_and_cropped(
    server: Server, visit: Callable[..., Any], locale: str
) -> None:
    page = visit(server, locale=locale, height=2400, timeout=20_000)  # all of it is in sight
    choose(page, "#xc-pictures", "1")
    write(page)
    page.wait_for_function("[...document.querySelectorAll('.xc-picture img')].every((image) => image.complete)")

    def places() -> list[str]:
        return list(page.eval_on_selector_all(".xc-section:has(> figure)", "all => all.map(one => one.dataset.id)"))

    texts = page.eval_on_selector_all(".xc-section[data-kind=paragraph]", "all => all.map(one => one.dataset.id)")
    here = places()[0]
    there = next(one for one in texts if one not in places())
    page.hover(f".xc-section[data-id={here}] .xc-picture img")
    page.mouse.down()
    for _ in range(2):  # the first move begins to drag
        page.hover(f".xc-section[data-id={there}] > .xc-text")
    page.wait_for_selector(f".xc-takes[data-id={there}]")
    page.mouse.up()
    page.wait_for_selector(f".xc-section[data-id={there}] > figure")
    assert here not in places()
    assert page.locator(".xc-takes").count() == 0
    assert texts.index(there) == texts.index(here) + 1
    page.press(f".xc-section[data-id={there}] .xc-picture", "Alt+ArrowUp")
    for place, key in (
        (here, "ArrowDown"),
        (there, "ArrowUp"),
        (here, ""),
    ):  # the focus goes with it
        page.wait_for_selector(f".xc-section[data-id={place}] > figure .xc-picture:focus")
        if key:
            page.keyboard.press(f"Alt+{key}")
    moved = places()
    page.click(".xc-picture >> nth=0")
    page.wait_for_selector(".xc-panel:not([hidden])")
    assert page.is_disabled(".xc-picture-up") == (moved[0] == texts[0])
    assert page.inner_text(".xc-picture-down") == LANGUAGES[locale]["down"]
    page.click(".xc-picture-down")
    page.wait_for_function(
        "before => document.querySelector('.xc-section > figure').parentNode.dataset.id !== before", arg=moved[0]
    )
    assert page.is_visible(".xc-panel"), "the panel follows the picture"
    assert page.evaluate("document.activeElement.matches('.xc-picture-down, .xc-picture-up')"), "to be pressed again"
    page.click(".xc-undo")
    page.wait_for_selector(f".xc-section[data-id={moved[0]}] > figure")
    if not page.is_visible(".xc-panel"):
        page.click(".xc-picture >> nth=0")
    crop_around_the_point_that_is_clicked(page)


@pytest.mark.parametrize("width", [1280, 375])
def test_what_a_search_found_is_in_sight_and_the_focus_stays(
    server: Server, visit: Callable[..., Any], width: int
) -> None:
    page = visit(server, width=width, height=700)
    write(page)
    page.click(".xc-picture >> nth=0")
    for press in ("#xc-query", ".xc-seek-row button"):
        page.fill("#xc-query", "a sleeping cat")
        page.press(press, "Enter")
        page.wait_for_selector(".xc-seek-row button:enabled")
        page.wait_for_selector(f"{press}:focus")
        page.wait_for_function("""() => {
          const box = document.querySelector(".xc-candidate").getBoundingClientRect();
          return box.top >= 0 && box.bottom <= innerHeight;
        }""")
        assert page.input_value("#xc-query") == "a sleeping cat"


def crop_around_the_point_that_is_clicked(page: Any) -> None:
    size = "image => [image.naturalWidth, image.naturalHeight]"
    assert page.eval_on_selector(".xc-framed img", size) == [64, 48]
    box = page.locator(".xc-framed img").bounding_box()
    page.mouse.click(box["x"] + 2, box["y"] + box["height"] / 2)
    assert page.eval_on_selector(".xc-focus", "point => parseFloat(point.style.left)") < 10
    page.press(".xc-focus", "ArrowRight")
    page.click(".xc-ratios >> text=1:1")
    page.wait_for_function("document.querySelector('.xc-section .xc-picture img').naturalWidth === 48")
    page.click(".xc-undo")
    page.wait_for_function("document.querySelector('.xc-section .xc-picture img').naturalWidth === 64")
