"""A telephone used with keys alone: whatever has the focus can be seen."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import Server, write

pytestmark = pytest.mark.browser
PHONE = {"width": 375, "height": 740}
# whether what has the focus is of that element, and nothing else lies over it
SEEN = """(within) => {
  const node = document.activeElement;
  const { left, top, width, height } = node.getBoundingClientRect();
  const over = document.elementFromPoint(left + width / 2, top + height / 2);
  return Boolean(node.closest(within)) && Boolean(over) && (node.parentNode.contains(over) || over.contains(node));
}"""


def goes_round(page: Any, within: str) -> int:
    """Presses Tab until the focus is where it was, forth and back. Returns how many stops there are."""
    first = page.evaluate_handle("document.activeElement")
    for key in ("Tab", "Shift+Tab"):
        stops = 0
        while not stops or not first.evaluate("first => first === document.activeElement"):
            page.keyboard.press(key)
            stops += 1
            page.wait_for_function(SEEN, arg=within, timeout=2000)  # it may be scrolled to
            assert stops < 60
    return stops


@pytest.mark.parametrize(("number", "drawer"), [(0, "#xc-drafts"), (1, "#xc-chats")])
def test_the_drawer_has_the_keyboard_to_itself(
    server: Server, visit: Callable[..., Any], number: int, drawer: str
) -> None:
    page = visit(server, **PHONE)
    write(page)
    page.click(f"[role=tab] >> nth={number}")
    page.click(f"{drawer} .xc-drafts-toggle")
    page.wait_for_selector(f"{drawer} .xc-drafts-panel")
    page.wait_for_timeout(300)  # the list is there
    assert goes_round(page, f"{drawer} .xc-drafts-panel") >= 3
    page.click(f"{drawer} .xc-drafts-panel h2")  # the focus is nowhere
    page.keyboard.press("Tab")
    assert page.evaluate(SEEN, f"{drawer} .xc-drafts-panel")
    page.click(f"{drawer} .xc-drafts-panel h2")
    page.keyboard.press("Escape")
    page.wait_for_selector(f"{drawer} .xc-drafts-panel", state="hidden")


def test_the_sheet_of_a_picture_is_gone_through_and_shut_by_keys(server: Server, visit: Callable[..., Any]) -> None:
    page = visit(server, **PHONE)
    write(page)
    page.focus(".xc-picture")
    page.keyboard.press("Enter")
    page.wait_for_selector(".xc-panel")
    assert goes_round(page, ".xc-panel") > 12
    page.keyboard.press("Escape")
    page.wait_for_selector(".xc-panel", state="hidden")
    page.wait_for_selector(".xc-picture:focus")
