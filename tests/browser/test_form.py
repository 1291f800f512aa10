"""The form: what a person has set in it stays, and on a telephone it is one line beside an article."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import Server, choose, write
from tests.browser.test_drafts import at_draft
from tests.fakes import FakeModel

pytestmark = pytest.mark.browser

TEMPERATURE = "#xc-advanced input[type=number] >> nth=0"


def test_settings_are_remembered_and_the_form_folds_on_a_telephone(
    server: Server, visit: Callable[..., Any], fake_model: FakeModel
) -> None:
    page = visit(server, width=375, height=720)
    begun = page.input_value("#xc-pictures input")
    page.click("#xc-advanced button")
    before = page.input_value(TEMPERATURE)
    choose(page, "#xc-pictures", "2")
    choose(page, "#xc-tone", "News")
    page.fill("#xc-readers textarea, #xc-readers input", "sailors")
    page.press("#xc-readers textarea, #xc-readers input", "Tab")
    page.click(TEMPERATURE)
    page.keyboard.press("Control+A")
    page.keyboard.type("1.2")
    page.press(TEMPERATURE, "Tab")
    page.wait_for_function("JSON.parse(localStorage.getItem('xc-form:'))?.temperature === 1.2")
    kept = page.evaluate("JSON.parse(localStorage.getItem('xc-form:'))")
    assert kept == {"pictures": "2", "tone": "news", "readers": "sailors", "temperature": 1.2}

    page.reload()
    page.wait_for_selector(".xc-ready")
    page.wait_for_function("document.querySelector('#xc-pictures input')?.value === '2'")
    assert page.input_value("#xc-tone input") == "News"
    page.click("#xc-advanced button")
    page.wait_for_function(f"document.querySelector('{TEMPERATURE.split(' >>')[0]}')?.value === '1.2'")
    assert page.input_value("#xc-readers textarea, #xc-readers input") == "sailors"

    write(page)
    assert fake_model.samplings[0].temperature == 1.2
    height = "document.querySelector('#xc-form').getBoundingClientRect().height"
    assert page.evaluate(height) < 80, "one line"
    assert not page.is_visible("#xc-options")
    page.click("#xc-title textarea")
    page.wait_for_selector("#xc-options", state="visible")
    page.wait_for_selector("#xc-go", state="visible")
    page.click("#xc-go")
    page.wait_for_function(f"document.body.dataset.article === 'done' && {height} < 80")

    page.click("#xc-title textarea")
    page.click("#xc-reset")
    page.wait_for_function("begun => document.querySelector('#xc-pictures input')?.value === begun", arg=begun)
    assert page.input_value(TEMPERATURE) == before
    assert page.evaluate("localStorage.getItem('xc-form:')") == "{}"


@pytest.mark.parametrize(("locale", "tone"), [("en-US", "News"), ("zh-CN", "新闻")])
def test_settings_are_kept_under_names(server: Server, visit: Callable[..., Any], locale: str, tone: str) -> None:
    page = visit(server, locale=locale)
    usual = page.input_value("#xc-tone input")
    choose(page, "#xc-pictures", "2")
    choose(page, "#xc-tone", tone)
    page.click("#xc-advanced button")
    save, field = "#xc-presets .xc-button >> nth=0", "#xc-presets .xc-field"
    page.click(save)
    page.press(field, "Enter")
    page.wait_for_selector("#xc-presets .xc-facts:not(:empty)")  # without a name
    page.fill(field, "Morning news")
    page.press(field, "Enter")
    page.wait_for_selector("#xc-presets .xc-facts >> text=Morning news")
    page.click("#xc-reset")
    page.wait_for_function("usual => document.querySelector('#xc-tone input').value === usual", arg=usual)

    page.reload()
    page.wait_for_selector(".xc-ready")
    page.click("#xc-advanced button")
    page.select_option("#xc-presets select", "Morning news")
    page.wait_for_function("tone => document.querySelector('#xc-tone input').value === tone", arg=tone)
    assert page.input_value("#xc-pictures input") == "2"
    page.wait_for_function("JSON.parse(localStorage.getItem('xc-form:'))?.pictures === '2'")
    page.click("#xc-presets .xc-danger")
    page.wait_for_function("document.querySelectorAll('#xc-presets option').length === 1")
    assert page.evaluate("localStorage.getItem('xc-presets:')") == "{}"


def test_a_new_article_is_a_new_draft(server: Server, visit: Callable[..., Any]) -> None:
    page = visit(server)
    write(page, "Cats")
    first = at_draft(page)
    write(page, "Dogs")
    page.wait_for_function(f"!location.search.includes('{first}')")
    second = at_draft(page)
    # the form says what the article that is shown was made of; what was typed since stays
    page.click(".xc-drafts-toggle")
    page.click("#xc-drafts .xc-drafts-open >> text=Cats")
    page.wait_for_selector(".xc-title >> text=Cats")
    page.wait_for_function("document.querySelector('#xc-title textarea').value === 'Cats'")
    page.fill("#xc-title textarea", "Birds")
    page.click("#xc-drafts .xc-drafts-open >> text=Dogs")
    page.wait_for_selector(".xc-title >> text=Dogs")
    assert page.input_value("#xc-title textarea") == "Birds"
    titles = {one.id: one.title for one in server.studio.drafts.of(None).list()}
    assert titles == {first: "Cats", second: "Dogs"}
