"""Prompts: shared beginnings, languages, families."""

import pytest
from PIL import Image

from composer.article import Article, Language, Section
from composer.models.base import Picture, assistant, merge_turns
from composer.prompts import (
    GeneralPrompts,
    NamesPlaces,
    RatesPictures,
    WritesHeadings,
    max_tokens,
    prompts_for,
)
from composer.writing.headings import parts, with_headings
from tests.fakes import FakeModel

PROMPTS = GeneralPrompts()
ARTICLE = Article(
    "Cats",
    (
        Section("s1", "Food", "heading", 2),
        Section("s2", "A **bowl** of [water](https://a.b)."),
        Section("s3", "A bed."),
    ),
)


def test_the_shared_beginning_numbers_paragraphs_and_does_not_change_with_headings() -> None:
    shared = PROMPTS.shared(ARTICLE)
    assert "[1] A bowl of water.\n\n[2] A bed." in shared[-1].text
    without = ARTICLE.without_section("s1")
    assert PROMPTS.shared(without) == shared


def test_headings_continue_the_shared_turn() -> None:
    shared = PROMPTS.shared(ARTICLE)
    turns = merge_turns([*shared, *PROMPTS.heading(ARTICLE, [ARTICLE.section("s3")])])
    assert [turn.role for turn in turns] == ["system", "user"]
    assert turns[1].text.startswith(shared[1].text)


def test_paragraphs_share_their_examples_and_pictures_are_asked_about_after_the_things() -> None:
    one, other = PROMPTS.things("A bowl of water."), PROMPTS.things("一张床。")
    assert one[:-1] == other[:-1]
    assert [message.text for message in (one[-1], other[-1])] == ["A bowl of water.", "一张床。"]
    asked = PROMPTS.fits("bowl with spoon", None)
    assert asked.options == ("Yes", "No")
    turns = merge_turns([*one, assistant("bowl, water"), *asked.messages])
    assert turns[-1].text == "Does a picture of bowl with spoon fit beside this paragraph?"
    assert turns[-1].text.replace("bowl with spoon", "bread") in [turn.text for turn in turns[:-3]], (
        "as in the examples"
    )


def test_a_model_that_sees_is_asked_about_the_picture_itself() -> None:
    picture = Picture.open(Image.new("RGB", (8, 8), "red"))
    (asked,) = PROMPTS.fits("bowl", picture).messages
    assert asked.pictures == (picture,)
    assert "bowl" not in asked.text


def test_a_very_long_paragraph_is_read_from_its_beginning() -> None:
    assert len(PROMPTS.things("water " * 5000)[-1].text) < 1000


@pytest.mark.parametrize(("language", "expected"), [("en", "Picture: bowl"), ("zh", "图片：bowl")])
def test_captions_are_asked_for_in_the_language_of_the_article(language: Language, expected: str) -> None:
    picture = Picture.open(Image.new("RGB", (8, 8), "red"))
    asked = PROMPTS.caption_of("bowl", picture, "…", language)[-1]
    assert asked.text.startswith(expected)
    assert asked.pictures == (picture,)


def test_the_language_of_the_article_is_asked_for() -> None:
    english = PROMPTS.write("Cats", "Cats", "en", "medium")[-1].text
    chinese = PROMPTS.write("猫", "猫", "zh", "short")[-1].text
    assert "Write in English" in english
    assert english.endswith("Title: Cats")
    assert chinese.endswith("题目：猫")
    assert "散文" in chinese
    assert "散文" not in PROMPTS.write("星链新闻稿", "星链新闻稿", "zh", "medium")[-1].text
    assert "# " in PROMPTS.write("Write about cats", "", "en", "long")[-1].text


def test_longer_articles_get_more_room() -> None:
    assert max_tokens("short", "en") < max_tokens("medium", "en") < max_tokens("long", "en")
    assert max_tokens("medium", "zh") > max_tokens("medium", "en")


def test_a_family_brings_its_own_prompts() -> None:
    assert isinstance(prompts_for("general"), GeneralPrompts)
    assert isinstance(prompts_for("never-heard-of"), GeneralPrompts)
    native = prompts_for("xcomposer")
    assert not isinstance(native, GeneralPrompts)
    assert isinstance(native, NamesPlaces)
    assert not isinstance(native, RatesPictures)
    assert not isinstance(native, WritesHeadings)


# -- headings ------------------------------------------------------------------------------------------


def prose(count: int) -> Article:
    return Article("Cats", tuple(Section(f"s{i}", f"Paragraph {i}.") for i in range(1, count + 1)))


def test_prose_gets_headings_over_its_parts() -> None:
    answers = iter(["## 1. Food and Water:", '"Rest"'])
    model = FakeModel(answer=lambda _: next(answers))
    article = with_headings(model, PROMPTS, prose(6))
    assert [s.text for s in article] == [
        "Paragraph 1.",
        "Food and Water",
        "Paragraph 2.",
        "Paragraph 3.",
        "Rest",
        "Paragraph 4.",
        "Paragraph 5.",
        "Paragraph 6.",
    ]
    assert len({section.id for section in article}) == 8
    assert [s.level for s in article if s.kind == "heading"] == [2, 2]


def test_headings_are_not_asked_for_where_there_are_some_or_the_text_is_short() -> None:
    model = FakeModel(answer=lambda _: "Heading")
    assert with_headings(model, PROMPTS, prose(3)) == prose(3)
    some = prose(5).with_sections([Section("h", "Food", "heading", 2), *prose(5).sections])
    assert with_headings(model, PROMPTS, some) == some
    assert model.prompts == []


def test_headings_that_repeat_or_run_on_are_left_out() -> None:
    model = FakeModel(answer=lambda _: "Same heading")
    assert sum(s.kind == "heading" for s in with_headings(model, PROMPTS, prose(7))) == 1
    model = FakeModel(answer=lambda _: "a very long sentence that is no heading at all, but goes on and on")
    assert with_headings(model, PROMPTS, prose(5)).sections == prose(5).sections


@pytest.mark.parametrize(("count", "sizes"), [(3, [3]), (4, [2, 2]), (5, [2, 3]), (6, [2, 2, 2]), (7, [2, 2, 3])])
def test_parts_leave_no_paragraph_alone(count: int, sizes: list[int]) -> None:
    assert [len(part) for part in parts(list(prose(count).sections))] == sizes
