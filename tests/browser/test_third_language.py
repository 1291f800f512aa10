"""A further catalogue is a further language of the page, without a change of code: here a made-up one."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from common import messages
from tests.browser.conftest import Server, write
from ui.texts import TEXTS

pytestmark = pytest.mark.browser

_ACCENTS = str.maketrans("aceilnorsuyACEILNORSUY", "åçéïĺñöŕšüýÅÇÉÏĹÑÖŔŠÜÝ")


def pseudo(sentence: str) -> str:
    """The sentence with accents on its letters: readable, and plainly not English. Fields stay as they are."""
    parts = re.split(r"(\{[^{}]*\})", sentence)
    return "".join(part if part.startswith("{") else part.translate(_ACCENTS) for part in parts)


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The catalogue of the made-up language "eo", beside English and Chinese."""
    source = messages.LOCALES / "zh" / "LC_MESSAGES" / "studio.po"
    with source.open("rb") as file:
        known = read_po(file)
    catalogue = Catalog(locale="eo")
    for entry in known:
        if entry.id:
            one = tuple(map(pseudo, entry.id)) if entry.pluralizable else pseudo(entry.id)
            catalogue.add(entry.id, one, context=entry.context)
    target = tmp_path / "locales" / "eo" / "LC_MESSAGES" / "studio.po"
    target.parent.mkdir(parents=True)
    with target.open("wb") as out:
        write_po(out, catalogue)
    monkeypatch.setenv(messages.LOCALES_VARIABLE, str(tmp_path / "locales"))
    messages._catalogue.cache_clear()
    yield
    messages._catalogue.cache_clear()


def test_the_switch_is_a_menu_and_every_tab_speaks_the_language(
    made_up: None, server: Server, visit: Callable[..., Any]
) -> None:
    page = visit(server)
    options = "document.querySelectorAll('select.xc-language option')"
    assert page.evaluate(f"[...{options}].map(one => one.textContent)") == ["English", "Esperanto", "中文"]
    page.select_option("select.xc-language", "eo")
    page.wait_for_function("document.querySelector('#xc-go').innerText === 'Wŕïté'")
    assert page.evaluate("document.documentElement.lang") == "eo"
    tabs = page.evaluate("[...document.querySelectorAll('[role=tab]')].map(tab => tab.innerText.trim())")
    assert tabs == ["Wŕïté", "Çhåt", "Gåĺĺéŕý", "Mödéĺš"]
    page.click("[role=tab] >> nth=1")
    page.wait_for_function("document.querySelector('#xc-chat').innerText.includes('Ñéw çöñvéŕšåtïöñ')")
    page.wait_for_function("document.querySelector('#xc-chats').innerText.includes('Çöñvéŕšåtïöñš')")
    page.click("[role=tab] >> nth=2")
    page.wait_for_function("document.querySelector('.xc-gallery-root').innerText.includes('12 pïçtüŕéš')")
    page.reload()
    tab = "document.querySelector('.xc-gallery-root')"
    page.wait_for_function(f"{tab}?.innerText.includes('12 pïçtüŕéš')")  # the choice is kept
    page.click("[role=tab] >> nth=0")
    page.wait_for_function("document.querySelector('#xc-go').innerText === 'Wŕïté'")


def test_a_browser_of_that_language_is_greeted_in_it(made_up: None, server: Server, visit: Callable[..., Any]) -> None:
    page = visit(server, locale="eo")
    page.wait_for_function("document.querySelector('#xc-title').innerText.includes('Whåt šhåĺĺ wé wŕïté åböüt?')")


SHOWN = """() => [...document.querySelectorAll("body *")]
  .filter((node) => !["SCRIPT", "STYLE"].includes(node.tagName))
  .flatMap((node) => [
    ...["aria-label", "title", "placeholder"].map((name) => node.getAttribute(name)),
    ...[...node.childNodes].filter((child) => child.nodeType === 3).map((child) => child.textContent),
  ])
  .map((words) => (words || "").trim())"""


def test_no_label_of_the_page_stays_english(made_up: None, server: Server, visit: Callable[..., Any]) -> None:
    page = visit(server, locale="eo")
    write(page)  # with the labels around an article
    english = {replace(label, values={}).text("en") for label in TEXTS.values()}
    english -= {"English"}  # in the menu of languages each stands under its own name
    in_language = {pseudo(label) for label in english}
    shown: set[str] = set()
    for tab in range(4):
        page.click(f"[role=tab] >> nth={tab}")
        page.wait_for_timeout(200)
        shown |= set(page.evaluate(SHOWN))
    assert shown & english == set()
    assert len(shown & in_language) > 60


def test_the_menu_leads_to_any_language(made_up: None, server: Server, visit: Callable[..., Any]) -> None:
    page = visit(server, locale="eo")
    for code, tag, word in (("zh", "zh-CN", "开始写作"), ("en", "en", "Write"), ("eo", "eo", "Wŕïté")):
        page.select_option("select.xc-language", code)
        page.wait_for_function(f"document.querySelector('#xc-go').innerText === '{word}'")
        assert page.evaluate("document.documentElement.lang") == tag
        assert page.input_value("select.xc-language") == code
