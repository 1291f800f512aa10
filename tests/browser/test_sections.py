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
    page.click(".xc-menu >> text=Simplify")
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


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_sections_are_moved_split_joined_and_deleted(page_of: Callable[..., Any], locale: str) -> None:
    page = page_of(locale=locale)
    split_and_join_while_editing(page)
    move_by_keys_and_mouse(page)
    delete_a_section(page, {"en-US": "Delete", "zh-CN": "删除"}[locale])


def move_by_keys_and_mouse(page: Any) -> None:
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


def split_and_join_while_editing(page: Any) -> None:
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


def delete_a_section(page: Any, word: str) -> None:
    before = texts(page)
    open_menu(page, 1)
    assert page.inner_text(".xc-menu .xc-danger") == word
    page.click(".xc-menu .xc-danger")
    page.wait_for_function("document.querySelectorAll('.xc-section').length === " + str(len(before) - 1))
    assert texts(page) == [before[0], *before[2:]]
    open_menu(page, 1)
    page.keyboard.press("Escape")
    page.wait_for_selector(".xc-menu", state="detached")


def focused(page: Any) -> str:
    """The section that has the focus, by its text."""
    return str(page.evaluate("document.activeElement.closest('.xc-section')?.innerText.trim() ?? 'none'"))


def test_the_focus_stays_with_what_is_moved_and_joined(page_of: Callable[..., Any]) -> None:
    page = page_of()
    before = texts(page)
    page.focus(".xc-section >> nth=1 >> .xc-more")
    for place in (2, 3):
        page.keyboard.press("Alt+ArrowDown")
        page.wait_for_function(
            "([place, text]) => document.querySelectorAll('.xc-section')[place].innerText.includes(text)",
            arg=[place, before[1]],
        )
        assert before[1] in focused(page)
    page.keyboard.press("Alt+ArrowUp")
    page.wait_for_function(f"document.querySelectorAll('.xc-section')[2].innerText.includes('{before[1]}')")
    # Backspace before the first letter: the caret stands where the two texts meet
    before = texts(page)
    page.click(".xc-section >> nth=2 >> .xc-text")
    page.keyboard.press("Control+Home")
    page.keyboard.press("Backspace")
    page.wait_for_selector(".xc-section >> nth=1 >> .xc-edit")
    page.keyboard.type("|")
    assert page.input_value(".xc-edit").replace("**", "") == f"{before[1]} |{before[2]}"
    page.keyboard.press("Backspace")
    page.keyboard.press("Escape")
    # a text of which nothing is left goes
    count = len(texts(page))
    page.click(".xc-section >> nth=2 >> .xc-text")
    page.fill(".xc-edit", "")
    page.keyboard.press("Backspace")
    page.wait_for_function(f"document.querySelectorAll('.xc-section').length === {count - 1}")
    page.wait_for_selector(".xc-section >> nth=1 >> .xc-edit")
    page.keyboard.press("Escape")

    # a new block has nothing in it but what is typed, and goes where nothing is
    page.click(".xc-section >> nth=1 >> .xc-text")
    page.keyboard.press("Control+End")
    page.keyboard.type("/")
    page.click("#xc-block-list")
    page.wait_for_selector(".xc-section[data-kind=list] .xc-edit")
    page.keyboard.type("milk")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".xc-section[data-kind=list] li")
    assert texts(page)[2] == "milk"
    page.click(".xc-section >> nth=1 >> .xc-text")
    page.keyboard.press("Control+End")
    page.keyboard.type("/")
    page.click("#xc-block-quote")
    page.wait_for_selector(".xc-section[data-kind=quote] .xc-edit")
    page.keyboard.press("Escape")
    page.wait_for_selector(".xc-section[data-kind=quote]", state="detached")

    # several paragraphs that are pasted
    page.click(".xc-section >> nth=1 >> .xc-text")
    before = texts(page)
    page.keyboard.press("Control+Home")
    page.evaluate("""() => {
      const data = new DataTransfer();
      data.setData("text/plain", "One.\\n\\n- two\\n- three\\n\\nFour. ");
      const paste = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
      document.activeElement.dispatchEvent(paste);
    }""")
    page.wait_for_selector(".xc-section >> nth=3 >> .xc-edit")
    page.keyboard.type(" Five.")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelectorAll('.xc-section')[3].innerText.startsWith('Four. Five.')")
    assert texts(page)[1:3] == ["One.", "two\nthree"]


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_blocks_are_made_by_a_slash_and_several_sections_chosen(page_of: Callable[..., Any], locale: str) -> None:
    page = page_of(locale=locale)
    before = texts(page)
    page.click(".xc-section >> nth=2 >> .xc-text")
    page.evaluate("document.querySelector('.xc-edit').setSelectionRange(0, 0)")
    page.keyboard.press("/")
    page.wait_for_selector(".xc-block-menu")
    names = page.locator(".xc-block-menu [role=option]").all_inner_texts()
    assert names[5] == {"en-US": "Quotation", "zh-CN": "引用"}[locale]
    for _ in range(5):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_selector(".xc-section[data-kind=quote] .xc-edit")
    assert page.input_value(".xc-edit") == f"> {before[2]}"
    page.keyboard.press("Escape")
    page.click(".xc-section >> nth=4 >> .xc-text")
    page.keyboard.press("End")
    page.keyboard.press("/")
    page.keyboard.press("Escape")  # the menu, not the editing
    assert page.locator(".xc-edit").count() == 1
    page.keyboard.press("/")
    page.click(".xc-block-menu [role=option] >> nth=0")
    page.wait_for_selector(".xc-section >> nth=5 >> .xc-edit")
    page.fill(".xc-edit", "A sentence of mine.")
    page.keyboard.press("Enter")
    page.wait_for_selector(".xc-section >> nth=5 >> text=A sentence of mine.")
    count = page.locator(".xc-section").count()
    open_menu(page, 5)
    page.click(".xc-select-this")
    page.click(".xc-section >> nth=3 >> .xc-more", modifiers=["Shift"])
    assert page.locator(".xc-selected").count() == 3
    assert "3" in page.inner_text(".xc-selection .xc-facts")
    page.click(".xc-selection .xc-danger")
    page.wait_for_function(f"document.querySelectorAll('.xc-section').length === {count - 3}")
    assert page.is_hidden(".xc-selection")


def test_a_slash_that_asks_for_no_block_is_typed(page_of: Callable[..., Any]) -> None:
    page = page_of()
    page.click(".xc-section >> nth=2 >> .xc-text")
    page.fill(".xc-edit", "Cats")
    page.keyboard.type(" and / or Dogs / Horses, 3 / 4, yes /no")
    assert page.input_value(".xc-edit") == "Cats and / or Dogs / Horses, 3 / 4, yes /no"
    page.keyboard.type(" /")
    page.wait_for_selector(".xc-block-menu")
    page.keyboard.press("Backspace")  # takes the slash back, and nothing before it
    assert page.locator(".xc-block-menu").count() == 0
    assert page.input_value(".xc-edit") == "Cats and / or Dogs / Horses, 3 / 4, yes /no "
    page.keyboard.type("//")
    assert page.input_value(".xc-edit").endswith("yes /no /")
    page.keyboard.press("Escape")
