"""One section written anew, compared word by word; sections moved, split and joined."""

import threading
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.article import Article, Illustration, Section
from composer.errors import InputError, ModelFailed
from composer.events import ArticleReady, Event, Notice, StepProgress, TextDelta
from composer.models import Message, Sampling
from composer.writing import (
    Proposal,
    RewriteDelta,
    accepted,
    compare,
    inserted,
    joined,
    moved,
    rewrite,
    rewrite_several,
    split,
)
from composer.writing.rewriting import TASKS
from tests.fakes import FakeModel

OLD = "A cat needs a **bowl** of fresh water. It sleeps a lot."
ARTICLE = Article(
    "Cats",
    (
        Section("s1", "Food", "heading", 2),
        Section("s2", OLD, illustration=Illustration("A bowl")),
        Section("s3", "Play with it.", looked_for=("ball",)),
        Section("s4", "- one\n- two", "list"),
    ),
)


def answering(text: str) -> FakeModel:
    return FakeModel(answer=lambda messages: text)


def proposed(model: FakeModel, task: str = "rewrite", section_id: str = "s2", **more: object) -> Proposal:
    *_, last = rewrite(model, ARTICLE, section_id, task, **more)  # type: ignore[arg-type]
    assert isinstance(last, Proposal)
    return last


# -- what changed -----------------------------------------------------------------------------------------


def test_words_are_compared_whole_and_chinese_by_characters() -> None:
    changed = [(c.old, c.new) for c in compare("The quick brown fox.", "The slow red fox.") if c.changed]
    assert changed == [("quick brown", "slow red")]
    assert [(c.old, c.new) for c in compare("清晨最热闹。", "清晨很热闹。") if c.changed] == [("最", "很")]
    assert [(c.old, c.new) for c in compare("It doesn't.", "It does.") if c.changed] == [("doesn't", "does")]


@given(st.text("ab 猫狗,.\n", max_size=40), st.text("ab 猫狗,.\n", max_size=40))
def test_the_pieces_are_both_texts(old: str, new: str) -> None:
    changes = compare(old, new)
    assert "".join(change.old for change in changes) == old
    assert accepted(changes) == new
    assert accepted(changes, range(len(changes))) == old


# -- rewriting --------------------------------------------------------------------------------------------


def test_a_proposal_is_streamed_and_changes_nothing_until_it_is_taken() -> None:
    text = "A cat needs a **cup** of clean water. It sleeps a lot."
    events = list(rewrite(answering(text), ARTICLE, "s2", "rewrite"))
    shown = ""
    for event in events[:-1]:
        assert isinstance(event, RewriteDelta)
        shown = shown[: event.offset] + event.text
    assert shown == text
    proposal = events[-1]
    assert isinstance(proposal, Proposal)
    assert [(c.old, c.new) for c in proposal.changes if c.changed] == [("bowl", "cup"), ("fresh", "clean")]
    taken = proposal.apply(ARTICLE)
    assert taken.section("s2").text == text
    assert taken.section("s2").illustration == Illustration("A bowl")
    assert taken.revision == ARTICLE.revision + 1


def test_changes_are_dropped_one_by_one() -> None:
    proposal = proposed(answering("A cat needs a **cup** of clean water. It sleeps a lot."))
    first, second = (at for at, change in enumerate(proposal.changes) if change.changed)
    assert proposal.apply(ARTICLE, frozenset({first})).section("s2").text == OLD.replace("fresh", "clean")
    assert proposal.apply(ARTICLE, frozenset({first, second})) is ARTICLE


def test_comments_lists_and_quotes_of_a_model_are_no_text() -> None:
    answer = 'Sure, here is the paragraph:\n\n"A cat drinks."\n'
    assert accepted(proposed(answering(answer)).changes).strip('"') == "A cat drinks."


def test_the_line_above_the_text_is_not_copied_into_it() -> None:
    answer = "From the article 'Cats': A cat needs a cup of milk."
    *pieces, proposal = rewrite(FakeModel(answer=lambda messages: answer, piece=5), ARTICLE, "s2", "rewrite")
    assert isinstance(proposal, Proposal)
    assert accepted(proposal.changes) == "A cat needs a cup of milk."
    assert not any("From" in piece.text for piece in pieces if isinstance(piece, RewriteDelta))


def test_the_same_text_is_no_proposal() -> None:
    assert proposed(answering(OLD)).nothing
    assert proposed(answering("")).nothing


def test_going_on_keeps_what_stands_there() -> None:
    changes = proposed(answering("It is shy. It hides"), "continue").changes
    assert accepted(changes).startswith(f"{OLD} It is shy.")
    assert [c.old for c in changes if c.changed] == [""]


@pytest.mark.parametrize(("task", "at"), [("insert_before", 1), ("insert_after", 2)])
def test_a_new_paragraph_stands_before_or_after(task: str, at: int) -> None:
    article = proposed(answering("Cats are small."), task).apply(ARTICLE)
    assert article.sections[at].text == "Cats are small."
    assert article.sections[at].kind == "paragraph"
    assert len({section.id for section in article}) == len(ARTICLE.sections) + 1
    assert [s for s in article if s.text != "Cats are small."] == list(ARTICLE.sections)


def test_a_heading_gets_no_full_stop() -> None:
    assert accepted(proposed(answering("Meals and water."), section_id="s1").changes) == "Meals and water"


def test_a_text_that_was_edited_meanwhile_is_not_overwritten() -> None:
    proposal = proposed(answering("New words."))
    with pytest.raises(InputError, match="changed after the proposal"):
        proposal.apply(ARTICLE.with_text("s2", "Typed by hand."))


def test_what_came_until_a_stop_is_proposed() -> None:
    stop = threading.Event()
    model = FakeModel(answer=lambda messages: "A cat needs a cup of milk. And much more of it.", piece=5)
    last: object = None
    for event in rewrite(model, ARTICLE, "s2", "rewrite", stop=stop):
        last = event
        if isinstance(event, RewriteDelta) and event.offset > 15:
            stop.set()
    assert isinstance(last, Proposal)
    assert last.stopped
    assert accepted(last.changes).startswith("A cat needs a cup")
    assert len(accepted(last.changes)) < 40


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_task_is_asked_with_the_text(task: str, language: str) -> None:
    model = answering("猫。" if language == "zh" else "A cat.")
    article = Article("Cats", ARTICLE.sections, language=language)  # type: ignore[arg-type]
    list(rewrite(model, article, "s2", task, instruction="mention milk", tone="news"))  # type: ignore[arg-type]
    asked = "".join(message.text for message in model.prompts[-1])
    assert OLD in asked
    assert "mention milk" in asked
    assert "{" not in asked


def test_answers_have_room_and_corrections_are_no_play() -> None:
    model = answering("A cat.")
    proposed(model, "correct")
    proposed(model, "expand")
    correcting, expanding = model.samplings
    assert correcting.temperature == 0
    assert isinstance(expanding, Sampling)
    assert expanding.max_tokens > 120


@pytest.mark.parametrize(
    ("section_id", "task", "more", "sentence"),
    [
        ("s2", "sing", {}, "The task is 'sing'"),
        ("s4", "rewrite", {}, "another kind of block"),
        ("s2", "rewrite", {"instruction": "x" * 2001}, "2,001 characters"),
    ],
)
def test_what_cannot_be_asked_is_said_at_once(section_id: str, task: str, more: dict[str, str], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        rewrite(answering(""), ARTICLE, section_id, task, **more)  # type: ignore[arg-type]
    with pytest.raises(KeyError):
        rewrite(answering(""), ARTICLE, "s9", "rewrite")


def test_a_failing_model_leaves_the_article() -> None:
    def fail(messages: Sequence[Message]) -> str:
        raise ModelFailed(name="fake", doing="writing", reason="broken")

    with pytest.raises(ModelFailed):
        list(rewrite(FakeModel(answer=fail), ARTICLE, "s2", "rewrite"))


# -- order ------------------------------------------------------------------------------------------------


def ids(article: Article) -> list[str]:
    return [section.id for section in article]


def test_a_section_moves_with_its_picture() -> None:
    assert ids(moved(ARTICLE, "s3", "s1")) == ["s3", "s1", "s2", "s4"]
    last = moved(ARTICLE, "s2", None)
    assert ids(last) == ["s1", "s3", "s4", "s2"]
    assert last.section("s2").illustration == Illustration("A bowl")
    assert moved(ARTICLE, "s2", "s3") is ARTICLE
    assert moved(ARTICLE, "s2", "s2") is ARTICLE
    with pytest.raises(KeyError):
        moved(ARTICLE, "s2", "s9")


def test_a_text_is_split_and_its_picture_stays_behind_it() -> None:
    article = split(ARTICLE, "s2", "A cat drinks.", "It sleeps.")
    assert [section.text for section in article][1:3] == ["A cat drinks.", "It sleeps."]
    assert [section.illustration is not None for section in article][1:3] == [False, True]
    assert len(set(ids(article))) == 5
    heading = split(ARTICLE, "s1", "Food", "and water")
    assert [(s.kind, s.level) for s in heading][:2] == [("heading", 2), ("paragraph", 0)]


@pytest.mark.parametrize(
    ("first", "second", "texts"),
    [
        ("Drink **fresh", "water** daily.", ["Drink **fresh**", "**water** daily."]),
        ("Drink **fresh water", "** daily.", ["Drink **fresh water**", "daily."]),
        ("Drink **", "fresh water** daily.", ["Drink", "**fresh water** daily."]),
        ("See *this", "one* or that.", ["See *this*", "*one* or that."]),
        ("See [a", "link](https://x.org).", ["See [a](https://x.org)", "[link](https://x.org)."]),
        ("It is 3 *", "4 * 5.", ["It is 3 *", "4 * 5."]),
    ],
)
def test_marks_are_whole_in_both_parts_of_a_text(first: str, second: str, texts: list[str]) -> None:
    assert [section.text for section in split(ARTICLE, "s2", first, second)][1:3] == texts


def test_a_section_joins_the_one_above() -> None:
    article = joined(ARTICLE, "s3")
    assert article.section("s2").text == f"{OLD} Play with it."
    assert article.section("s2").illustration == Illustration("A bowl")
    assert ids(article) == ["s1", "s2", "s4"]
    chinese = Article("猫", (Section("s1", "猫睡。"), Section("s2", "猫吃。")), "zh")
    assert joined(chinese, "s2").sections[0].text == "猫睡。猫吃。"
    for section_id, sentence in (("s1", "Nothing stands before"), ("s4", "Only headings and paragraphs")):
        with pytest.raises(InputError, match=sentence):
            joined(ARTICLE, section_id)


def test_an_imported_text_that_is_changed_is_no_longer_the_file_s() -> None:
    imported = Article("Cats", (Section("s1", "One.", source="One."), Section("s2", "Two.", source="Two.")))
    assert joined(imported, "s2").sections[0].source == ""
    assert [s.source for s in split(imported, "s1", "On", "e.")] == ["", "", "Two."]
    assert [s.source for s in moved(imported, "s2", "s1")] == ["Two.", "One."]


def test_an_inserted_paragraph_has_an_id_of_its_own() -> None:
    article, fresh = inserted(ARTICLE, "New.", "s2")
    assert ids(article) == ["s1", "s2", fresh, "s3", "s4"]


def test_a_text_that_is_no_shorter_is_no_proposal_to_shorten() -> None:
    longer = f"{OLD} It also sleeps on the sofa, in the sun."
    assert proposed(answering(longer), "shorten").nothing
    assert not proposed(answering(longer), "expand").nothing
    assert accepted(proposed(answering("A cat needs water."), "shorten").changes) == "A cat needs water."


# -- several sections ------------------------------------------------------------------------------------


def several(model: FakeModel, ids: list[str], task: str = "shorten") -> tuple[Article, list[Event]]:
    events = list(rewrite_several(model, ARTICLE, ids, task))
    assert isinstance(events[-1], ArticleReady)
    return events[-1].article, events


def test_several_sections_are_written_anew_and_other_blocks_stay() -> None:
    written = "A cat drinks fresh water, which stands in a bowl beside its bed."
    article, events = several(answering(written), ["s2", "s3", "s4"], "simplify")
    assert [s.text for s in article] == ["Food", written, written, "- one\n- two"]
    assert article.section("s2").illustration is not None
    pieces = [event for event in events if isinstance(event, TextDelta)]
    assert {event.section_id for event in pieces} == {"s2", "s3"}, "they are seen while they are written"
    assert [event.done for event in events if isinstance(event, StepProgress)] == [1, 2]


def test_a_model_that_fails_at_the_second_leaves_the_first() -> None:
    answers = iter(["A short text."])

    def answer(messages: Sequence[Message]) -> str:
        try:
            return next(answers)
        except StopIteration:
            raise ModelFailed(name="fake", doing="writing", reason="out of memory") from None

    article, events = several(FakeModel(answer=answer), ["s2", "s3"])
    assert [s.text for s in article] == ["Food", "A short text.", "Play with it.", "- one\n- two"]
    assert [type(event.problem) for event in events if isinstance(event, Notice)] == [ModelFailed]


def test_a_stop_leaves_the_one_that_is_being_written_as_it_was() -> None:
    stop = threading.Event()
    model = answering("A text that is stopped in the middle of it.")
    for event in rewrite_several(model, ARTICLE, ["s2", "s3"], "expand", stop=stop):
        if isinstance(event, TextDelta):
            stop.set()
    assert isinstance(event, ArticleReady)
    assert event.stopped
    assert event.article == ARTICLE


@pytest.mark.parametrize(
    ("ids", "task"), [([], "shorten"), (["s4"], "shorten"), (["s2"], "insert_after"), (["s2"], "no")]
)
def test_what_cannot_be_done_with_several_is_refused(ids: list[str], task: str) -> None:
    with pytest.raises(InputError):
        rewrite_several(answering("x"), ARTICLE, ids, task)
