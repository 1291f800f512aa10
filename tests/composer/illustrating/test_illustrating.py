"""Pictures for an article that exists: planned anew, proposed for one place, searched for."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from composer.article import Article, Candidate, Illustration, Section
from composer.errors import InputError
from composer.events import (
    ArticleReady,
)
from composer.models.base import Capabilities, Message
from composer.pipeline import Composer, Options
from tests.composer.answering import TITLE, answer, paragraph_of, score_by, steps
from tests.fakes import FakeGallery, FakeModel, NamedGallery


def written(*texts: str) -> Article:
    return Article("Cats", tuple(Section(f"s{i}", text) for i, text in enumerate(texts, 1)))


def test_illustrating_anew_keeps_what_was_made_by_hand(model: FakeModel, gallery: FakeGallery) -> None:
    mine = Illustration("My cat", chosen=Candidate("p3", gallery.pictures["p3"].path), by_hand=True)
    old = Illustration("An old one", chosen=Candidate("p0", gallery.pictures["p0"].path))
    article = written("A bowl of water.", "Nothing to see.", "A soft bed.").with_illustration("s2", mine)
    article = article.with_illustration("s3", old)
    composer = Composer(model, gallery)
    events = list(composer.illustrate(article, Options(pictures=2)))
    assert steps(events) == ["retrieve", "spot", "select"]
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


def test_a_text_longer_than_the_context_is_read_paragraph_by_paragraph(gallery: FakeGallery) -> None:
    model = FakeModel(answer=answer, scorer=score_by({"water": 0.9}), capabilities=Capabilities(context_tokens=2048))
    article = written(*[f"Paragraph number {i} is about a bowl of water. " * 20 for i in range(20)])
    composer = Composer(model, gallery)
    list(composer.illustrate(article, Options(pictures=5)))
    assert len(composer.article.illustrated) == 5
    longest = max(sum(len(message.text) for message in prompt) for prompt in model.prompts)
    assert longest * 0.4 < 2048


def test_no_more_is_asked_than_it_takes_to_be_sure(tmp_path: Path) -> None:
    """One sure picture is wanted: of the other pictures and paragraphs nothing is asked; nor of the pictures after two
    that clearly do not fit."""
    asked: list[tuple[str, str]] = []

    def score(sure: bool, messages: Sequence[Message], option: str) -> float:
        if option == "Yes":
            asked.append((paragraph_of(messages), messages[-1].text))
        return math.log(0.98 if (option == "Yes") == sure else 0.02)

    gallery = NamedGallery(tmp_path, ["bowl", "water", "bed", "cat"])
    article = written("A bowl of water.", "A soft bed for the cat.", "A cat drinks water.")
    for sure, pairs, paragraphs in ((True, 1, 1), (False, 6, 3)):
        asked.clear()
        model = FakeModel(answer=answer, scorer=partial(score, sure))
        composer = Composer(model, gallery)
        list(composer.illustrate(article, Options(pictures=1)))
        assert len({paragraph for paragraph, _ in asked}) == paragraphs
        assert len(asked) == pairs
        assert len(composer.article.illustrated) == 1
    illustration = composer.article.illustrated[0].illustration
    assert illustration is not None
    assert len(illustration.candidates) > 1, "the others can still be chosen by hand"


def test_the_best_of_all_places_is_found_though_it_is_short_and_last(tmp_path: Path) -> None:
    abstract = (
        "Moving to a new city with a family can be a challenge, and it takes patience to feel at home in it. " * 3
    )
    article = written(*(f"{number}. {abstract}" for number in range(3)), "We ate a strawberry.")
    model = FakeModel(answer=answer, scorer=score_by({"strawberry": 0.95, "city": 0.3, "family": 0.3}))
    composer = Composer(model, NamedGallery(tmp_path, ["city", "family", "strawberry"]))
    list(composer.illustrate(article, Options(pictures=1)))
    assert [section.text for section in composer.article.illustrated] == ["We ate a strawberry."]


def test_a_text_in_a_third_language_is_searched_for_what_the_model_names(tmp_path: Path) -> None:
    german = "Am Morgen gingen wir mit dem Hund an den Strand, und das Wetter war den ganzen langen Tag sehr gut."
    model = FakeModel(answer=lambda _: "dog, beach", scorer=score_by({"Hund": 0.95}))
    gallery = NamedGallery(tmp_path, ["dog", "beach"])
    composer = Composer(model, gallery)
    article = replace(written(german), title="Ein Tag am Meer")
    list(composer.illustrate(article, Options(pictures=1)))
    assert sorted(set(gallery.queries)) == ["beach", "dog"]
    (section,) = composer.article.illustrated
    assert section.illustration is not None
    assert section.illustration.caption == "Dog"


@pytest.mark.real
def test_a_guess_of_the_model_is_not_searched_for(gallery: FakeGallery) -> None:
    model = FakeModel(answer=lambda _: "train, car", scorer=score_by({"train": 0.9}))
    composer = Composer(model, gallery)
    list(composer.illustrate(written("The conductor walks through the train."), Options(pictures=1)))
    assert "train" in gallery.queries
    assert "car" not in gallery.queries


def test_what_surely_stands_elsewhere_is_not_asked_about_again(tmp_path: Path) -> None:
    """A thing is shown once, so no other paragraph is asked about it; illustrating anew begins from nothing."""
    asked: list[str] = []

    def score(messages: Sequence[Message], option: str) -> float:
        if option == "Yes":
            asked.append(messages[-1].text.split("picture of ")[-1].split(" fit")[0])
        return math.log(0.98 if option == "Yes" else 0.02)

    gallery = NamedGallery(tmp_path, ["cat", "black cat", "bed", "bowl"])
    article = written("A cat sleeps.", "The cat has a bed.", "The cat has a bowl.")
    composer = Composer(FakeModel(answer=answer, scorer=score), gallery)
    for _ in range(2):
        asked.clear()
        list(composer.illustrate(article, Options(pictures=3)))
        assert sorted(asked) == ["bed", "bowl", "cat"]
        article = composer.article
        captions = [s.illustration.caption for s in article.illustrated if s.illustration]
        assert captions == ["Cat", "Bed", "Bowl"]


def test_what_the_title_names_is_shown_before_what_is_more_general(tmp_path: Path) -> None:
    model = FakeModel(
        answer=lambda messages: "bird, owl" if "You name the things" in messages[0].text else None,
        scorer=score_by({"owl": 0.95, "bird": 0.95}),
    )
    composer = Composer(model, NamedGallery(tmp_path, ["bird", "owl"]))
    article = replace(written("Owls are birds that hunt at night."), title="Why owls hunt")
    list(composer.illustrate(article, Options()))
    (section,) = composer.article.illustrated
    assert section.illustration is not None
    assert section.illustration.caption == "Owl"


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
    assert next(p[-1].text for p in model.prompts if "You name the things" in p[0].text) == "A soft bed."
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
    shown = [prompt[-1].pictures for prompt in model.prompts if "fit beside" in prompt[-1].text]
    assert shown
    assert all(len(pictures) == 1 for pictures in shown)
