"""What the Gallery tab shows of a search at once, what behind a button, and the text that was read in a picture."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from retrieval.base import Hit
from retrieval.gallery import Gallery
from retrieval.index import store_text
from tests.browser.conftest import Server
from tests.fakes import FakeModel
from tests.retrieval.conftest import ONE_WORKER
from tests.retrieval.helpers import ColourEncoder, paint

pytestmark = pytest.mark.browser

FIELD = "#xc-gallery-search input"
NAMES = {"red": "red boat", "blue": "blue bus", "green": "green meadow"}


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gallery]:
    """A gallery of three pictures, of which those are likely whose caption has the query's word."""
    for colour, name in NAMES.items():
        paint(tmp_path / "pictures" / f"{name}.png", colour, (320, 240))
    with Gallery.open(tmp_path / "own.gallery", create=True, encoder=ColourEncoder()) as gallery:
        gallery.add(tmp_path / "pictures", options=ONE_WORKER)
        search = gallery.search

        def judged(query: Any, **options: Any) -> list[Hit]:
            return [replace(hit, likely=query in hit.caption) for hit in search(query, **options)]

        monkeypatch.setattr(gallery, "search", judged)
        yield gallery


def names(page: Any, part: str = "") -> list[str]:
    return sorted(str(one.get_attribute("aria-label")) for one in page.query_selector_all(f"{part} .xc-tile"))


@pytest.mark.parametrize(
    ("language", "button", "line", "nothing"),
    [
        ("en", "Show less likely ones (2)", "Less likely", "Nothing fits well."),
        ("zh", "显示不太相关的 2 张", "不太相关", "没有很合适的图片。"),
    ],
)
def test_the_less_likely_wait_behind_a_button(
    serve_studio: Callable[..., Server],
    visit: Callable[..., Any],
    own: Gallery,
    language: str,
    button: str,
    line: str,
    nothing: str,
) -> None:
    page = visit(serve_studio(FakeModel(), own), locale=language)
    page.click("[role=tab] >> nth=2")
    page.wait_for_function("document.querySelectorAll('.xc-tile').length === 3")  # nothing is asked: nothing is judged
    assert page.is_hidden(f"text={button}")
    page.fill(FIELD, "bus")
    page.click(f"text={button}")
    assert names(page, ".xc-less") == ["green meadow", "red boat"]
    assert page.inner_text(".xc-less .xc-facts") == line
    assert names(page) == ["blue bus", "green meadow", "red boat"]
    assert page.is_hidden(f"text={button}")
    assert page.evaluate("document.activeElement.matches('.xc-less .xc-tile')")
    page.fill(FIELD, "walrus")  # another search begins closed
    page.wait_for_selector(f".xc-gallery-words >> text={nothing}")
    assert names(page) == []
    page.click(f"text={button.replace('2', '3')}")
    assert len(names(page, ".xc-less")) == 3
    assert page.inner_text(".xc-gallery-words") == nothing


@pytest.mark.parametrize(("language", "label"), [("en", "Text in the picture"), ("zh", "图中的文字")])
def test_the_text_read_in_a_picture_stands_among_its_facts(
    serve_studio: Callable[..., Server], visit: Callable[..., Any], own: Gallery, language: str, label: str
) -> None:
    shown = next(hit for hit in own.browse() if hit.caption == "blue bus")
    with own.catalogue.transaction() as connection:
        store_text(connection, own.picture(shown.id).number or 0, "LINE 42\n开往 <b>火车站</b>")
    page = visit(serve_studio(FakeModel(), own), locale=language)
    page.click("[role=tab] >> nth=2")
    page.click(".xc-tile[aria-label='blue bus']")
    page.wait_for_selector(".xc-text-inside")
    assert page.inner_text(".xc-text-inside").split("\n") == ["LINE 42", "开往 <b>火车站</b>"]
    assert label in page.inner_text(".xc-details dl")
    page.keyboard.press("Escape")
    page.click(".xc-tile[aria-label='red boat']")
    page.wait_for_selector(".xc-details form")
    assert page.query_selector(".xc-text-inside") is None
