"""Gaps in what comes to the article view, and what the program did not get: what is asked for and given once more."""
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
    view.fill("#xc-query", "  ")
    view.press("#xc-query", "Enter")
    assert [kind for kind, _ in view.evaluate("window.sent")] == []
    view.fill("#xc-query", "a full bowl")
    view.press("#xc-query", "Enter")
    assert view.evaluate("window.sent")[-1] == ["work", {"act": "search", "id": "s1", "query": "a full bowl"}]


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


def test_words_that_the_program_did_not_get_are_given_once_more(view: Any, send: Callable[..., None]) -> None:
    """The program ended before it had a finished text: it comes back with the article as it was before."""
    before = whole(paragraph("s1", "A bowl of water."))
    send(before)
    view.click(".xc-text")
    view.fill(".xc-edit", "A bowl of fresh water.")
    view.press(".xc-edit", "Enter")
    edit = {"act": "text", "id": "s1", "text": "A bowl of fresh water."}

    def edits() -> list[Any]:
        return [value for _, value in sent(view) if value["act"] == "text"]

    assert edits() == [edit]
    send(before, session="b", n=1)
    again = {**edit, "over": "A bowl of water."}  # if that still stands there
    assert edits() == [edit, again]
    assert view.inner_text(".xc-article .xc-text") == "A bowl of water."
    send(whole(paragraph("s1", "A bowl of fresh water.")), session="b", n=2)
    send(before, session="b", n=3)  # undone: the words are not given again
    assert edits() == [edit, again]
    send(before, session="c", n=1)
    assert edits() == [edit, again], "nor to another session"


def test_words_of_a_text_that_has_changed_since_are_not_given_again(view: Any, send: Callable[..., None]) -> None:
    send(whole(paragraph("s1", "A bowl of water.")))
    view.click(".xc-text")
    view.fill(".xc-edit", "Mine.")
    view.press(".xc-edit", "Enter")
    send(whole(paragraph("s1", "Another's.")), session="b", n=1)
    assert [value["text"] for _, value in sent(view) if value["act"] == "text"] == ["Mine."]
