"""A session's article as a draft, without a page."""

from pathlib import Path
from typing import Any

import pytest

from composer.article import Article, Section
from composer.drafts import DraftStore
from ui.drafts import owner_of
from ui.drafts.listing import DraftsList
from ui.drafts.owners import proof_of
from ui.session import Session
from ui.studio import Studio
from ui.write import actions, draft_at_arrival
from ui.write.running import run_messages, whole_article

CAT = "How to take good care of a pet cat"


@pytest.fixture
def session(studio: Studio) -> Session:
    """A session whose article was written just now."""
    made = Session()
    made.owner = "browser:a"
    list(run_messages(studio, made, lambda run: studio.composer(run.job).compose(CAT, stop=run.stop)))
    return made


def ask(studio: Studio, session: Session, name: str, **more: Any) -> list[dict[str, Any]]:
    return list(actions.quick_action(studio, session, {"act": name, **more})["ops"])


def store(studio: Studio) -> DraftStore:
    assert studio.drafts is not None
    return studio.drafts


def test_an_owner_is_a_login_or_a_key() -> None:
    key = "0123456789abcdef" * 3
    assert owner_of("ann", key) == "login:ann"
    owner = owner_of(None, key)
    assert owner is not None
    assert owner.startswith("browser:")
    assert key not in owner
    assert owner_of(None, key[:-1] + "0") != owner
    for wrong in (None, "", "short", 5, "x" * 48, [key]):
        assert owner_of(None, wrong) is None


def test_a_composition_is_one_step_and_an_edit_another(studio: Studio, session: Session) -> None:
    assert session.draft is not None
    drafts = store(studio).of("browser:a")
    assert [version.what for version in drafts.versions(session.draft.id, steps=True)] == ["write"]
    assert drafts.load(session.draft.id).article == session.article
    before = session.article
    answer = ask(studio, session, "text", id="s2", text="My own sentence.")
    assert answer[-1]["op"] == "draft"
    assert answer[-1]["undo"] is True
    whole, *_others, draft = ask(studio, session, "undo")
    assert whole["sections"][1]["text"] == before.section("s2").text
    assert whole["revision"] == draft["revision"] > answer[0]["revision"]
    assert (draft["undo"], draft["redo"]) == (False, True)
    assert ask(studio, session, "redo")[0]["sections"][1]["text"] == "My own sentence."


def steps(studio: Studio, session: Session) -> list[str]:
    assert session.draft is not None
    return [version.what for version in store(studio).of("browser:a").versions(session.draft.id, steps=True)]


def test_what_is_being_typed_is_kept_and_is_one_step_with_its_end(studio: Studio, session: Session) -> None:
    assert session.draft is not None
    before = session.article.section("s2").text
    for words in ("My", "My own", "My own sen"):
        assert [one["op"] for one in ask(studio, session, "typing", id="s2", text=words)] == ["draft"]
        assert store(studio).of("browser:a").load(session.draft.id).article.section("s2").text == words
    ask(studio, session, "text", id="s2", text="My own sentence.")
    assert sorted(steps(studio, session)) == ["text", "write"]
    ask(studio, session, "typing", id="", text="A title")
    ask(studio, session, "title", id="", text="A title of my own")
    assert sorted(steps(studio, session)) == ["text", "title", "write"]
    ask(studio, session, "typing", id="s2", text="Something else")
    assert sorted(steps(studio, session)) == ["text", "text", "title", "write"], "another step after another section"
    for _ in range(2):
        ask(studio, session, "undo")
    assert session.article.title == CAT
    assert session.article.section("s2").text == "My own sentence."
    assert ask(studio, session, "undo")[0]["sections"][1]["text"] == before


def test_what_was_typed_and_given_up_is_undone(studio: Studio, session: Session) -> None:
    before = session.article.section("s2").text
    ask(studio, session, "typing", id="s2", text="Never")
    ask(studio, session, "typing", id="s2", text="Never kept")
    [whole, *_others, draft] = ask(studio, session, "untype", id="s2", text=before)
    assert whole["sections"][1]["text"] == before
    assert (draft["undo"], draft["redo"]) == (False, True), "and can be had again"
    ask(studio, session, "typing", id="s2", text="Never kept")
    ask(studio, session, "width", id="s1", width="full")  # another step meanwhile
    assert ask(studio, session, "untype", id="s2", text=before)[0]["sections"][1]["text"] == before
    assert ask(studio, session, "typing", id="s99", text="of a section that went") == []


def test_what_changes_nothing_is_no_step(studio: Studio, session: Session) -> None:
    assert session.draft is not None
    before = session.draft.step
    answer = ask(studio, session, "text", id="s2", text=session.article.section("s2").text)
    assert session.draft.step == before
    assert answer[-1] == {**answer[-1], "op": "draft", "revision": session.article.revision}  # and it is saved
    ask(studio, session, "resync")
    assert session.draft.step == before


def test_a_restarted_program_goes_on_with_the_draft(studio: Studio, session: Session) -> None:
    assert session.draft is not None
    shown = whole_article(studio, session)
    shown["sections"][1]["text"] = "Typed while the program was away."
    fresh = Session()
    fresh.owner = "browser:a"
    answer = ask(studio, fresh, "restore", shows=session.id, article=shown, draft=session.draft.id)
    assert fresh.draft is not None
    assert fresh.draft.id == session.draft.id
    assert answer[-1]["undo"] is True
    assert ask(studio, fresh, "undo")[0]["sections"][1]["text"] == session.article.section("s2").text
    assert len(store(studio).of(None).list()) == 1
    stranger = Session()
    stranger.owner = "browser:b"  # whoever shows another's draft has what he shows, as a draft of his own
    ask(studio, stranger, "restore", shows=session.id, article=shown, draft=session.draft.id)
    assert stranger.draft is not None
    assert stranger.draft.id != session.draft.id


def test_what_the_view_had_as_it_was_saved_is_no_new_step(studio: Studio, session: Session) -> None:
    assert session.draft is not None
    fresh = Session()
    fresh.owner = "browser:a"
    shown = whole_article(studio, session)
    ask(studio, fresh, "restore", shows=session.id, article=shown, draft=session.draft.id)
    assert fresh.draft is not None
    assert fresh.draft.step == session.draft.step
    assert fresh.article.used_pictures == session.article.used_pictures


def test_a_page_begins_with_the_draft_of_its_address(studio: Studio, session: Session) -> None:
    assert session.draft is not None
    fresh = Session()
    fresh.owner = "browser:a"
    whole, draft = draft_at_arrival(studio, fresh, session.draft.id, newer=False, shown="")
    assert whole["title"] == CAT
    assert draft["id"] == session.draft.id
    assert ask(studio, fresh, "text", id="s2", text="More.")[-1]["undo"] is True
    assert draft_at_arrival(studio, Session(), None, newer=False, shown="") == []
    handed = Session()
    handed.owner = "browser:a"
    assert draft_at_arrival(studio, handed, session.draft.id, newer=True, shown="") == []  # the view hands it over
    stranger = Session()
    stranger.owner = "browser:b"
    [notice] = draft_at_arrival(studio, stranger, session.draft.id, newer=False, shown="")
    assert "There is no draft" in notice["text"]
    assert not stranger.has_article


def test_another_draft_is_opened_and_a_new_one_begun(studio: Studio, session: Session) -> None:
    assert session.draft is not None
    first = session.draft.id
    assert [operation["op"] for operation in ask(studio, session, "new")] == [
        "fresh",
        "box",
        "status",
        "proposal",
        "draft",
    ]
    assert not session.has_article
    assert len(store(studio).of(None).list()) == 1
    answer = ask(studio, session, "draft", id=first)
    assert [operation["op"] for operation in answer][:3] == ["fresh", "box", "article"]
    assert session.article.title == CAT
    [notice] = ask(studio, session, "draft", id="nonsense")
    assert "There is no draft 'nonsense'" in notice["text"]
    assert session.article.title == CAT


def test_without_a_store_or_a_key_nothing_is_kept(studio: Studio, tmp_path: Path) -> None:
    nobody = Session()
    list(run_messages(studio, nobody, lambda run: studio.composer(run.job).compose(CAT, stop=run.stop)))
    ask(studio, nobody, "text", id="s2", text="More.")
    assert store(studio).of(None).list() == []
    assert ask(studio, nobody, "undo")[0]["op"] == "article"


def test_the_list_is_of_one_owner_and_every_answer_is_one(studio: Studio) -> None:
    mine = store(studio).of("login:ann").create(Article("Mine", (Section("s1", "Text."),)))
    listing = DraftsList(studio)
    ann, bob = (proof_of(studio.secret, owner) for owner in ("login:ann", "login:bob"))
    [shown] = listing.answer({"act": "list", "proof": ann})["drafts"]
    assert (shown["title"], shown["words"], shown["thumb"]) == ("Mine", 1, "")
    forged = proof_of(b"another secret", "login:ann")
    for other in ({"proof": bob}, {"key": "0" * 48}, {"proof": forged, "key": "0" * 48}):
        assert listing.answer({"act": "list", **other})["drafts"] == []
    assert "forbids" in listing.answer({"act": "list", "proof": forged})["problem"]
    assert "no draft" in listing.answer({"act": "delete", "id": mine.id, "proof": bob})["problem"]
    copy = listing.answer({"act": "duplicate", "id": mine.id, "language": "zh", "proof": ann})
    assert copy["draft"]["title"] == "Mine（副本）"
    for wrong in (None, [], {}, {"act": "list", "count": 10**9}, {"act": "rename", "id": mine.id}, {"act": "__init__"}):
        assert "did not work" in listing.answer(wrong)["problem"]


def test_versions_are_listed_and_compared(studio: Studio) -> None:
    drafts = store(studio).of("login:ann")
    draft = drafts.create(Article("Cats", (Section("s1", "A cat."),)))

    def answer(owner: str = "login:ann", **asked: Any) -> dict[str, Any]:
        return DraftsList(studio).answer({**asked, "id": draft.id, "proof": proof_of(studio.secret, owner)})

    assert answer(act="name", name="First") == {"step": 1}
    drafts.save(draft.id, draft.article.with_text("s1", "A dog."), after=draft.step)
    [named] = answer(act="versions")["versions"]
    assert (named["name"], named["step"], named["present"]) == ("First", 1, False)
    assert len(answer(act="versions", all=True)["versions"]) == 2
    changes = answer(act="compare", step=1)["changes"]
    assert [change["kind"] for change in changes] == ["same", "changed"]
    assert {"kind": "removed", "text": "cat"} in changes[1]["pieces"]
    again = drafts.save(draft.id, draft.article.with_text("s1", "A cow."), after=2)
    assert again.step == 3
    changes = answer(act="compare", step=1, other=2)["changes"]
    assert {"kind": "added", "text": "dog"} in changes[1]["pieces"]
    assert "no version or step '7'" in answer(act="compare", step=7)["problem"]
    assert "no version or step '7'" in answer(act="compare", step=1, other=7)["problem"]
    assert "no draft" in answer("login:bob", act="versions")["problem"]


def test_a_version_is_restored_as_the_next_step(studio: Studio, session: Session) -> None:
    assert session.draft is not None
    first, before = session.draft.step, session.article.section("s2").text
    ask(studio, session, "text", id="s2", text="Another.")
    whole, *_others, draft = ask(studio, session, "version", step=first)
    assert whole["sections"][1]["text"] == before
    assert draft["undo"] is True
    assert ask(studio, session, "undo")[0]["sections"][1]["text"] == "Another."
    [notice] = ask(studio, session, "version", step=99)
    assert "no version or step '99'" in notice["text"]
