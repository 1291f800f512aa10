"""Prompts: shared beginnings, languages, families."""

import pytest
from PIL import Image

from composer.article import Article, Language, Section
from composer.errors import InputError
from composer.models.base import Picture, assistant, merge_turns
from composer.prompts import (
    GeneralPrompts,
    NamesPlaces,
    RatesPictures,
    Style,
    WritesHeadings,
    prompts_for,
    read_length,
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
    english = PROMPTS.write("Cats", "Cats", "en", Style())[-1].text
    chinese = PROMPTS.write("猫", "猫", "zh", Style("short"))[-1].text
    assert "Write in English" in english
    assert english.endswith("Title: Cats")
    assert chinese.endswith("题目：猫")
    assert "散文" in chinese
    assert "散文" not in PROMPTS.write("星链新闻稿", "星链新闻稿", "zh", Style())[-1].text
    assert "# " in PROMPTS.write("Write about cats", "", "en", Style("long"))[-1].text


def test_longer_articles_get_more_room() -> None:
    rooms = [Style(length).max_tokens("en") for length in (100, "short", "medium", "long", 1000)]
    assert rooms == sorted(set(rooms))
    assert Style().max_tokens("zh") > Style().max_tokens("en")


@pytest.mark.parametrize(
    ("typed", "length"),
    [("short", "short"), ("450", 450), ("1,200 words", 1200), ("450 字", 450), ("500字", 500), ("endless", "endless")],
)
def test_a_length_is_a_name_or_a_number_of_words(typed: str, length: str | int) -> None:
    assert read_length(typed) == length


@pytest.mark.parametrize(
    ("style", "said"),
    [
        (Style(49), "49 words; 50 to 3,000"),
        (Style(3001), "3,001 words"),
        (Style("epic"), "'epic'"),  # type: ignore[arg-type]  # bad on purpose
        (Style(tone="very " * 50), "'very very very very very very  …' has 249 characters"),
    ],
)
def test_what_cannot_be_written_is_refused_with_what_can(style: Style, said: str) -> None:
    with pytest.raises(InputError) as refused:
        style.checked()
    assert said in refused.value.text("en")


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("10 paragraphs", "about 60 words", "a travel magazine", "written for old sailors")),
        ("zh", ("600字", "旅游杂志", "old sailors")),
    ],
)
def test_length_tone_and_readers_are_asked_for(language: Language, words: tuple[str, ...]) -> None:
    asked = PROMPTS.write("Cats", "Cats", language, Style(600, "travel", "old sailors"))[-1].text
    assert [word for word in words if word not in asked] == []
    assert "一本旧杂志" in PROMPTS.write("Cats", "Cats", language, Style(tone="一本旧杂志"))[-1].text
    (trained,) = prompts_for("xcomposer").write("猫", "猫", "zh", Style(600, "travel", "老水手"))
    assert trained.text.endswith("：猫（语气：旅游杂志，读者：老水手，约600字）")


def test_a_short_article_is_not_asked_for_headings_that_it_has_no_paragraphs_for() -> None:
    assert "subheadings" not in PROMPTS.write("Cats", "Cats", "en", Style(100))[-1].text


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
    return Article("Cats", tuple(Section(f"s{i}", _paragraph(i)) for i in range(1, count + 1)))


def _paragraph(number: int) -> str:
    return f"Paragraph {number}, which says in a whole sentence what cats do in the rain."


def test_prose_gets_headings_over_its_parts() -> None:
    answers = iter(["## 1. Food and Water:", '"Rest"'])
    model = FakeModel(answer=lambda _: next(answers))
    article = with_headings(model, PROMPTS, prose(6))
    assert [s.text for s in article] == [
        _paragraph(1),
        "Food and Water",
        _paragraph(2),
        _paragraph(3),
        "Rest",
        _paragraph(4),
        _paragraph(5),
        _paragraph(6),
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


def test_a_part_is_no_pair_of_short_lines() -> None:
    """Headings once stood over every two lines of a dialogue, between a question and its answer."""
    lines = ["I went to see my uncle.", "He was at home.", "The door was open.", "In the garden stood a ladder."]
    assert [len(part) for part in parts([Section(f"s{i}", text) for i, text in enumerate(lines)])] == [4]
    said = [f"{_paragraph(1)} “Why do you sing?” I asked.", f"“Because it rains,” said the cat. {_paragraph(2)}"]
    told = [_paragraph(3), said[0], said[1], _paragraph(4), _paragraph(5)]
    assert [len(part) for part in parts([Section(f"s{i}", text) for i, text in enumerate(told)])] == [3, 2]
