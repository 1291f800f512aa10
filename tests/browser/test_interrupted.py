"""An article that a reload or an end of the program meets while it is written: it goes on, or the page says what is
missing and writes the rest."""

import itertools
import json
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.browser.conftest import Server, article_text, finished, write
from tests.browser.test_drafts import at_draft, saved
from tests.browser.test_restart import later
from tests.fakes import FakeModel
from tests.serving import cut_off

pytestmark = pytest.mark.browser
WORDS = {
    "en-US": ("Its rest is missing.", "Go on"),
    "zh-CN": ("后面的内容还没有写。", "继续"),
}


@pytest.mark.parametrize("way", ["title", "instruction"])
def test_a_reload_before_the_first_word_goes_on_with_it(
    server: Server, visit: Callable[..., Any], fake_model: FakeModel, way: str
) -> None:
    gate = threading.Event()
    fake_model.gate = gate  # nothing comes until it is opened
    page = visit(server)
    write(page, "Cats" if way == "title" else "Write about cats.\nShort sentences.", wait=False)
    draft = at_draft(page)
    page.reload()
    page.wait_for_selector(".xc-stepper:not([hidden])")
    gate.set()
    finished(page)
    assert "quiet voice" in article_text(page)
    assert at_draft(page) == draft
    saved(page)
    assert [one.id for one in server.studio.drafts.of(None).list()] == [draft]


@pytest.mark.parametrize("locale", WORDS)
def test_what_was_interrupted_is_said_and_goes_on(
    server: Server,
    visit: Callable[..., Any],
    restart: Callable[..., Server],
    fake_model: FakeModel,
    monkeypatch: pytest.MonkeyPatch,
    locale: str,
) -> None:
    gate = threading.Event()
    fake_model.gate = gate
    monkeypatch.setattr(gate, "wait", partial(later, itertools.count(), threading.Event()))  # gets stuck
    page = visit(server, locale=locale)
    page.set_default_timeout(40_000)
    write(page, "Cats", wait=False)
    draft = at_draft(page)
    page.wait_for_selector(".xc-section >> nth=1 >> text=every day.")
    page.wait_for_timeout(1000)  # saved every second
    address = page.url
    page.goto("about:blank")
    server = restart(server)
    page.goto(address)
    said, go_on = WORDS[locale]
    page.wait_for_selector(f".xc-interrupted >> text={said}")
    page.click(f".xc-interrupted >> text={go_on}")
    finished(page)
    assert "quiet voice" in article_text(page)
    assert page.is_hidden(".xc-interrupted")
    saved(page)
    assert [(one.id, one.title) for one in server.studio.drafts.of(None).list()] == [(draft, "Cats")]
    page.reload()
    page.wait_for_selector("text=quiet voice")
    page.wait_for_selector(".xc-undo:enabled")  # the rest is one step
    assert page.is_hidden(".xc-interrupted")


@pytest.mark.parametrize("finish", ["Enter", "typing"])
def test_what_is_edited_while_the_program_is_away_is_not_lost(
    server: Server, visit: Callable[..., Any], restart: Callable[..., Server], finish: str
) -> None:
    page = visit(server)
    page.set_default_timeout(15_000)
    write(page, "Cats")
    draft = at_draft(page)
    saved(page)
    cut_off(server.blocks)
    page.click(".xc-title")
    page.fill(".xc-edit", "Cats, and what they eat")
    page.press(".xc-edit", "Enter")
    page.click(".xc-section >> nth=2 >> .xc-text")
    page.fill(".xc-edit", "Changed while it was away.")
    page.press(".xc-edit", "Enter")
    page.click(".xc-section >> nth=1 >> .xc-text")
    page.fill(".xc-edit", "One more, typed meanwhile.")
    if finish == "Enter":  # in the middle of it, which would split it
        page.evaluate("document.querySelector('.xc-edit').setSelectionRange(9, 9)")
        page.press(".xc-edit", "Enter")
    page.evaluate("window.notLoadedAnew = true")
    page.wait_for_timeout(500)
    server = restart(server)
    page.wait_for_function("!window.notLoadedAnew")
    for words in ("Cats, and what they eat", "Changed while it was away.", "One more, typed meanwhile."):
        page.wait_for_function("words => document.querySelector('.xc-article')?.innerText.includes(words)", arg=words)
    page.wait_for_selector(".xc-status.xc-ready")
    page.wait_for_function("sessionStorage.getItem('xc-words:') === null")
    saved(page)
    kept = server.studio.drafts.of(None).load(draft).article
    assert kept.title == "Cats, and what they eat"
    assert [section.text for section in kept.sections[1:3]] == [
        "One more, typed meanwhile.",
        "Changed while it was away.",
    ]


def test_words_for_a_draft_that_is_not_opened_again_are_saved_there(server: Server, visit: Callable[..., Any]) -> None:
    page = visit(server)
    write(page, "Cats")
    first = at_draft(page)
    write(page, "Dogs")
    page.wait_for_function(f"!location.search.includes('{first}')")
    saved(page)
    drafts = server.studio.drafts.of(None)
    typed = {"draft": first, "before": drafts.load(first).article.section("s3").text, "given": None}
    words = [["s3", {**typed, "text": "Typed, and never sent.", "markdown": False}]]
    page.evaluate("words => sessionStorage.setItem('xc-words:', words)", json.dumps(words))
    page.reload()
    page.wait_for_selector("text=quiet voice")
    page.wait_for_function("sessionStorage.getItem('xc-words:') === null || performance.now() > 8000")
    for _ in range(100):
        if drafts.load(first).article.section("s3").text == "Typed, and never sent.":
            break
        page.wait_for_timeout(50)
    assert drafts.load(first).article.section("s3").text == "Typed, and never sent."
    assert "never sent" not in article_text(page)


@pytest.mark.parametrize("way", ["address", "copy"])
def test_a_second_tab_follows_what_is_written_and_takes_nothing(
    server: Server, visit: Callable[..., Any], fake_model: FakeModel, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    gate, counted = threading.Event(), itertools.count()
    fake_model.gate = gate
    page = visit(server)
    opened = threading.Event()
    monkeypatch.setattr(gate, "wait", lambda _seconds: None if next(counted) < 15 else opened.wait(20))
    write(page, "Cats", wait=False)
    page.wait_for_selector(".xc-section >> nth=1 >> text=every day.")
    draft = at_draft(page)
    if way == "copy":  # a tab made of this one has all that the browser keeps of it
        with page.context.expect_page() as made:
            page.evaluate("window.open(location.href)")
        other = made.value
    else:
        other = page.context.new_page()
        other.goto(page.url)
    other.wait_for_selector(".xc-notice >> text=being written in another tab")
    other.wait_for_selector(".xc-section >> nth=1 >> text=every day.")
    assert other.is_hidden(".xc-interrupted")
    other.click(".xc-section >> nth=1 >> .xc-text")
    other.fill(".xc-edit", "Of the second tab.")
    other.press(".xc-edit", "Enter")
    other.wait_for_function("!document.querySelector('.xc-article').innerText.includes('second tab')")
    opened.set()
    finished(page)
    other.wait_for_selector("text=quiet voice")
    other.wait_for_selector(".xc-picture img")
    saved(page)
    assert at_draft(page) == at_draft(other) == draft
    assert [one.id for one in server.studio.drafts.of(None).list()] == [draft]
    other.click(".xc-section >> nth=1 >> .xc-text")
    other.fill(".xc-edit", "Of the second tab.")
    other.press(".xc-edit", "Enter")
    page.wait_for_selector("text=Of the second tab.")
