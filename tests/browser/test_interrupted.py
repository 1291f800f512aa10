"""An article that a reload or an end of the program meets while it is written: it goes on, or the page says what is
missing and writes the rest."""

import itertools
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.browser.conftest import Server, article_text, finished, write
from tests.browser.test_drafts import at_draft, saved
from tests.browser.test_restart import later
from tests.fakes import FakeModel

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
