"""What a person does to one picture of the article: actions on a session, with fakes behind the studio."""

import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from composer.article import Article, Candidate, Evidence, Illustration, Section
from composer.exporting import rendered, to_html, to_markdown, to_text
from ui.session import Session
from ui.studio import Studio
from ui.write import actions
from ui.write.running import whole_article


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
    work(studio, session, "search", id="s1", query="a boat")
    assert words(session) == ("A bowl", "Picture 0")
    assert picture(session).query == "a boat"
    assert picture(session).chosen is not None


# -- the text beside a picture has changed -----------------------------------------------------------


def marked(session: Session) -> list[str]:
    """Ids of the sections whose pictures bear the mark."""
    return [s.id for s in session.article if s.illustration and s.illustration.text_changed]


def with_other_text(studio: Studio, session: Session) -> None:
    ask(studio, session, "text", id="s1", text="A dog barks.")
    assert marked(session) == ["s1"]


@pytest.mark.parametrize(
    "edit",
    [
        {"act": "text", "id": "s1", "text": "A dog barks."},
        {"act": "text", "id": "s1", "text": "A *dog* barks.\n", "markdown": True},
        {"act": "join", "id": "s2"},
    ],
)
def test_an_edit_of_the_paragraph_marks_its_picture(studio: Studio, session: Session, edit: dict[str, Any]) -> None:
    shown = actions.quick_action(studio, session, edit)["ops"][0]["sections"][0]["picture"]
    assert shown["text_changed"] is True
    assert marked(session) == ["s1"]
    ask(studio, session, "undo")
    assert marked(session) == []


def test_a_split_marks_the_picture_where_it_stands_then(studio: Studio, session: Session) -> None:
    ask(studio, session, "split", id="s1", first="A cat", second="eats.")
    assert marked(session) == [session.article.sections[1].id]


def test_what_the_model_wrote_anew_marks_the_picture_once_it_is_taken(studio: Studio, session: Session) -> None:
    list(actions.model_action(studio, session, {"act": "rewrite", "id": "s1", "task": "rewrite"}))
    assert marked(session) == []
    ask(studio, session, "accept", dropped=[])
    assert marked(session) == ["s1"]


def test_other_edits_mark_nothing(studio: Studio, session: Session) -> None:
    ask(studio, session, "text", id="s1", text="A **cat** eats!")
    ask(studio, session, "text", id="s2", text="It purrs.")
    ask(studio, session, "title", text="Dogs")
    ask(studio, session, "move", id="s1", before=None)
    ask(studio, session, "caption", id="s1", caption="Supper")
    assert marked(session) == []


@pytest.mark.parametrize("decision", [{"act": "choose", "picture": "p0"}, {"act": "still_fits"}])
def test_a_decision_takes_the_mark_away(studio: Studio, session: Session, decision: dict[str, Any]) -> None:
    with_other_text(studio, session)
    actions.quick_action(studio, session, {"id": "s1", **decision})
    assert marked(session) == []
    assert picture(session).chosen is not None
    assert picture(session).by_hand  # planning the pictures again keeps it
    ask(studio, session, "undo")
    assert marked(session) == ["s1"]


def test_new_candidates_stand_beside_the_picture_until_a_person_decides(studio: Studio, session: Session) -> None:
    with_other_text(studio, session)
    before = picture(session)
    operations = work(studio, session, "propose", id="s1")
    after = picture(session)
    assert operations[-1] == {"op": "open", "id": "s1"}
    assert (after.caption, after.alt, after.chosen) == (before.caption, before.alt, before.chosen)
    assert after.candidates[0] == before.chosen
    assert any(one.fit is not None for one in after.candidates[1:])  # judged beside the text of now
    assert marked(session) == ["s1"]
    ask(studio, session, "choose", id="s1", picture=after.candidates[1].id)
    assert marked(session) == []


def test_the_mark_is_in_the_draft_and_comes_back_from_the_view(studio: Studio, session: Session) -> None:
    with_other_text(studio, session)
    assert session.draft is not None
    assert studio.drafts is not None
    stored = studio.drafts.of("browser:a").load(session.draft.id).article.section("s1").illustration
    assert stored is not None
    assert stored.text_changed
    shown, fresh = whole_article(studio, session), Session()
    ask(studio, fresh, "restore", shows=session.id, article=shown)
    assert marked(fresh) == ["s1"]


# -- its width ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", ["half", "full"])
def test_a_width_is_a_step_and_travels(studio: Studio, session: Session, width: str) -> None:
    shown = ask(studio, session, "width", id="s1", width=width)[0]["sections"][0]["picture"]
    assert shown["width"] == width
    assert picture(session).by_hand
    assert Article.from_json(session.article.to_json()) == session.article
    assert f'<figure class="{width}">' in to_html(session.article)
    fresh = Session()
    ask(studio, fresh, "restore", shows=session.id, article=whole_article(studio, session))
    assert picture(fresh).width == width
    ask(studio, session, "choose", id="s1", picture="p1")
    assert picture(session).width == width
    ask(studio, session, "undo")
    ask(studio, session, "undo")
    assert picture(session).width == "column"
    assert "<figure>" in to_html(session.article)


def test_an_unknown_width_is_answered_with_those_there_are(studio: Studio, session: Session) -> None:
    [notice] = ask(studio, session, "width", id="s1", width="huge")
    assert notice["text"] == "The width is 'huge'; it can be half, column, full."
    assert picture(session).width == "column"


def test_a_picture_goes_to_another_section_and_changes_places_with_what_stands_there(
    studio: Studio, session: Session
) -> None:
    before = picture(session)
    assert before.chosen is not None
    judged = replace(before, chosen=replace(before.chosen, fit=0.9, evidence=Evidence("bowl")))
    session.article = session.article.with_illustration("s1", judged)
    operations = ask(studio, session, "relocate", id="s1", to="s2", panel=True)
    assert {"op": "open", "id": "s2"} in operations
    moved = session.article.section("s2").illustration
    assert moved is not None
    assert moved.chosen is not None
    assert (moved.caption, moved.chosen.id, moved.by_hand) == ("A bowl", before.chosen.id, True)
    assert moved.chosen.evidence is None, "it was judged beside another text"
    assert session.article.section("s1").illustration is None
    session.article = session.article.with_illustration("s1", replace(before, caption="Another"))
    ask(studio, session, "relocate", id="s1", to="s2")
    captions = [s.illustration.caption for s in session.article if s.illustration]
    assert captions == ["A bowl", "Another"]
    ask(studio, session, "undo")
    assert [s.illustration.caption for s in session.article if s.illustration][-1] == "A bowl"


@pytest.mark.parametrize("to", ["h1", "s9", None])
def test_a_picture_stays_where_the_other_place_takes_none(studio: Studio, session: Session, to: str | None) -> None:
    sections = [Section("h1", "A heading", "heading", 2), *session.article]
    session.article = session.article.with_sections(sections)
    before = session.article
    operations = ask(studio, session, "relocate", id="s1", to=to)
    assert any(operation["op"] == "notice" for operation in operations)
    assert session.article.sections == before.sections


@pytest.mark.parametrize(
    ("ratio", "x", "size", "seen"),
    [
        ("1:1", 0.0, (60, 60), "red"),
        ("1:1", 1.0, (60, 60), "blue"),
        ("3:4", 0.1, (45, 60), "red"),
        ("16:9", "?", (107, 60), "both"),
    ],
)
def test_a_picture_is_cropped_around_a_point(
    studio: Studio, session: Session, tmp_path: Path, ratio: str, x: Any, size: tuple[int, int], seen: str
) -> None:
    file = tmp_path / "wide.png"
    wide = Image.new("RGB", (200, 60), "red")
    wide.paste("blue", (100, 0, 200, 60))
    wide.save(file)
    before = picture(session)
    original = Candidate("wide", str(file), caption="wide", credit="A. Painter", licence="CC BY 4.0")
    session.article = session.article.with_illustration("s1", replace(before, chosen=original, candidates=(original,)))
    ask(studio, session, "crop", id="s1", ratio=ratio, x=x, y=0.5)
    chosen = picture(session).chosen
    assert chosen is not None
    with Image.open(chosen.path) as image:
        assert image.size == size
        edges = [image.getpixel((at, 9)) for at in (2, size[0] - 3)]
    colours = {"blue" if edge[2] > edge[0] else "red" for edge in edges}  # type: ignore[index]  # RGB
    assert colours == ({"red", "blue"} if seen == "both" else {seen})
    assert (chosen.credit, chosen.licence) == ("A. Painter, cropped", "CC BY 4.0")
    assert [one.id for one in picture(session).candidates] == [chosen.id, "wide"], "the whole one can be chosen again"
    ask(studio, session, "choose", id="s1", picture="wide")
    again = picture(session).chosen
    assert again is not None
    assert (again.id, again.credit) == ("wide", "A. Painter")


def test_a_ratio_that_is_none_is_refused(studio: Studio, session: Session) -> None:
    operations = ask(studio, session, "crop", id="s1", ratio="2:7")
    assert any(op["op"] == "notice" and "2:7" in op["text"] and "16:9" in op["text"] for op in operations)
