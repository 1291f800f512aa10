"""The page for judging two runs blind, in a real browser."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from evaluation.articles import Settings, Title, load_made, sum_verdicts
from evaluation.articles.blind import sides
from evaluation.commands import CompositionOptions, compare_compositions, compose_titles
from tests.fakes import CAT_ARTICLE, FakeGallery, FakeModel

pytestmark = pytest.mark.browser

TITLES = [Title("en-01", "Keeping a cat", "en"), Title("en-02", "A cat's <b>day</b>", "en")]


@pytest.fixture
def page(tmp_path: Path) -> Path:
    (tmp_path / "pictures").mkdir()
    gallery = FakeGallery(tmp_path / "pictures")
    for name, article in (("one", CAT_ARTICLE), ("two", "## Two\n\nOnly the second run says this of a cat bed.\n")):
        options = CompositionOptions(tmp_path / name, Settings("short", 1), "fake", encoder="none")
        compose_titles(TITLES, options, FakeModel(article), gallery, threading.Event())
    compare_compositions(tmp_path / "one", tmp_path / "two", tmp_path / "blind.html", 1)
    return tmp_path / "blind.html"


def test_articles_are_judged_by_keys_and_saved(chromium: Any, page: Path, tmp_path: Path) -> None:
    context = chromium.new_context(accept_downloads=True)
    tab = context.new_page()
    errors: list[str] = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.goto(page.as_uri())
    first_left = sides(1, ["en-01", "en-02"])["en-01"]
    second_is = "right" if first_left == "a" else "left"
    assert "Only the second run" in tab.locator(f"#{second_is}").inner_text()
    assert load_made(tmp_path / "two", "en-01").article.model == "fake"
    assert "one" not in tab.locator("main").inner_text().split(), "nobody is told whose an article is"
    assert tab.locator("figure img").count() == 2
    assert tab.locator("figure img").first.evaluate("image => image.naturalWidth") > 0
    tab.keyboard.press("1")
    assert tab.locator("h1").inner_text() == "A cat's <b>day</b>"
    tab.keyboard.press("0")
    assert "2 of 2 judged." in tab.locator("#sum").inner_text()
    tab.reload()
    tab.wait_for_selector("#sum >> text=2 of 2 judged.")  # kept by the browser; its policy allows no eval
    tab.keyboard.press("ArrowRight")
    tab.get_by_label("show whose").check()
    assert "fake (" in tab.locator("#left .whose").inner_text()
    tab.keyboard.press("2")  # of the last title, and not blind any more
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Save verdicts").click()
    download.value.save_as(tmp_path / "verdicts.json")
    context.close()
    assert errors == []
    saved = json.loads((tmp_path / "verdicts.json").read_text("utf-8"))
    assert next((v["winner"], v["blind"]) for v in saved["verdicts"]) == (first_left, True)
    assert saved["verdicts"][1]["blind"] is False
    assert sum(sum_verdicts([tmp_path / "verdicts.json"]).counts.values()) == 1
