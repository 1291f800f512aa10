"""What a person does to one picture of the article: actions on a session, with fakes behind the studio."""

import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from composer.article import Article, Candidate, Illustration, Section
from composer.drafts import DraftStore
from composer.exporting import rendered, to_html, to_markdown, to_text
from tests.fakes import FakeGallery, FakeModel
from ui.session import Session
from ui.studio import Studio
from ui.write import actions
from ui.write.running import whole_article


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    made = Studio(lambda progress: FakeModel(), lambda: FakeGallery(tmp_path), drafts=DraftStore(tmp_path / "data"))
    made.start()
    assert made.model_settled.wait(5)
    assert made.gallery_settled.wait(5)
    yield made
    made.close()


@pytest.fixture
def session(studio: Studio, tmp_path: Path) -> Session:
    """A draft with one picture and its candidates."""
    made = Session()
    made.owner = "browser:a"
    found = tuple(Candidate(f"p{n}", str(tmp_path / f"{n:02d}.png"), caption=f"picture {n}") for n in range(3))
    shown = Illustration("A bowl", alt="Picture 0", candidates=found, chosen=found[0])
    made.article = Article("Cats", (Section("s1", "A cat eats.", illustration=shown), Section("s2", "It sleeps.")))
    ask(studio, made, "title", text="A cat's day")
    return made


def ask(studio: Studio, session: Session, name: str, **more: Any) -> list[dict[str, Any]]:
    return list(actions.quick_action(studio, session, {"act": name, **more})["ops"])


def work(studio: Studio, session: Session, name: str, **more: Any) -> list[dict[str, Any]]:
    [message] = actions.model_action(studio, session, {"act": name, **more})
    return list(message["ops"])


def picture(session: Session) -> Illustration:
    shown = session.article.section("s1").illustration
    assert shown is not None
    return shown


def words(session: Session) -> tuple[str, str]:
    return picture(session).caption, picture(session).alt


def test_caption_and_alternative_text_are_two_steps_and_leave_each_other_alone(
    studio: Studio, session: Session
) -> None:
    ask(studio, session, "caption", id="s1", caption="Supper")
    assert words(session) == ("Supper", "Picture 0")
    ask(studio, session, "alt", id="s1", alt="A blue\nbowl\x00")
    assert words(session) == ("Supper", "A blue bowl")
    assert picture(session).by_hand
    ask(studio, session, "undo")
    assert words(session) == ("Supper", "Picture 0")
    ask(studio, session, "undo")
    assert words(session) == ("A bowl", "Picture 0")
    ask(studio, session, "redo")
    ask(studio, session, "redo")
    assert words(session) == ("Supper", "A blue bowl")


def test_without_an_alternative_text_the_caption_stands_for_it(studio: Studio, session: Session) -> None:
    for same in ("", "A bowl"):
        shown = ask(studio, session, "alt", id="s1", alt=same)[0]["sections"][0]["picture"]
        assert words(session) == ("A bowl", "")
        assert (shown["caption"], shown["alt"]) == ("A bowl", "A bowl")
    ask(studio, session, "caption", id="s1", caption="Supper")
    assert whole_article(studio, session)["sections"][0]["picture"]["alt"] == "Supper"


def test_both_travel_through_json_and_exports(studio: Studio, session: Session) -> None:
    ask(studio, session, "caption", id="s1", caption="Supper")
    ask(studio, session, "alt", id="s1", alt="A blue bowl")
    article = Article.from_json(session.article.to_json())
    assert article == session.article
    assert 'alt="A blue bowl"' in to_html(article)
    assert "![A blue bowl]" in to_markdown(article)
    assert "(A blue bowl)" in to_text(article)
    with zipfile.ZipFile(BytesIO(rendered(article, "docx"))) as document:
        assert 'descr="A blue bowl"' in document.read("word/document.xml").decode()
    assert all("Supper" in written(article) for written in (to_html, to_markdown, to_text))


def test_another_picture_brings_its_own_name_and_keeps_what_a_person_wrote(studio: Studio, session: Session) -> None:
    ask(studio, session, "choose", id="s1", picture="p2")
    assert words(session) == ("A bowl", "Picture 2")
    ask(studio, session, "alt", id="s1", alt="A blue bowl")
    ask(studio, session, "choose", id="s1", picture="p1")
    assert words(session) == ("A bowl", "A blue bowl")


def test_a_search_leaves_the_alternative_text_of_the_picture_that_stays(studio: Studio, session: Session) -> None:
    work(studio, session, "search", id="s1", caption="a boat")
    assert words(session) == ("a boat", "Picture 0")
    assert picture(session).query == "a boat"
    assert picture(session).chosen is not None
