"""Events become messages: pure functions, without Gradio."""

from pathlib import Path

from common.messages import _
from composer.article import Article, Candidate, Illustration, Section
from composer.drafts import DraftStore
from composer.errors import InputError
from composer.events import (
    ArticleReady,
    CandidatesReady,
    Notice,
    PictureChosen,
    PlacesFound,
    Report,
    SectionsReady,
    SectionStarted,
    StepFinished,
    StepProgress,
    StepStarted,
    TextDelta,
)
from composer.importing import from_markdown
from ui import view


def address(path: str) -> str:
    return f"@{path}"


def run(article: Article, *events: object) -> tuple[Article, list[view.Operation]]:
    operations: list[view.Operation] = []
    for event in events:
        article = view.apply_event(article, event)  # type: ignore[arg-type]  # the tests name events one by one
        operations += view.event_operations(article, event, address, "en", "By the gallery")  # type: ignore[arg-type]
    return article, operations


CAT = Candidate("p1", "/x/cat.png", caption="a cat", score=0.51234, share=0.7, credit="A. Painter", licence="CC0")
DOG = Candidate("p2", "/x/dog.png", drawing=True)
TWO = Article("Pets", (Section("s1", "A heading", "heading", 2), Section("s2", "A cat sits.")))


def test_streamed_pieces_carry_section_and_place_and_build_the_article() -> None:
    article, operations = run(
        Article("Pets"),
        SectionStarted(Section("s1", "")),
        TextDelta("s1", 0, "A cat "),
        TextDelta("s1", 6, "sits."),
    )
    assert article.section("s1").text == "A cat sits."
    assert [op["op"] for op in operations] == ["section", "text", "text"]
    assert operations[2] | {"revision": 0} == {"op": "text", "id": "s1", "at": 6, "text": "sits.", "revision": 0}


def test_places_count_as_a_script_counts() -> None:
    _, operations = run(Article("x", (Section("s1", "🐈 "),)), TextDelta("s1", 2, "sits."))
    assert operations[0]["at"] == 3  # "🐈 ".length in JavaScript


def test_a_piece_that_overlaps_replaces_what_stood_there() -> None:
    article, _ = run(Article("x", (Section("s1", "A cat sat"),)), TextDelta("s1", 6, "sits."))
    assert article.section("s1").text == "A cat sits."


def test_a_section_sent_again_changes_its_kind_without_a_second_one() -> None:
    article, _ = run(Article("x"), SectionStarted(Section("s1", "")), SectionStarted(Section("s1", "", "heading", 2)))
    assert [section.kind for section in article] == ["heading"]


def test_the_cleaned_text_replaces_everything() -> None:
    article, operations = run(Article("Pets", (Section("s9", "draft"),)), SectionsReady(TWO))
    assert article.sections == TWO.sections
    assert operations[0]["op"] == "article"
    assert [section["id"] for section in operations[0]["sections"]] == ["s1", "s2"]


def test_places_become_placeholders_with_a_caption_and_then_pictures() -> None:
    article, operations = run(TWO, PlacesFound(("s2",)))
    assert operations[0]["section"]["picture"]["chosen"] is None
    offered = Illustration("A cat on a mat", candidates=(CAT, DOG))
    chosen = Illustration("A cat on a mat", candidates=(CAT, DOG), chosen=CAT)
    article, operations = run(article, CandidatesReady("s2", offered), PictureChosen("s2", chosen))
    picture = operations[1]["section"]["picture"]
    assert picture["chosen"]["src"] == "@/x/cat.png"
    assert picture["alt"] == "A cat on a mat"
    assert [one["share"] for one in picture["candidates"]] == [0.7, None]
    assert picture["candidates"][1]["drawing"] is True


def test_blocks_travel_as_elements_with_their_source() -> None:
    article = from_markdown("# T\n\nPlain.\n\n- **a** [b]\n\n[b]: https://b.c\n")
    sent = view.article_operation(article, address)
    plain, items, _definition = sent["sections"]
    assert (plain["elements"], plain["source"], plain["gap"]) == ([], "Plain.", "\n\n")
    link = ["a", {"href": "https://b.c"}, ["b"]]
    assert items["elements"] == [["ul", {}, [["li", {}, [["strong", {}, ["a"]], " ", link]]]]]
    assert sent["imported"] == {"before": "", "title": "# T", "gap": "\n\n"}
    assert view.section_operation(article, "s2", address)["section"] == items


def test_no_path_of_the_machine_is_sent() -> None:
    article, _ = run(TWO, PictureChosen("s2", Illustration("c", candidates=(CAT,), chosen=CAT)))
    sent = str(view.article_operation(article, lambda path: "studio/pictures/key"))
    assert "/x/" not in sent


def test_credits_stand_once_and_the_gallerys_line_only_with_its_pictures() -> None:
    with_cat = TWO.with_illustration("s2", Illustration("c", chosen=CAT))
    assert view.article_operation(with_cat, address, "By the gallery")["credits"] == ["A. Painter", "By the gallery"]
    own = TWO.with_illustration("s2", Illustration("c", chosen=Candidate("upload-1", "/u.jpg")))
    assert view.article_operation(own, address, "By the gallery")["credits"] == []


def test_steps_are_told_with_their_progress_and_seconds() -> None:
    _, operations = run(TWO, StepStarted("spot", 2), StepProgress("spot", 1, 2), StepFinished("spot", 1.26))
    assert [(op["op"], op.get("done"), op.get("total")) for op in operations[:2]] == [
        ("status", 0, 2),
        ("status", 1, 2),
    ]
    assert operations[2] == {"op": "step", "step": "spot", "seconds": 1.3}


def test_a_new_article_clears_the_view_when_its_writing_begins() -> None:
    _, operations = run(Article("New"), StepStarted("write"))
    assert operations[0]["op"] == "article"
    assert operations[0]["sections"] == []


def test_the_end_sends_the_whole_article_and_says_whether_it_was_stopped() -> None:
    report = Report({"write": 2.04, "total": 3.0}, 10, 5, 20)
    _, operations = run(TWO, ArticleReady(TWO, report, stopped=True))
    assert [op["op"] for op in operations] == ["article", "status"]
    assert operations[1]["state"] == "stopped"
    assert operations[1]["seconds"]["write"] == 2.0


def test_a_notice_speaks_the_language_of_the_page() -> None:
    event = Notice(InputError(_("Please type a question.")), "s2")
    assert view.event_operations(TWO, event, address, "zh")[0]["text"] == "请输入问题。"


def test_words_are_counted_in_both_scripts() -> None:
    assert view.word_count(Article("t", (Section("s1", "A cat – sits, here."),))) == 4
    assert view.word_count(Article("t", (Section("s1", "猫在这里 sleeps。"),))) == 5


def test_the_list_of_drafts_counts_words_as_the_page_does(tmp_path: Path) -> None:
    article = Article(
        "t", (Section("s1", "A **cat** – sits, here. 猫在这里 2 & …"), Section("s2", "- one\n- two", "list"))
    )
    kept = DraftStore(tmp_path).of("ann").create(article)
    assert kept.summary.words == view.word_count(article) == 11
