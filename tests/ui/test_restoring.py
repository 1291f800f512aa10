"""A session that knows nothing of the article which a view shows: it asks for it, checks it, and takes it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from composer.article import Article
from composer.exporting import to_markdown
from composer.importing import from_markdown
from tests.fakes import FakeGallery, FakeModel
from ui import view
from ui.session import Session
from ui.studio import Studio
from ui.write import actions
from ui.write.running import whole_article


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    made = Studio(lambda progress: FakeModel(), lambda: FakeGallery(tmp_path_factory.mktemp("pictures")))
    made.start()
    assert made.model_settled.wait(5)
    assert made.gallery_settled.wait(5)
    yield made
    made.close()


@pytest.fixture
def written(studio: Studio) -> Session:
    """A session with an article."""
    made = Session()
    with studio.line.job("made", "made", long=True) as job:
        for event in studio.composer(job).compose("How to take good care of a pet cat"):
            made.article = view.apply_event(made.article, event)
    return made


def ask(studio: Studio, session: Session, name: str, **more: Any) -> list[dict[str, Any]]:
    return list(actions.quick_action(studio, session, {"act": name, **more})["ops"])


def names(operations: list[dict[str, Any]]) -> list[str]:
    return [operation["op"] for operation in operations]


def test_the_article_comes_back_as_it_was(studio: Studio, written: Session) -> None:
    shown = whole_article(studio, written)
    fresh = Session()
    answer = ask(studio, fresh, "restore", shows=written.id, article=shown, language="zh")
    assert names(answer) == ["article", "status"]
    assert fresh.article == written.article
    assert fresh.language == "zh"
    assert answer[0] == {**shown, "revision": answer[0]["revision"]}


def test_an_imported_text_comes_back_to_the_byte(studio: Studio) -> None:
    text = "\ufeff---\r\na: 1\r\n---\r\n# T\r\n\r\nSee [a] and `b`.\r\n* x\r\n\r\n\tcode\r\n\r\n[a]: https://a.b\r\n\r\nEnd"
    session = Session()
    session.article = from_markdown(text)
    shown = json.loads(json.dumps(whole_article(studio, session)))
    fresh = Session()
    ask(studio, fresh, "restore", shows=session.id, article=shown)
    assert fresh.article == session.article
    assert to_markdown(fresh.article) == text


@pytest.mark.parametrize("delayed", [False, True])
def test_markdown_that_was_edited_in_between_is_taken_once(studio: Studio, delayed: bool) -> None:
    session = Session()
    session.article = from_markdown("# T\n\n- a\n\nEnd.\n")
    shown = json.loads(json.dumps(whole_article(studio, session)))
    shown["sections"][0]["edited"] = "- a\n\nNew."
    fresh = Session()
    if delayed:
        edit = {"id": "s1", "text": "- a\n\nNew.", "markdown": True}
        assert names(ask(studio, fresh, "text", **edit, shows=session.id)) == ["hand"]
    ask(studio, fresh, "restore", shows=session.id, article=shown)
    assert to_markdown(fresh.article) == "# T\n\n- a\n\nNew.\n\nEnd.\n"


def test_what_is_done_in_between_is_done_then(studio: Studio, written: Session) -> None:
    fresh = Session()
    paragraph = written.article.sections[1].id
    assert names(ask(studio, fresh, "text", id=paragraph, text="A new sentence.", shows=written.id)) == ["hand"]
    assert names(ask(studio, fresh, "wait", shows=written.id)) == ["hand"]
    work = {"act": "search", "id": written.article.illustrated[0].id, "query": "a boat", "shows": written.id}
    [message] = actions.model_action(studio, fresh, work)
    assert names(message["ops"]) == ["hand"]
    assert names(ask(studio, fresh, "copy", kind="rich", shows=written.id)) == ["hand"]
    [message] = actions.export_action(studio, fresh, {"format": "html", "shows": written.id})
    assert names(message["ops"]) == ["hand"]
    shown = whole_article(studio, written)
    answer = ask(studio, fresh, "restore", shows=written.id, article=shown)
    assert names(answer) == ["article", "status", "article", "again", "copy", "again"]
    assert answer[3]["value"] == work
    assert answer[5]["value"] == {"act": "export", "format": "html", "shows": written.id}
    assert fresh.article.section(paragraph).text == "A new sentence."
    assert names(ask(studio, fresh, "title", text="Cats", shows=written.id)) == ["article"]  # known from now on


def test_a_session_with_an_article_takes_no_other(studio: Studio, written: Session) -> None:
    before = written.article
    assert names(ask(studio, written, "text", id="s1", text="x", shows="another"))[0] == "article"
    shown = {**whole_article(studio, written), "title": "Another one"}
    ask(studio, written, "restore", shows="another", article=shown)
    assert written.article.title == before.title


def test_a_picture_that_is_nowhere_is_said(studio: Studio, written: Session) -> None:
    shown = whole_article(studio, written)
    picture = next(section["picture"] for section in shown["sections"] if section["picture"])
    picture["chosen"]["id"] = "gone"
    fresh = Session()
    answer = ask(studio, fresh, "restore", shows=written.id, article=shown)
    assert answer[-1]["text"].endswith("no longer in the gallery: 1.")
    assert len(fresh.article.illustrated) == len(written.article.illustrated)
    assert fresh.article.used_pictures < written.article.used_pictures


def test_a_view_names_no_file_of_this_machine(studio: Studio, written: Session, tmp_path: Path) -> None:
    secret = tmp_path / "private.png"
    Image.new("RGB", (8, 8)).save(secret)
    shown = whole_article(studio, written)
    for section in shown["sections"]:
        if section["picture"]:
            section["picture"]["chosen"] |= {"id": "upload-1", "path": str(secret), "caption": "forged"}
            section["picture"]["candidates"] = []
    fresh = Session()
    answer = ask(studio, fresh, "restore", shows=written.id, article=shown, uploads={"upload-1": str(secret)})
    assert not fresh.article.used_pictures
    assert "no longer in the gallery" in answer[-1]["text"]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"sections": None}, "sections: "),
    ({"title": 5}, "title: it must be text."),
    ({"language": "xx"}, "language: it must be 'en' or 'zh'."),
    ({"revision": 10**30}, "revision: it must be at most"),
    ({"sections": [{"id": "s1", "kind": "paragraph", "text": "x"}] * 2}, "two paragraphs have the same id"),
    ({"sections": [{"id": "../x", "kind": "paragraph", "text": "x"}]}, "sections.0.id: "),
]


@pytest.mark.parametrize(("wrong", "said"), WRONG)
def test_what_is_no_article_is_refused_with_the_field(
    studio: Studio, written: Session, wrong: dict[str, Any], said: str
) -> None:
    fresh = Session()
    ask(studio, fresh, "title", text="x", shows=written.id)
    [operation] = ask(studio, fresh, "restore", shows=written.id, article={**whole_article(studio, written), **wrong})
    assert operation["op"] == "notice"
    assert said in operation["text"]
    assert "Copy what you need" in operation["text"]
    assert fresh.article == Article("")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters() | st.just("\ud83d"), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "kind", "text", "level", "picture", "chosen", "caption"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(["title", "language", "sections", "revision", "parameters"]), JSON) | JSON)
def test_any_json_is_an_article_or_a_sentence(studio: Studio, sent: Any) -> None:
    fresh = Session()
    answer = ask(studio, fresh, "restore", shows="x", article=sent)
    assert names(answer)[0] in ("article", "notice")
    assert "Something went wrong" not in str(answer)
    fresh.article.to_json().encode()  # no half of a character is in it


def test_a_wait_for_what_was_lost_ends(studio: Studio) -> None:
    assert ask(studio, Session(), "wait") == [{"op": "status", "state": "idle"}]
