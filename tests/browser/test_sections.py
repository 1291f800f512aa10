"""One section in the browser: written anew with the model, taken in parts, moved by keys and mouse, split, joined."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import write
from tests.fakes import FakeGallery, FakeModel

pytestmark = pytest.mark.browser

NEW = "Feed a dog twice a day, and keep its bowl clean."


@pytest.fixture
def page_of(serve_studio: Callable[..., Any], visit: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    def answer(messages: Any) -> str | None:
        return NEW if "You edit articles" in messages[0].text else None

    def go(**options: Any) -> Any:
        page = visit(serve_studio(FakeModel(answer=answer), FakeGallery(tmp_path)), **options)
        write(page)
        return page

    return go


def open_menu(page: Any, section: int) -> None:
    page.hover(f".xc-section >> nth={section}")
    page.click(f".xc-section >> nth={section} >> .xc-more")
    page.wait_for_selector(".xc-menu:not([hidden])")


def texts(page: Any) -> list[str]:
    return [str(text).strip() for text in page.locator(".xc-section > .xc-text").all_inner_texts()]


def test_a_paragraph_is_written_anew_and_taken_in_parts(page_of: Callable[..., Any]) -> None:
    page = page_of()
    open_menu(page, 2)
    page.click(".xc-menu >> text=Shorten")
    page.wait_for_selector(".xc-proposal.xc-ready")
    assert page.locator(".xc-change").count() >= 2
    assert page.locator(".xc-change del").first.inner_text() == "it"
    page.locator(".xc-change", has_text="the").last.click()
    taken = page.locator(".xc-change[aria-checked=true]").count()
    count = page.locator(".xc-change").count()
    assert page.inner_text(".xc-accept") == f"Accept {taken} of {count}"
    page.click(".xc-accept")
    page.wait_for_selector(".xc-proposal", state="detached")
    assert texts(page)[2] == "Feed a dog twice a day, and keep the bowl clean."


def test_a_proposal_is_refused_and_asked_for_again(page_of: Callable[..., Any]) -> None:
    page = page_of(locale="zh-CN", width=375)
    before = texts(page)
    page.click(".xc-section >> nth=2 >> .xc-more")
    page.fill(".xc-wish", "写狗")
    page.press(".xc-wish", "Enter")
    page.wait_for_selector(".xc-proposal.xc-ready")
    page.click(".xc-retry")
    page.wait_for_selector(".xc-proposal.xc-ready")
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    page.click(".xc-discard")
    page.wait_for_selector(".xc-proposal", state="detached")
    assert texts(page) == before


def test_sections_move_by_keys_and_by_mouse(page_of: Callable[..., Any]) -> None:
    page = page_of()
    first = texts(page)
    page.focus(".xc-section >> nth=2 >> .xc-more")
    page.keyboard.press("Alt+ArrowUp")
    page.wait_for_function(f"document.querySelectorAll('.xc-section > .xc-text')[1].innerText.trim() === {first[2]!r}")
    page.hover(".xc-section >> nth=1")
    page.drag_and_drop(
        ".xc-section >> nth=1 >> .xc-more", ".xc-section >> nth=0 >> .xc-text", target_position={"x": 5, "y": 1}
    )
    page.wait_for_function(f"document.querySelectorAll('.xc-section > .xc-text')[0].innerText.trim() === {first[2]!r}")
    assert sorted(texts(page)) == sorted(first)


def test_a_paragraph_is_split_and_joined_while_it_is_edited(page_of: Callable[..., Any]) -> None:
    page = page_of()
    before = texts(page)
    page.click(".xc-section >> nth=2 >> .xc-text")
    page.evaluate("document.querySelector('.xc-edit').setSelectionRange(20, 20)")
    page.press(".xc-edit", "Enter")
    page.wait_for_function("document.querySelectorAll('.xc-section').length === " + str(len(before) + 1))
    page.wait_for_selector(".xc-section >> nth=3 >> .xc-edit")  # the caret goes on in the second part
    assert page.evaluate("document.querySelector('.xc-edit').value") == before[2][20:].strip()
    page.press(".xc-edit", "Backspace")
    page.wait_for_function("document.querySelectorAll('.xc-section').length === " + str(len(before)))
    page.wait_for_function(f"document.querySelectorAll('.xc-section > .xc-text')[2].innerText.trim() === {before[2]!r}")


def test_a_section_is_deleted(page_of: Callable[..., Any]) -> None:
    page = page_of()
    before = texts(page)
    open_menu(page, 1)
    page.click(".xc-menu .xc-danger")
    page.wait_for_function("document.querySelectorAll('.xc-section').length === " + str(len(before) - 1))
    assert texts(page) == [before[0], *before[2:]]
    open_menu(page, 1)
    page.keyboard.press("Escape")
    page.wait_for_selector(".xc-menu", state="detached")
