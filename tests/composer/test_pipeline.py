"""The pipeline with a fake model and gallery: order of events, pictures used once, titles and options."""

import re
from collections.abc import Sequence

import pytest

from composer.article import Article
from composer.errors import InputError
from composer.events import (
    ArticleReady,
    CandidatesReady,
    CaptionReady,
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
from composer.models.base import Capabilities, Message, Sampling, assistant
from composer.pipeline import Composer, Options
from tests.composer.answering import TITLE, answer, score_by, steps
from tests.fakes import FakeGallery, FakeModel


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
    assert notices == ["Only 4 of the 9 pictures fit into the article: one after each paragraph."]


def about_article(model: FakeModel) -> list[list[Message]]:
    """The questions about captions and choices that the model was asked."""
    return [
        prompt for prompt in model.prompts if re.search("six English words|Answer with the letter", prompt[-1].text)
    ]


def test_questions_go_on_after_the_writing(model: FakeModel, gallery: FakeGallery) -> None:
    list(Composer(model, gallery).compose(TITLE, Options(pictures=2)))
    writing, asked = model.prompts[0], about_article(model)
    assert len(asked) == 4
    for prompt in asked:
        assert prompt[: len(writing)] == writing
        assert prompt[len(writing)] == assistant(model.article), "as it was written, whose keys and values exist"
        assert [message.role for message in prompt[len(writing) + 1 :]] == ["user"]


def test_of_another_text_the_article_comes_first_and_the_question_last(model: FakeModel, gallery: FakeGallery) -> None:
    composer = Composer(model, gallery)
    list(composer.compose(TITLE, Options(pictures=0)))
    model.prompts.clear()
    list(composer.illustrate(composer.article, Options(pictures=2)))
    asked = about_article(model)
    assert len(asked) == 4
    assert len({prompt[1].text.split("voice.")[0] for prompt in asked}) == 1, "all questions share one beginning"
    assert all("Here is the article" in prompt[1].text and len(prompt) == 2 for prompt in asked)


def test_a_wish_that_leaves_no_room_for_questions_is_not_repeated(gallery: FakeGallery) -> None:
    small = Capabilities(context_tokens=1100)
    model = FakeModel(answer=answer, scorer=score_by({"bowl of": 0.9, "soft bed": 0.8}), capabilities=small)
    list(Composer(model, gallery).compose("Please write about cats. " * 50, Options(pictures=2)))
    assert len(about_article(model)) == 4
    assert all("Here is the article" in prompt[1].text for prompt in about_article(model))


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
