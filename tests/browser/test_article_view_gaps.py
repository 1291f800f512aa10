"""Gaps in what comes to the article view, and silence: what is asked for, and what cannot be done meanwhile."""
# ruff: noqa: F811 - a fixture is imported and is an argument

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.test_article_view import paragraph, picture, send, sent, tab, view, whole  # noqa: F401 - fixtures

pytestmark = pytest.mark.browser


def test_a_gap_is_noticed_after_the_server_began_anew(view: Any, send: Callable[..., None]) -> None:
    send({"op": "section", "section": paragraph("s1", "A cat")})
    send({"op": "text", "id": "s1", "at": 9, "text": "sits"}, n=50)
    send({"op": "section", "section": paragraph("s1", "A cat")}, n=1, session="b")
    send({"op": "text", "id": "s1", "at": 9, "text": "sits"}, n=2, session="b")
    assert sent(view) == [["select", {"act": "resync"}]] * 2


def test_an_empty_caption_is_not_searched(view: Any, send: Callable[..., None]) -> None:
    send(whole(paragraph("s1", "Text.", picture=picture(count=0))))
    view.click(".xc-picture")
    view.fill("#xc-caption", "  ")
    view.press("#xc-caption", "Enter")
    assert [kind for kind, _ in view.evaluate("window.sent")] == []
    view.fill("#xc-caption", "a full bowl")
    view.press("#xc-caption", "Enter")
    assert view.evaluate("window.sent")[-1] == ["work", {"act": "search", "id": "s1", "caption": "a full bowl"}]


def test_nothing_can_be_edited_while_the_model_writes(view: Any, send: Callable[..., None]) -> None:
    send(whole(paragraph("s1", "Text.")))
    send({"op": "status", "state": "running", "step": "write", "steps": ["write"], "done": 0, "total": 0})
    view.dblclick(".xc-text")
    assert view.locator(".xc-edit").count() == 0
    view.click(".xc-stop")
    assert view.evaluate("window.sent") == [["halt", {}]]


def test_what_never_came_is_asked_for(view: Any, send: Callable[..., None]) -> None:
    """The page may lose the last of several answers that come at the same moment, and nothing follows it."""
    send(whole(paragraph("s1", "One.")))
    send({"op": "status", "state": "running", "step": "write", "steps": ["write"], "done": 0, "total": 0})
    assert sent(view) == []
    view.evaluate("() => { const now = performance.now.bind(performance); performance.now = () => now() + 9000; }")
    view.wait_for_function("window.sent.length === 1")
    send({"op": "status", "state": "done", "steps": ["write"], "seconds": {}}, n=4)  # the one before it is missing
    send({"op": "status", "state": "done", "steps": ["write"], "seconds": {}}, n=6)  # again, too soon
    view.wait_for_function("window.sent.length === 3")
    assert sent(view) == [["select", {"act": "resync"}]] * 3
    send(whole(paragraph("s1", "One.")))
    view.wait_for_timeout(3200)
    assert len(sent(view)) == 3, "all has come"
