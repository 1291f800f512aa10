"""The pipeline with a fake model and gallery: order of events, stopping, failures, pictures used once."""

import threading
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from composer.article import Article, Candidate, Illustration, Section
from composer.errors import InputError, ModelFailed
from composer.events import (
    ArticleReady,
    CandidatesReady,
    CaptionReady,
    Event,
    Notice,
    PictureChosen,
    PlacesFound,
    SectionsReady,
    SectionStarted,
    StepFinished,
    StepProgress,
    StepStarted,
    TextDelta,
)
from composer.models.base import Capabilities, Message, Sampling
from composer.pipeline import Composer, Options
from composer.prompts import Choice, GeneralPrompts
from retrieval.base import Hit
from retrieval.errors import GalleryUnreadable
from tests.fakes import FakeGallery, FakeModel

TITLE = "How to take good care of a pet cat"


def score_by(words: dict[str, float]):  # type: ignore[no-untyped-def]  # a closure that FakeModel takes
    """Yes for paragraphs with these words, as likely as said; letters by their order."""

    def score(messages: Sequence[Message], option: str) -> float:
        asked = messages[-1].text
        if option in ("Yes", "No"):
            yes = next((p for word, p in words.items() if word in asked), 0.05)
            return yes * 10 if option == "Yes" else 5.0
        return {"A": -2.0, "B": -0.2, "C": -3.0, "D": -4.0}[option]

    return score


def answer(messages: Sequence[Message]) -> str | None:
    asked = messages[-1].text
    if "six English words" in asked:
        return f"A picture of {asked.split('paragraph')[0].split('Paragraph')[-1][:4].strip()} {len(asked)}."
    if "图注" in asked:
        return "一张图片"
    if "Translate" in asked:
        return "A sleeping cat."
    return None


@pytest.fixture
def gallery(tmp_path: Path) -> FakeGallery:
    return FakeGallery(tmp_path)


@pytest.fixture
def model() -> FakeModel:
    return FakeModel(answer=answer, scorer=score_by({"bowl of": 0.9, "soft bed": 0.8, "twice a day": 0.7}))


def steps(events: Sequence[Event]) -> list[str]:
    return [event.step for event in events if isinstance(event, StepStarted)]


def test_the_events_come_in_the_order_that_their_docstring_tells(model: FakeModel, gallery: FakeGallery) -> None:
    composer = Composer(model, gallery)
    events = list(composer.compose(TITLE, Options(pictures=2)))
    kinds = [type(event) for event in events if not isinstance(event, (TextDelta, StepProgress))]
    section_starts = kinds.count(SectionStarted)
    frame = [StepFinished, StepStarted]
    assert kinds == [
        StepStarted,
        *[SectionStarted] * section_starts,
        SectionsReady,
        *frame,
        PlacesFound,
        *frame,
        CaptionReady,
        CaptionReady,
        *frame,
        CandidatesReady,
        CandidatesReady,
        *frame,
        PictureChosen,
        PictureChosen,
        StepFinished,
        ArticleReady,
    ]
    assert steps(events) == ["write", "spot", "caption", "retrieve", "select"]
    last = events[-1]
    assert isinstance(last, ArticleReady)
    assert last.article is composer.article
    assert not last.stopped
    assert set(last.report.seconds) == {"write", "spot", "caption", "retrieve", "select", "total"}
    assert last.report.generated > 0


def test_the_article_holds_text_places_captions_and_pictures(model: FakeModel, gallery: FakeGallery) -> None:
    composer = Composer(model, gallery)
    events = list(composer.compose(TITLE, Options(pictures=2)))
    article = composer.article
    assert [section.kind for section in article] == [
        "heading",
        "paragraph",
        "paragraph",
        "heading",
        "paragraph",
        "paragraph",
    ]
    assert article.title == TITLE
    assert article.model == "fake"
    assert [s.id for s in article.illustrated] == ["s2", "s5"]
    places = next(event for event in events if isinstance(event, PlacesFound))
    assert places.section_ids == ("s2", "s5")
    assert set(places.probabilities) == {"s2", "s3", "s5", "s6"}
    for section in article.illustrated:
        illustration = section.illustration
        assert illustration is not None
        assert illustration.caption
        assert illustration.chosen == illustration.candidates[1], "the letter B has the highest score"
        assert sum(c.share or 0.0 for c in illustration.candidates) == pytest.approx(1.0)
    assert Article.from_json(article.to_json()) == article


def test_streamed_text_is_consistent_and_replaced_by_the_cleaned_one(model: FakeModel, gallery: FakeGallery) -> None:
    texts: dict[str, str] = {}
    for event in Composer(model, gallery).compose(TITLE, Options(pictures=0)):
        if isinstance(event, SectionStarted):
            texts[event.section.id] = event.section.text
        elif isinstance(event, TextDelta):
            assert event.offset == len(texts[event.section_id])
            texts[event.section_id] += event.text
        elif isinstance(event, SectionsReady):
            assert texts == {section.id: section.text for section in event.article}


def test_no_picture_is_used_twice(model: FakeModel, gallery: FakeGallery) -> None:
    composer = Composer(model, gallery)
    list(composer.compose(TITLE, Options(pictures=4)))
    chosen = [
        s.illustration.chosen.id for s in composer.article.illustrated if s.illustration and s.illustration.chosen
    ]
    assert len(chosen) == 4
    assert len(set(chosen)) == 4


def test_without_selection_the_first_unused_candidate_is_taken(model: FakeModel, gallery: FakeGallery) -> None:
    composer = Composer(model, gallery)
    list(composer.compose(TITLE, Options(pictures=2, select=False)))
    illustrations = [s.illustration for s in composer.article.illustrated]
    assert [i.chosen.id for i in illustrations if i and i.chosen] == ["p0", "p1"]
    assert all(c.share is None for i in illustrations if i for c in i.candidates)


def test_no_pictures_wanted_or_no_gallery(model: FakeModel, gallery: FakeGallery) -> None:
    for composer, options in ((Composer(model, gallery), Options(pictures=0)), (Composer(model, None), Options())):
        events = list(composer.compose(TITLE, options))
        assert steps(events) == ["write"]
        assert composer.article.illustrated == ()
        assert isinstance(events[-1], ArticleReady)


def test_more_pictures_than_paragraphs_are_said_to_be_too_many(model: FakeModel, gallery: FakeGallery) -> None:
    events = list(Composer(model, gallery).compose(TITLE, Options(pictures=9)))
    notices = [event.problem.text("en") for event in events if isinstance(event, Notice)]
    assert notices == ["The article has room for 4 pictures, not 9: one after each paragraph."]


def test_the_article_comes_first_and_the_question_last(model: FakeModel, gallery: FakeGallery) -> None:
    list(Composer(model, gallery).compose(TITLE, Options(pictures=2)))
    about_article = [prompt for prompt in model.prompts if "Here is the article" in prompt[-1].text or len(prompt) > 3]
    begins = {prompt[1].text.split("[4]")[0] for prompt in about_article}
    assert len(about_article) >= 4
    assert len(begins) == 1, "all questions share one beginning"
    assert all(not prompt[1].text.endswith("voice.") for prompt in about_article)


def test_chinese_articles_are_searched_in_english_and_captioned_in_chinese(gallery: FakeGallery) -> None:
    model = FakeModel(article="猫需要一碗清水。\n\n" * 1 + "柔软的床边睡着一只猫。\n", answer=answer)
    composer = Composer(model, gallery)
    list(composer.compose("如何养猫", Options(pictures=1)))
    (section,) = composer.article.illustrated
    assert composer.article.language == "zh"
    assert section.illustration is not None
    assert section.illustration.caption == "一张图片"
    assert section.illustration.query.isascii()
    assert gallery.queries == [[section.illustration.query, "一张图片"]]


def test_a_chinese_search_phrase_is_translated_for_an_english_gallery(gallery: FakeGallery) -> None:
    def in_chinese(messages: Sequence[Message]) -> str | None:
        asked = messages[-1].text
        return "睡觉的猫" if "six English words" in asked else answer(messages)

    model = FakeModel(article="柔软的床边睡着一只猫，它睡得很香。\n", answer=in_chinese)
    composer = Composer(model, gallery)
    list(composer.compose("如何养猫", Options(pictures=1)))
    illustration = composer.article.illustrated[0].illustration
    assert illustration is not None
    assert illustration.query == "A sleeping cat"


def test_the_token_limit_ends_with_a_full_sentence(gallery: FakeGallery) -> None:
    model = FakeModel(article="The cat sleeps in the sun on the sofa. It dreams of a fish that nobody")
    pieces = -(-len(model.article) // model.piece)
    for tokens, last in ((pieces, "sofa."), (pieces + 1, "nobody")):
        composer = Composer(model, gallery)
        list(composer.compose(TITLE, Options(pictures=0, sampling=Sampling(max_tokens=tokens))))
        assert composer.article.sections[-1].text.endswith(last)


def test_a_model_that_repeats_itself_is_stopped(gallery: FakeGallery) -> None:
    paragraph = "The cat sleeps in the sun on the sofa, and it dreams of a fish that nobody else can see, all day long."
    model = FakeModel(article=f"{paragraph}\n\n" * 50)
    composer = Composer(model, gallery)
    list(composer.compose(TITLE, Options(pictures=0)))
    assert [section.text for section in composer.article] == [paragraph]
    assert model.usage.generated < 3 * len(paragraph) / model.piece


def test_a_picture_that_would_show_the_same_is_asked_for_again(gallery: FakeGallery) -> None:
    said = iter(["A cat on a sofa", "The cat on the sofa", "A bowl of fish"])
    model = FakeModel(
        answer=lambda messages: next(said) if "six English words" in messages[-1].text else None,
        scorer=score_by({"bowl of": 0.9, "soft bed": 0.8}),
    )
    composer = Composer(model, gallery)
    list(composer.compose(TITLE, Options(pictures=2)))
    queries = [s.illustration.query for s in composer.article.illustrated if s.illustration]
    assert queries == ["A cat on a sofa", "A bowl of fish"]


# -- stopping ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [TextDelta, SectionsReady, StepProgress, CaptionReady, CandidatesReady, PictureChosen])
def test_stopping_anywhere_keeps_what_exists(kind: type, model: FakeModel, gallery: FakeGallery) -> None:
    stop, events = threading.Event(), []
    composer = Composer(model, gallery)
    for event in composer.compose(TITLE, Options(pictures=3), stop=stop):
        events.append(event)
        if isinstance(event, kind):
            stop.set()
    last = events[-1]
    assert isinstance(last, ArticleReady)
    assert last.stopped
    assert last.article.sections, "what was written is kept"
    after = events[[isinstance(event, kind) for event in events].index(True) + 1 :]
    assert sum(isinstance(event, kind) for event in after) <= 1
    assert len([e for e in events if isinstance(e, StepStarted)]) == len(
        [e for e in events if isinstance(e, StepFinished)]
    )


def test_stopping_keeps_the_half_sentence(gallery: FakeGallery) -> None:
    stop = threading.Event()
    composer = Composer(FakeModel(article="The cat sleeps in the sun. It dreams of a fish that nobody"), gallery)
    for event in composer.compose(TITLE, stop=stop):
        if isinstance(event, TextDelta) and "dream" in composer.article.sections[0].text:
            stop.set()
    assert "It dream" in composer.article.sections[0].text


def test_closing_the_generator_stops_the_model(gallery: FakeGallery) -> None:
    model = FakeModel()
    events = Composer(model, gallery).compose(TITLE)
    for event in events:
        if isinstance(event, TextDelta):
            break
    events.close()  # type: ignore[attr-defined]  # the iterator is a generator
    generated = model.usage.generated
    assert generated < len(model.article) / model.piece
    assert list(events) == []


# -- failures ------------------------------------------------------------------------------------------


class Broken(FakeModel):
    """Fails from the given call on."""

    def __init__(self, call: str, after: int = 0) -> None:
        super().__init__(answer=answer, scorer=score_by({"bowl of": 0.9, "soft bed": 0.8}))
        self.call, self.after = call, after

    def _fail(self, call: str) -> None:
        if call == self.call:
            self.after -= 1
            if self.after < 0:
                raise ModelFailed(name="fake", doing_en="working", doing_zh="工作", reason="cable pulled")

    def stream(self, messages: Sequence[Message], sampling: Sampling, *, stop: threading.Event | None = None):  # type: ignore[no-untyped-def]  # as FakeModel's
        for piece in super().stream(messages, sampling, stop=stop):
            if sampling.max_tokens > 100:
                self._fail("stream")
            yield piece

    def reply(
        self, prompts: Sequence[Sequence[Message]], sampling: Sampling, *, stop: threading.Event | None = None
    ) -> list[str]:
        self._fail("reply")
        return super().reply(prompts, sampling, stop=stop)

    def score(self, messages: Sequence[Message], options: Sequence[str]) -> list[float]:
        self._fail("yes" if "Yes" in options else "letters")
        return super().score(messages, options)


@pytest.mark.parametrize(
    ("call", "after", "pictures"), [("yes", 0, 0), ("yes", 2, 0), ("reply", 0, 2), ("reply", 1, 2), ("letters", 1, 2)]
)
def test_a_failing_model_costs_no_text(call: str, after: int, pictures: int, gallery: FakeGallery) -> None:
    composer = Composer(Broken(call, after), gallery)
    events = list(composer.compose(TITLE, Options(pictures=2)))
    problems = [event.problem for event in events if isinstance(event, Notice)]
    assert [type(problem) for problem in problems] == [ModelFailed], "said once"
    assert isinstance(events[-1], ArticleReady)
    assert len(composer.article.sections) == 6
    chosen = [s for s in composer.article.illustrated if s.illustration and s.illustration.chosen]
    assert len(chosen) == pictures, "where the model fails later, pictures still come from the gallery"


def test_a_model_failing_while_writing_keeps_full_sentences(gallery: FakeGallery) -> None:
    composer = Composer(Broken("stream", after=18), gallery)
    events = list(composer.compose(TITLE, Options(pictures=0)))
    assert any(isinstance(event, Notice) and "cable pulled" in event.problem.text("en") for event in events)
    assert composer.article.sections
    assert composer.article.sections[-1].text.endswith(".")
    assert isinstance(events[-1], ArticleReady)


def test_a_model_that_writes_nothing_is_reported(gallery: FakeGallery) -> None:
    events = list(Composer(FakeModel(article="\n\n"), gallery).compose(TITLE))
    assert [event.problem.text("en")[:23] for event in events if isinstance(event, Notice)] == [
        "The model wrote nothing"
    ]
    assert steps(events) == ["write"]


class BrokenGallery(FakeGallery):
    works_for = 0

    def search(self, query: object, *, k: int = 4, exclude: Collection[str] = ()) -> list[Hit]:
        self.works_for -= 1
        if self.works_for < 0:
            raise GalleryUnreadable(place="G", reason_en="the disk is gone", reason_zh="磁盘不见了")
        return super().search(query, k=k, exclude=exclude)


@pytest.mark.parametrize("works_for", [0, 1])
def test_a_failing_gallery_costs_no_text_and_no_captions(works_for: int, model: FakeModel, tmp_path: Path) -> None:
    broken = BrokenGallery(tmp_path)
    broken.works_for = works_for
    composer = Composer(model, broken)
    events = list(composer.compose(TITLE, Options(pictures=3)))
    problems = [event.problem.text("zh") for event in events if isinstance(event, Notice)]
    assert problems == ["图库“G”无法使用：磁盘不见了"]
    assert len(composer.article.illustrated) == 3
    chosen = [s for s in composer.article.illustrated if s.illustration and s.illustration.chosen]
    assert len(chosen) == works_for


def test_an_empty_gallery_is_reported_place_by_place(model: FakeModel, tmp_path: Path) -> None:
    events = list(Composer(model, FakeGallery(tmp_path, count=0)).compose(TITLE, Options(pictures=2)))
    notices = [event for event in events if isinstance(event, Notice)]
    assert [notice.section_id for notice in notices] == ["s2", "s5"]
    assert "No picture was found" in notices[0].problem.text("en")


def test_a_gallery_with_one_picture_shows_it_once(model: FakeModel, tmp_path: Path) -> None:
    composer = Composer(model, FakeGallery(tmp_path, count=1))
    events = list(composer.compose(TITLE, Options(pictures=2)))
    chosen = [s.illustration.chosen for s in composer.article.illustrated if s.illustration]
    assert [c.id if c else None for c in chosen] == ["p0", None]
    assert sum(isinstance(event, Notice) for event in events) == 1


# -- titles and options --------------------------------------------------------------------------------


@pytest.mark.parametrize("title", ["", " \n", "\x00\x07", "a b " * 25_000])
def test_titles_that_cannot_be_used_are_refused_at_once(title: str, model: FakeModel, gallery: FakeGallery) -> None:
    with pytest.raises(InputError):
        Composer(model, gallery).compose(title)
    assert model.prompts == []


@pytest.mark.parametrize("title", ["<script>alert(1)</script>", "../../x", "🐱", "מדריך", "\u202eevil"])
def test_strange_titles_are_only_text(title: str, model: FakeModel, gallery: FakeGallery) -> None:
    composer = Composer(model, gallery)
    list(composer.compose(title, Options(pictures=1)))
    assert composer.article.title == title.replace("\u202e", "")


@pytest.mark.parametrize(
    "options",
    [Options(pictures=31), Options(pictures=-1), Options(language="fr"), Options(length="endless")],  # type: ignore[arg-type]  # bad on purpose
)
def test_bad_options_are_refused(options: Options, model: FakeModel, gallery: FakeGallery) -> None:
    with pytest.raises(InputError):
        Composer(model, gallery).compose(TITLE, options)


def test_an_instruction_gets_its_title_from_the_model(gallery: FakeGallery) -> None:
    model = FakeModel(article="# The Quiet Cat\n\nA cat sleeps on a bed in the sun, all day long.\n")
    composer = Composer(model, gallery)
    list(composer.compose("Please write something about cats", Options(pictures=0)))
    assert composer.article.title == "The Quiet Cat"
    assert composer.article.parameters["request"] == "Please write something about cats"


def test_the_seed_is_kept_so_that_the_article_can_be_made_again(model: FakeModel, gallery: FakeGallery) -> None:
    composer = Composer(model, gallery)
    list(composer.compose(TITLE, Options(pictures=0)))
    seed = composer.article.parameters["sampling"]["seed"]
    assert isinstance(seed, int)
    assert model.samplings[0].seed == seed


# -- illustrate, propose, search -----------------------------------------------------------------------


def written(*texts: str) -> Article:
    return Article("Cats", tuple(Section(f"s{i}", text) for i, text in enumerate(texts, 1)))


def test_illustrating_anew_keeps_what_was_made_by_hand(model: FakeModel, gallery: FakeGallery) -> None:
    mine = Illustration("My cat", chosen=Candidate("p3", gallery.pictures["p3"].path), by_hand=True)
    old = Illustration("An old one", chosen=Candidate("p0", gallery.pictures["p0"].path))
    article = written("A bowl of water.", "Nothing to see.", "A soft bed.").with_illustration("s2", mine)
    article = article.with_illustration("s3", old)
    composer = Composer(model, gallery)
    events = list(composer.illustrate(article, Options(pictures=2)))
    assert steps(events) == ["spot", "caption", "retrieve", "select"]
    assert composer.article.section("s2").illustration == mine
    assert [s.id for s in composer.article.illustrated] == ["s1", "s2"]
    chosen = [
        s.illustration.chosen.id for s in composer.article.illustrated if s.illustration and s.illustration.chosen
    ]
    assert chosen.count("p3") == 1
    assert composer.article.revision > article.revision


def test_illustrating_with_no_pictures_removes_what_was_not_made_by_hand(
    model: FakeModel, gallery: FakeGallery
) -> None:
    article = written("A bowl of water.").with_illustration("s1", Illustration("old"))
    composer = Composer(model, gallery)
    events = list(composer.illustrate(article, Options(pictures=0)))
    assert composer.article.illustrated == ()
    assert isinstance(events[-1], ArticleReady)


def test_a_long_text_is_asked_about_in_parts_that_fit(gallery: FakeGallery) -> None:
    model = FakeModel(answer=answer, capabilities=Capabilities(context_tokens=2048))
    article = written(*[f"Paragraph number {i} is about a bowl of water. " * 20 for i in range(20)])
    composer = Composer(model, gallery)
    list(composer.illustrate(article, Options(pictures=5)))
    assert len(composer.article.illustrated) == 5
    longest = max(sum(len(message.text) for message in prompt) for prompt in model.prompts)
    assert longest * 0.4 < 2048


def test_a_choice_knows_the_pictures_of_its_own_part_only(
    gallery: FakeGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[set[str], set[str]]] = []

    class Recording(GeneralPrompts):
        def choose(self, article: Article, section: Section, *rest: Any) -> Choice:
            shown.append(({s.id for s in article}, {s.id for s, _ in rest[-1]}))
            return super().choose(article, section, *rest)

    monkeypatch.setattr("composer.pipeline.prompts_for", lambda family: Recording())
    model = FakeModel(answer=answer, capabilities=Capabilities(context_tokens=2048))
    article = written(*[f"Paragraph number {i} is about a bowl of water. " * 20 for i in range(20)])
    list(Composer(model, gallery).illustrate(article, Options(pictures=6)))
    assert len({frozenset(part) for part, _ in shown}) > 1, "the text fits in one part"
    assert any(chosen for _, chosen in shown)
    assert all(chosen <= part for part, chosen in shown)


def test_proposing_describes_searches_and_chooses(model: FakeModel, gallery: FakeGallery) -> None:
    taken = Illustration("taken", chosen=Candidate("p0", gallery.pictures["p0"].path))
    article = written("A bowl of water.", "A soft bed.").with_illustration("s1", taken)
    proposed = Composer(model, gallery).propose(article, "s2")
    assert proposed.caption
    assert proposed.chosen is not None
    assert "p0" not in [candidate.id for candidate in proposed.candidates]
    own = Composer(model, gallery).propose(article, "s1")
    assert "p0" not in [candidate.id for candidate in own.candidates], "another picture was asked for"


def test_proposing_for_a_heading_takes_what_follows(model: FakeModel, gallery: FakeGallery) -> None:
    article = written("A bowl of water.", "Rest", "A soft bed.")
    article = article.with_sections([s if s.id != "s2" else replace(s, kind="heading", level=2) for s in article])
    Composer(model, gallery).propose(article, "s2")
    assert any('Paragraph [2]: "A soft bed."' in prompt[-1].text for prompt in model.prompts)
    only = article.with_sections([article.section("s2")])
    with pytest.raises(InputError):
        Composer(model, gallery).propose(only, "s2")


def test_searching_translates_where_the_gallery_does_not_read_the_language(
    gallery: FakeGallery, tmp_path: Path
) -> None:
    article = written("猫。").with_illustration("s1", Illustration("猫", chosen=Candidate("p0", "x")))
    found = Composer(FakeModel(answer=answer), gallery).search(article, "睡觉的猫", "zh")
    assert gallery.queries[-1] == ["A sleeping cat", "睡觉的猫"]
    assert [candidate.id for candidate in found] == ["p1", "p2", "p3", "p4"]
    own = Composer(FakeModel(answer=answer), gallery).search(article, "a cat", section_id="s1", k=2)
    assert gallery.queries[-1] == ["a cat"]
    assert [candidate.id for candidate in own] == ["p0", "p1"]
    both = FakeGallery(tmp_path, query_languages=("en", "zh"))
    Composer(FakeModel(answer=answer), both).search(article, "睡觉的猫")
    assert both.queries == [["睡觉的猫"]]
    with pytest.raises(InputError):
        Composer(FakeModel(), gallery).search(article, " \x00 ")


def test_a_model_that_sees_is_shown_the_pictures(gallery: FakeGallery) -> None:
    sees = Capabilities(sees_pictures=True, max_pictures=8, context_tokens=4096)
    model = FakeModel(answer=answer, capabilities=sees)
    list(Composer(model, gallery).compose(TITLE, Options(pictures=1)))
    assert [len(prompt[-1].pictures) for prompt in model.prompts if prompt[-1].pictures] == [4]
