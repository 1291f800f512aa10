"""The endpoint /drafts: a person's or a program's own drafts, and nobody else's."""

from typing import Any

import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from tests.ui.conftest import LOGINS

KEY, OTHER = "a1" * 16, "b2" * 16


@pytest.fixture
def article(client: Client) -> Any:
    return client.predict("Where herons nest", pictures=1, seed=7, api_name="/compose")


def drafts(client: Client, action: str, *, key: str = KEY, **arguments: Any) -> Any:
    return client.predict(action=action, key=key, **arguments, api_name="/drafts")


def texts(article: Any) -> list[str]:
    return [section["text"] for section in article["sections"]]


def test_a_draft_is_saved_shown_changed_restored_and_deleted(client: Client, served: Any, article: Any) -> None:
    saved = drafts(client, "save", article=article)
    first = saved["draft"]
    assert (first["title"], first["pictures"], saved["notes"]) == ("Where herons nest", 1, [])
    assert httpx.get(served[1] + first["thumb"]).headers["content-type"].startswith("image/")

    shown = drafts(client, "show", id=first["id"])
    assert texts(shown["article"]) == texts(article)
    [picture] = [section["picture"] for section in shown["article"]["sections"] if section["picture"]]
    assert httpx.get(served[1] + picture["chosen"]["src"]).content.startswith(b"\x89PNG")

    changed = shown["article"]
    changed["sections"][1]["text"] = "Herons nest in trees, many together."
    second = drafts(client, "save", id=first["id"], after=shown["draft"]["step"], article=changed)["draft"]
    assert second["step"] > first["step"]
    assert [step["step"] for step in drafts(client, "show", id=first["id"])["steps"]] == [second["step"], first["step"]]
    with pytest.raises(AppError, match="was changed elsewhere in the meantime"):
        drafts(client, "save", id=first["id"], after=first["step"], article=article)
    with pytest.raises(AppError, match="was changed elsewhere in the meantime"):
        drafts(client, "restore", id=first["id"], step=first["step"], after=first["step"])

    restored = drafts(client, "restore", id=first["id"], step=first["step"], after=second["step"])["draft"]
    assert texts(drafts(client, "show", id=first["id"])["article"]) == texts(article)
    assert texts(drafts(client, "show", id=first["id"], step=second["step"])["article"]) == texts(changed)
    assert restored["step"] > second["step"]

    assert drafts(client, "delete", id=first["id"])["draft"]["deleted"]
    assert first["id"] not in [one["id"] for one in drafts(client, "list")["drafts"]]
    assert first["id"] in [one["id"] for one in drafts(client, "list", deleted=True)["drafts"]]
    with pytest.raises(AppError, match="There is no draft"):
        drafts(client, "show", id=first["id"])
    assert not drafts(client, "restore", id=first["id"])["draft"]["deleted"]


def test_drafts_are_searched_and_counted(client: Client, article: Any) -> None:
    key = "c3" * 16
    for title in ("Herons of the lake", "Herons of the sea", "Owls"):
        drafts(client, "save", key=key, article={**article, "title": title})
    assert [one["title"] for one in drafts(client, "list", key=key, search="HERONS")["drafts"]] == [
        "Herons of the sea",
        "Herons of the lake",
    ]
    some = drafts(client, "list", key=key, limit=2)
    assert ([one["title"] for one in some["drafts"]], some["more"]) == (["Owls", "Herons of the sea"], True)
    assert drafts(client, "list", key=key)["more"] is False


def test_a_text_of_ones_own_comes_back_as_it_was(client: Client, served: Any) -> None:
    own = "Intro line\r\n==========\r\n\r\nA cat sleeps.  \r\n- [ ] cat food\r\n"
    illustrated = client.predict(own, pictures=0, api_name="/illustrate")
    saved = drafts(client, "save", article=illustrated)["draft"]
    shown = drafts(client, "show", id=saved["id"])["article"]
    made = client.predict(shown, format="md", api_name="/export")
    assert httpx.get(served[1] + made["file"]).content.decode() == own


def test_a_picture_that_left_the_gallery_stays_in_the_draft(client: Client, served: Any, article: Any) -> None:
    saved = drafts(client, "save", article=article)["draft"]
    kept = served[0].gallery.pictures
    served[0].gallery.pictures = {}
    try:
        shown = drafts(client, "show", id=saved["id"])
        again = drafts(client, "save", id=saved["id"], after=saved["step"], article=shown["article"])
        assert (again["draft"]["pictures"], again["notes"]) == (1, [])
        elsewhere = drafts(client, "save", article=shown["article"])
        assert elsewhere["draft"]["pictures"] == 0
        assert "left out: 1" in elsewhere["notes"][0]
    finally:
        served[0].gallery.pictures = kept


def test_another_key_sees_nothing(client: Client, article: Any) -> None:
    mine = drafts(client, "save", article=article)["draft"]
    assert drafts(client, "list", key=OTHER)["drafts"] == []
    for action in ("show", "delete", "restore"):
        with pytest.raises(AppError, match=f"There is no draft '{mine['id']}' here"):
            drafts(client, action, key=OTHER, id=mine["id"])
    with pytest.raises(AppError, match="There is no draft"):
        drafts(client, "save", key=OTHER, id=mine["id"], after=mine["step"], article=article)


def test_with_logins_drafts_are_those_of_the_login(client: Client, guarded: Any, article: Any) -> None:
    ann, other = (Client(f"{guarded[1]}", auth=login, verbose=False, analytics_enabled=False) for login in LOGINS)
    drafts(ann, "save", article=article)
    assert [one["title"] for one in drafts(ann, "list", key="")["drafts"]] == ["Where herons nest"]
    assert drafts(other, "list", key=KEY)["drafts"] == [], "a key opens nothing where there are logins"
    [kept] = guarded[0].drafts.of(None).list()
    assert kept.owner == "login:ann"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"action": "burn"}, "'action' is 'burn': it must be 'list', 'show', 'save', 'restore' or 'delete'"),
        ({"action": "list", "key": "short"}, "'key' must be 32 to 128 hexadecimal digits"),
        ({"action": "list", "key": ""}, "'key' must be 32 to 128 hexadecimal digits"),
        ({"action": "list", "limit": 0}, "'limit' is 0"),
        ({"action": "show"}, "Say which draft"),
        ({"action": "show", "id": "nothing"}, "There is no draft 'nothing' here"),
        ({"action": "save"}, "Send what is to be saved as 'article'"),
        ({"action": "save", "article": {"title": "A"}}, "language: it is missing"),
        ({"action": "save", "article": {"title": "A", "language": "en", "sections": []}}, "has no paragraph"),
        ({"action": "save", "id": "x", "article": {}}, "Send as 'after' the step"),
        ({"action": "save", "id": "x", "after": 1, "article": {}}, "There is no draft 'x'"),
        ({"action": "restore", "id": "x", "step": 2}, "There is no draft 'x'"),
        ({"action": "delete", "id": "x" * 65}, "The argument 'id' is 'x.*x': it has more than 64 characters."),
    ],
)
def test_a_call_that_cannot_be_made_is_answered_with_a_sentence(
    client: Client, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(AppError, match=said):
        client.predict(**{"key": KEY, **arguments}, api_name="/drafts")


def test_a_step_that_is_not_there_is_said_with_those_that_are(client: Client, article: Any) -> None:
    mine = drafts(client, "save", article=article)["draft"]
    with pytest.raises(AppError, match=r"no version or step '99'. There are: 1 . 1"):
        drafts(client, "show", id=mine["id"], step=99)
