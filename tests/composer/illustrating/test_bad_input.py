"""Galleries, texts and models that are not as one would wish them."""

import math
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from composer.article import Article, Candidate, Language, Section
from composer.errors import FewerPlaces, ModelFailed, NoPictureFits, NothingToIllustrate, OtherLanguage
from composer.events import ArticleReady, Event, Notice, PictureChosen
from composer.illustrating import FITS
from composer.models.base import Capabilities, Message
from composer.pipeline import Composer, Options
from retrieval.base import GalleryInfo, Hit
from tests.composer.answering import answer
from tests.fakes import FakeGallery, FakeModel, NamedGallery

_THINGS = """
bowl bed cat window fish tree moon boat bread car house dog bridge lamp table chair horse bird train church
garden river mountain apple cheese violin clock hammer bicycle castle snake rose carrot egg ladder tent kite
bell candle drum
"""
THINGS = _THINGS.split()


def paragraph(number: int) -> str:
    thing, other = THINGS[number % len(THINGS)], THINGS[(7 * number + 3) % len(THINGS)]
    return f"Here stands a {thing} beside a {other}, and we look at both of them for a long while in silence."


class Matching(NamedGallery):
    """A search finds only what has a word of the query in its name."""

    def search(self, query: object, *, k: int = 4, exclude: Collection[str] = ()) -> list[Hit]:
        words = set(str(query).split())
        return [hit for hit in super().search(query, k=k, exclude=exclude) if words & set(hit.caption.split())]


def article_of(*texts: str, language: Language = "en", title: str = "A walk") -> Article:
    return Article(title, tuple(Section(f"s{i}", text) for i, text in enumerate(texts, 1)), language)


def reader(yes: float = 0.9) -> FakeModel:
    """A model that names what stands in a paragraph and finds that every picture fits as likely as said."""
    return FakeModel(answer=answer, scorer=lambda _, option: math.log(yes if option == "Yes" else 1 - yes))


def illustrated(
    article: Article, gallery: FakeGallery, model: FakeModel | None = None, pictures: int | None = None
) -> tuple[Article, list[Event]]:
    composer = Composer(model or reader(), gallery)
    events = list(composer.illustrate(article, Options(pictures=pictures)))
    assert isinstance(events[-1], ArticleReady)
    return composer.article, events


def chosen(article: Article) -> dict[str, Candidate]:
    return {s.id: s.illustration.chosen for s in article.illustrated if s.illustration and s.illustration.chosen}


def problems(events: Sequence[Event]) -> list[type]:
    return [type(event.problem) for event in events if isinstance(event, Notice)]


# -- galleries -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pictures", "said"), [(None, []), (3, []), (5, [FewerPlaces])])
def test_a_gallery_of_three_pictures_shows_each_once(pictures: int | None, said: list[type], tmp_path: Path) -> None:
    texts = ["A cat sleeps here.", "A bed is soft.", "The cat looks at the moon.", "Nothing.", "The cat again."]
    texts = [f"{text} {'Then we waited for a long while in silence. ' * 5}" for text in texts]
    article, events = illustrated(article_of(*texts), Matching(tmp_path, ["cat", "bed", "moon"]), None, pictures)
    names = sorted(each.caption for each in chosen(article).values())
    assert names == ["bed", "cat", "moon"]
    assert problems(events) == said


class HugeGallery(FakeGallery):
    """100,000 pictures, each named after a thing; only those that are found exist."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, 1)

    def search(self, query: object, *, k: int = 4, exclude: Collection[str] = ()) -> list[Hit]:
        self.queries.append(query)
        ids = (f"{query} {number}" for number in range(100_000 // len(THINGS)))
        found = (self.get(picture_id) for picture_id in ids if picture_id not in exclude)
        return [next(found) for _ in range(k)]

    def get(self, picture_id: str) -> Hit:
        return replace(self.pictures["p0"], id=picture_id, caption=picture_id.rsplit(" ", 1)[0])

    def info(self) -> GalleryInfo:
        return replace(super().info(), pictures=100_000)


def test_a_gallery_of_100000_pictures_is_searched_no_more_than_a_small_one(tmp_path: Path) -> None:
    article = article_of(*[paragraph(number) for number in range(8)])
    model, gallery, small = reader(), HugeGallery(tmp_path), Matching(tmp_path, THINGS)
    article, _events = illustrated(article, gallery, model, pictures=4)
    illustrated(article, small, reader(), pictures=4)
    assert len(chosen(article)) == 4
    assert len(model.prompts) <= 5 * 6
    assert len(gallery.queries) <= len(small.queries)


def test_pictures_without_words_stand_only_where_a_number_is_asked_for(tmp_path: Path) -> None:
    texts = [paragraph(number) for number in range(6)]
    article, events = illustrated(article_of(*texts), NamedGallery(tmp_path, [""] * 12))
    assert chosen(article) == {}
    assert problems(events) == [NoPictureFits]
    article, events = illustrated(article_of(*texts), NamedGallery(tmp_path, [""] * 12), pictures=3)
    assert len({each.id for each in chosen(article).values()}) == 3
    assert all((each.fit or 0.0) < FITS for each in chosen(article).values())
    assert [s.illustration.caption for s in article.illustrated if s.illustration] == [""] * 3
    assert problems(events) == []


def test_pictures_without_words_are_looked_at_by_a_model_that_sees(tmp_path: Path) -> None:
    model = reader(0.99)
    model.capabilities = Capabilities(sees_pictures=True, max_pictures=8, context_tokens=4096)
    illustrated(article_of(paragraph(0)), NamedGallery(tmp_path, [""] * 12), model, pictures=1)
    assert any(prompt[-1].pictures for prompt in model.prompts)


def test_pictures_of_one_subject_stand_once_and_repeated_only_where_a_number_is_asked_for(tmp_path: Path) -> None:
    texts = [f"The cat sleeps on day {number}, and nobody wakes it." for number in range(6)]
    article, events = illustrated(article_of(*texts), NamedGallery(tmp_path, ["cat"] * 9))
    assert len(chosen(article)) == 1
    assert problems(events) == []
    article, events = illustrated(article_of(*texts), NamedGallery(tmp_path, ["cat"] * 9), pictures=4)
    assert len({each.id for each in chosen(article).values()}) == 4
    fits = sorted((each.fit or 0.0 for each in chosen(article).values()), reverse=True)
    assert fits[0] >= FITS
    assert all(fit < FITS for fit in fits[1:]), "the same thing once more is weak"
    assert problems(events) == []


def test_variety_comes_before_repeating(tmp_path: Path) -> None:
    texts = ["The cat sleeps.", "A cat plays.", "The cat eats and looks at a boat.", "My cat dreams."]
    article, _events = illustrated(article_of(*texts), NamedGallery(tmp_path, ["cat", "cat", "cat", "boat"]), None, 3)
    names = [each.caption for each in chosen(article).values()]
    assert sorted(names) == ["boat", "cat", "cat"]


# -- texts ---------------------------------------------------------------------------------------------


def test_an_article_of_one_sentence_gets_one_picture(tmp_path: Path) -> None:
    article, events = illustrated(article_of("The cat sleeps."), Matching(tmp_path, THINGS))
    assert [each.caption for each in chosen(article).values()] == ["cat"]
    assert problems(events) == []


@pytest.mark.parametrize("pictures", [None, 12, 30])
def test_an_article_of_200_paragraphs_has_bounded_questions_and_pictures_along_it(
    pictures: int | None, tmp_path: Path
) -> None:
    model, gallery = reader(), Matching(tmp_path, [f"{thing} {n}" for n in range(4) for thing in THINGS])
    started = time.process_time()
    article, events = illustrated(article_of(*[paragraph(number) for number in range(200)]), gallery, model, pictures)
    assert time.process_time() - started < 60
    assert len(model.prompts) <= (30 + 2) * 5
    assert len(gallery.queries) <= 800 + 32 * 36
    places = sorted(int(place[1:]) for place in chosen(article))
    assert len(places) == (pictures or len(places))
    assert len(places) >= 8
    for quarter in range(4):
        assert any(50 * quarter < place <= 50 * (quarter + 1) for place in places), "no part is without pictures"
    assert problems(events) == []


@pytest.mark.parametrize("pictures", [None, 3])
def test_an_article_of_headings_only_stays_as_it_is(pictures: int | None, tmp_path: Path) -> None:
    article = article_of("The cat", "The dog", "The boat")
    article = article.with_sections([replace(section, kind="heading", level=2) for section in article])
    model = reader()
    after, events = illustrated(article, Matching(tmp_path, THINGS), model, pictures)
    assert after.sections == article.sections
    assert model.prompts == []
    assert problems(events) == [NothingToIllustrate]


def test_an_article_of_lists_is_illustrated_by_what_they_name(tmp_path: Path) -> None:
    article = article_of("- a bowl\n- a bed", "Nothing.", "1. two cats\n2. a dog")
    article = article.with_sections([replace(section, kind="list") for section in article])
    article, _events = illustrated(article, Matching(tmp_path, THINGS), pictures=2)
    first, second = (each.caption for each in chosen(article).values())
    assert first in ("bowl", "bed")
    assert second in ("cat", "dog")


@pytest.mark.parametrize(
    ("text", "language", "named"),
    [
        ("Die Katze schläft im Garten, und neben ihr liegt ein großer Hund.", "en", "cat, dog, garden"),
        ("猫は庭で眠り、その隣に大きな犬がいます。", "zh", "cat, dog, garden"),
        ("تنام القطة في الحديقة، وبجانبها كلب كبير.", "en", "cat, dog, garden"),
    ],
)
def test_a_text_in_a_third_language_is_illustrated_by_what_the_model_names(
    text: str, language: Language, named: str, tmp_path: Path
) -> None:
    model = reader()
    model.answer = lambda messages: named if "You name the things" in messages[0].text else None
    article, events = illustrated(article_of(text, language=language, title="…"), Matching(tmp_path, THINGS), model)
    (picture,) = chosen(article).values()
    assert picture.caption in named.split(", ")
    (caption,) = (s.illustration.caption for s in article.illustrated if s.illustration)
    assert caption == picture.caption.capitalize() or caption in text
    assert set(problems(events)) <= {OtherLanguage}


# -- models --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", ["", "none", "\n\n", "Ich sehe nichts.", "我不知道该写什么", "段落没有内容"])
def test_where_the_model_names_nothing_that_helps_the_paragraphs_own_words_are_searched(
    said: str, tmp_path: Path
) -> None:
    model = reader()
    model.answer = lambda messages: said if "You name the things" in messages[0].text else None
    article, events = illustrated(article_of("The cat sleeps on the bed."), Matching(tmp_path, THINGS), model)
    assert {each.caption for each in chosen(article).values()} <= {"cat", "bed"}
    assert len(chosen(article)) == 1
    assert problems(events) == []


def test_a_model_that_names_things_in_chinese_finds_pictures_with_chinese_names(tmp_path: Path) -> None:
    model = reader()
    model.answer = lambda messages: "猫, 床" if "You name the things" in messages[0].text else None
    gallery = NamedGallery(tmp_path, ["cat · 猫", "boat · 船"])
    article, _events = illustrated(article_of("Sie schläft auf dem Bett."), gallery, model)
    assert [s.illustration.caption for s in article.illustrated if s.illustration] == ["Cat"]


def test_a_model_that_fails_in_the_middle_keeps_what_was_chosen_and_says_so_once(tmp_path: Path) -> None:
    """The picture that was shown at once stays, with those that the words alone speak for."""
    model, calls = reader(0.99), 0

    def fails_later(messages: Sequence[Message]) -> str | None:
        nonlocal calls
        calls += 1
        if calls > 2:
            raise ModelFailed(name="fake", doing="working", reason="cable pulled")
        return answer(messages)

    model.answer = fails_later
    texts = [paragraph(number) for number in range(6)]
    article, events = illustrated(article_of(*texts), Matching(tmp_path, THINGS), model, pictures=4)
    first = next(event for event in events if isinstance(event, PictureChosen))
    assert chosen(article)[first.section_id] == first.illustration.chosen
    assert len(chosen(article)) == 4
    assert problems(events) == [ModelFailed]
    (notice,) = [event.problem for event in events if isinstance(event, Notice)]
    assert "cable pulled" in notice.text("en")
