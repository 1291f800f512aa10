"""What a browser says it has kept of a tab is checked before it is used."""

import pytest

from ui.kept import LONGEST_QUESTION, FormSettings, Kept, read_form, read_kept


def test_what_was_kept_is_read() -> None:
    kept = read_kept({"tab": "chat", "title": "A cat\ud83d", "question": None, "chat": {"shown": [], "owner": "a1"}})
    assert kept.tab == "chat"
    assert kept.title == "A cat\ufffd"
    assert kept.question is None
    assert kept.chat is not None
    assert kept.chat.owner == "a1"


@pytest.mark.parametrize(
    "sent",
    [
        None,
        [],
        "x",
        {"tab": "other"},
        {"title": 5},
        {"question": "x" * (LONGEST_QUESTION + 1)},
        {"chat": {"shown": {}, "owner": "a"}},
        {"chat": {"shown": [], "owner": "a" * 65}},
    ],
)
def test_what_has_not_the_form_is_nothing(sent: object) -> None:
    assert read_kept(sent) == Kept()


def test_of_the_forms_settings_those_are_read_that_can_be() -> None:
    sent = {"pictures": "31", "tone": "news\ud83d", "temperature": 1.2, "penalty": "much", "select": False, "other": 1}
    assert read_form(sent) == FormSettings(tone="news\ufffd", temperature=1.2, select=False)
    assert read_form({"pictures": "30", "top_p": float("nan"), "beams": 7}) == FormSettings(pictures="30")


@pytest.mark.parametrize("sent", [None, [], "x", {}])
def test_no_settings_are_none(sent: object) -> None:
    assert read_form(sent) == FormSettings()
