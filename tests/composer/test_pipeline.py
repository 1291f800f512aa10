"""The pipeline with a fake model and gallery: order of events, pictures used once, titles and options."""

from pathlib import Path

import pytest

from composer.article import Article, Section
from composer.errors import InputError, NoPictureFits, OtherLanguage
from composer.events import (
    ArticleReady,
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
from composer.illustrating import FITS
from composer.illustrating.illustrator import FEWEST_READ
from composer.models.base import Capabilities, assistant
from composer.pipeline import Composer, Options
from tests.composer.answering import TITLE, answer, score_by, steps
from tests.fakes import FakeGallery, FakeModel, NamedGallery


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
        *frame,
        PictureChosen,
        *frame,
        PlacesFound,
        PictureChosen,
        StepFinished,
        ArticleReady,
    ]
    assert steps(events) == ["write", "retrieve", "spot", "select"]
    assert {event.plan for event in events if isinstance(event, StepStarted)} == {tuple(steps(events))}
    last = events[-1]
    assert isinstance(last, ArticleReady)
    assert last.article is composer.article
    assert not last.stopped
    assert set(last.report.seconds) == {"write", "retrieve", "spot", "select", "total"}
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
        assert illustration.chosen == illustration.candidates[0]
        assert illustration.chosen.caption in (illustration.alt or illustration.caption).lower()
        assert illustration.chosen.evidence is not None
        assert illustration.chosen.evidence.yes == pytest.approx(0.9 if section.id == "s2" else 0.8)
        for candidate in illustration.candidates:
            assert candidate.fit is not None
            assert candidate.evidence is not None
            assert candidate.evidence.named
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


def test_without_selection_the_words_decide_and_the_model_is_not_asked(model: FakeModel, tmp_path: Path) -> None:
    composer = Composer(model, NamedGallery(tmp_path, ["bowl", "bed", "volcano"]))
    list(composer.compose(TITLE, Options(pictures=2, select=False)))
    illustrations = [s.illustration for s in composer.article.illustrated]
    assert sorted(i.chosen.caption for i in illustrations if i and i.chosen) == ["bed", "bowl"]
    assert all(c.evidence and c.evidence.yes is None for i in illustrations if i for c in i.candidates)


def test_no_pictures_wanted_or_no_gallery(model: FakeModel, gallery: FakeGallery) -> None:
    for composer, options in ((Composer(model, gallery), Options(pictures=0)), (Composer(model, None), Options())):
        events = list(composer.compose(TITLE, options))
        assert steps(events) == ["write"]
        assert composer.article.illustrated == ()
        assert isinstance(events[-1], ArticleReady)


def test_more_pictures_than_paragraphs_are_said_to_be_too_many(model: FakeModel, gallery: FakeGallery) -> None:
    events = list(Composer(model, gallery).compose(TITLE, Options(pictures=9)))
    notices = [event.problem.text("en") for event in events if isinstance(event, Notice)]
    assert notices == [
        "4 of the 9 pictures have a place: each paragraph takes one, and the gallery has none for the others."
    ]


def test_what_is_asked_about_a_paragraph_goes_on_after_the_paragraph(model: FakeModel, gallery: FakeGallery) -> None:
    list(Composer(model, gallery).compose(TITLE, Options(pictures=2)))
    asked = [prompt for prompt in model.prompts if "fit beside" in prompt[-1].text]
    assert asked
    for prompt in asked:
        reading = prompt[: prompt.index(assistant(prompt[-2].text), -3)]
        assert reading in model.prompts, "the paragraph was computed when its things were asked for"


def test_a_model_that_sees_writes_captions_that_are_true_of_picture_and_paragraph(tmp_path: Path) -> None:
    lines = {"bowl": "A bowl of fresh water", "bed": "A bed on the moon, built by aliens"}
    model = FakeModel(
        answer=lambda messages: (
            next(line for name, line in lines.items() if f"Picture: {name}" in messages[-1].text)
            if "You write the line" in messages[0].text
            else answer(messages)
        ),
        scorer=score_by({"bowl of": 0.9, "soft bed": 0.8}),
        capabilities=Capabilities(sees_pictures=True, max_pictures=4, context_tokens=4096),
    )
    composer = Composer(model, NamedGallery(tmp_path, ["bowl", "bed"]))
    events = list(composer.compose(TITLE, Options(pictures=2)))
    assert steps(events) == ["write", "retrieve", "spot", "select", "caption"]
    captions = [event.illustration.caption for event in events if isinstance(event, CaptionReady)]
    assert captions == ["A bowl of fresh water", "Bed"], "what the paragraph does not say is no caption"


def test_chinese_articles_are_searched_in_both_languages_and_captioned_in_chinese(tmp_path: Path) -> None:
    model = FakeModel(
        article="猫需要一碗清水。\n\n柔软的床边睡着一只猫。\n",
        answer=lambda messages: "cat, bowl" if "You name the things" in messages[0].text else None,
        scorer=score_by({"清水": 0.9}),
    )
    gallery = NamedGallery(tmp_path, ["cat · 猫", "bowl · 碗"])
    composer = Composer(model, gallery)
    list(composer.compose("如何养猫", Options(pictures=1)))
    (section,) = composer.article.illustrated
    assert composer.article.language == "zh"
    assert section.illustration is not None
    assert section.illustration.caption in ("猫", "碗")
    assert {"cat", "bowl", "猫"} <= set(map(str, gallery.queries))


def test_an_article_shows_a_thing_once(tmp_path: Path) -> None:
    article = "A loaf of bread.\n\nMore bread, and a flat bread.\n\nStill more bread.\n"
    model = FakeModel(
        article=article, answer=lambda m: "bread" if "You name" in m[0].text else None, scorer=score_by({"bread": 0.45})
    )
    composer = Composer(model, NamedGallery(tmp_path, ["bread", "flat bread", "baguette bread"]))
    list(composer.compose("Bread", Options()))
    assert len(composer.article.illustrated) == 1
    without = [section for section in composer.article if section.illustration is None]
    assert all("bread" in section.looked_for for section in without)


def test_what_does_not_fit_is_not_shown_unless_a_number_is_asked_for(gallery: FakeGallery) -> None:
    model = FakeModel(answer=answer, scorer=score_by({}))
    composer = Composer(model, gallery)
    events = list(composer.compose(TITLE, Options()))
    assert composer.article.illustrated == ()
    assert [type(event.problem) for event in events if isinstance(event, Notice)] == [NoPictureFits]
    list(composer.illustrate(composer.article, Options(pictures=2)))
    fits = [s.illustration.chosen.fit for s in composer.article.illustrated if s.illustration and s.illustration.chosen]
    assert len(fits) == 2
    assert max(fit or 0.0 for fit in fits) < FITS, "shown because they were asked for, and known to be weak"


def test_of_many_short_paragraphs_the_most_promising_are_read(tmp_path: Path) -> None:
    lines = [f"Line {number} says nothing much." for number in range(12)]
    lines[7] = "A soft bed stands here."
    model = FakeModel(article="\n\n".join(lines), answer=answer, scorer=score_by({"soft bed": 0.5}))
    composer = Composer(model, NamedGallery(tmp_path, ["hospital bed", "volcano"]))  # no sure picture
    list(composer.compose(TITLE, Options(pictures=1)))
    read = [p[-1].text for p in model.prompts if "You name the things" in p[0].text and "fit beside" not in p[-1].text]
    assert len(read) == FEWEST_READ
    assert read[0] == lines[7]
    assert [section.text for section in composer.article.illustrated] == [lines[7]]


def test_a_sure_picture_is_shown_before_the_other_paragraphs_are_read(tmp_path: Path) -> None:
    model = FakeModel(answer=answer, scorer=score_by({" ": 0.999}))
    events = list(Composer(model, NamedGallery(tmp_path, ["bed", "bowl"])).compose(TITLE, Options()))
    first = next(i for i, event in enumerate(events) if isinstance(event, PictureChosen))
    read = [event.done for event in events[:first] if isinstance(event, StepProgress) and event.step == "spot"]
    assert read == []


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
    [
        Options(pictures=31),
        Options(pictures=-1),
        Options(language="fr"),
        Options(length="endless"),
        Options(length=7),
        Options(readers="you " * 60),
    ],  # type: ignore[arg-type]  # bad on purpose
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


# -- from one section on -----------------------------------------------------------------------------------


def test_an_article_is_written_anew_from_a_section_on(model: FakeModel, gallery: FakeGallery) -> None:
    composer = Composer(model, gallery)
    list(composer.compose(TITLE, Options(pictures=2, length=120, tone="travel")))
    before = composer.article
    place = next(number for number, s in enumerate(before) if number > 1 and s.kind == "paragraph")
    model.article = "A brush keeps the fur smooth.\n\nOnce a year it sees the vet.\n"
    events = list(composer.write_on(before, before.sections[place].id, Options(pictures=4)))
    after = composer.article
    assert after.sections[:place] == before.sections[:place], "with their pictures"
    assert [s.text for s in after.sections[place:]] == ["A brush keeps the fur smooth.", "Once a year it sees the vet."]
    assert len({s.id for s in after}) == len(after.sections)
    assert {s.id for s in after.sections[place:]}.isdisjoint(s.id for s in before)
    assert any(s.illustration for s in after.sections[place:])
    asked = next(prompt for prompt in reversed(model.prompts) if "Title: " in "".join(m.text for m in prompt))
    assert "a travel magazine" in asked[1].text
    assert asked[-1].role == "assistant"
    assert asked[-1].text.rstrip().endswith(before.sections[place - 1].text)
    assert after.title == before.title
    assert isinstance(events[-1], ArticleReady)
    shown = next(event.article for event in events if isinstance(event, SectionsReady))
    assert shown.sections == before.sections[:place], "what follows goes as soon as it begins"


def test_where_nothing_is_written_the_article_stays(model: FakeModel, gallery: FakeGallery) -> None:
    composer = Composer(model, gallery)
    list(composer.compose(TITLE, Options(pictures=1)))
    before = composer.article
    model.article = ""
    events = list(composer.write_on(before, before.sections[2].id))
    assert composer.article == before
    assert any(isinstance(event, Notice) for event in events)
    with pytest.raises(KeyError):
        composer.write_on(before, "s99")


def test_an_imported_text_is_written_on_from_its_title(model: FakeModel, gallery: FakeGallery) -> None:
    own = Article("My cat", (Section("s1", "It sleeps."), Section("s2", "It eats.")), parameters={"length": ["odd"]})
    composer = Composer(model, gallery)
    list(composer.write_on(own, "s2", Options(pictures=0)))
    assert composer.article.sections[0] == own.sections[0]
    assert len(composer.article.sections) > 2


@pytest.mark.parametrize(("pictures", "said"), [(1, True), (0, False)])
def test_a_text_in_a_third_language_is_told_that_captions_are_english(
    model: FakeModel, gallery: FakeGallery, pictures: int, said: bool
) -> None:
    texts = ("Le chat dort sur le canapé pendant que la pluie tombe.", "Les enfants jouent dans le jardin.")
    sections = tuple(Section(f"s{number}", text * 3) for number, text in enumerate(texts))
    events = list(Composer(model, gallery).illustrate(Article("Le chat", sections), Options(pictures=pictures)))
    notices = [event.problem for event in events if isinstance(event, Notice)]
    assert any(isinstance(problem, OtherLanguage) for problem in notices) is said
    if said:
        assert "captions of its pictures are in English" in notices[0].text()
        assert "英文" in notices[0].text("zh")
