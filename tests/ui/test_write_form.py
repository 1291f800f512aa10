"""What the form of the Write tab makes of what a person typed."""

import pytest

from composer.errors import InputError
from ui.kept import LONGEST_TITLE
from ui.write.tab import labels_operation, length_choices, parse_seed, picture_choices, title_problem


@pytest.mark.parametrize(
    ("typed", "seed"), [(None, None), ("", None), ("  ", None), ("0", 0), (" 42 ", 42), ("2147483647", 2147483647)]
)
def test_a_seed_is_a_whole_number_or_nothing(typed: str | None, seed: int | None) -> None:
    assert parse_seed(typed) == seed


@pytest.mark.parametrize("typed", ["-1", "1.5", "abc", "2147483648", "\u0664"])
def test_any_other_seed_is_refused_with_a_sentence(typed: str) -> None:
    with pytest.raises(InputError, match="whole number"):
        parse_seed(typed)


@pytest.mark.parametrize("title", ["", " ", "\n\t", "\x00\x1b", "\u200b", "\u202e"])
def test_a_title_of_nothing_visible_is_empty(title: str) -> None:
    assert title_problem(title, "en") == "Enter a title or an instruction first."


@pytest.mark.parametrize(
    "title", ["../../x", "<b>x</b>", "\u202eabc", "🐱", "\U0001fae9", "如何养好", "x" * LONGEST_TITLE]
)
def test_odd_titles_are_titles(title: str) -> None:
    assert title_problem(title, "en") == ""


def test_a_title_of_100_kb_is_refused_with_its_length() -> None:
    assert "100,000" in title_problem("x" * 100_000, "en")
    assert "100,000" in title_problem("x" * 100_000, "zh")


def test_choices_keep_their_values_in_both_languages() -> None:
    for choices in (picture_choices, length_choices):
        assert [value for _, value in choices("en")] == [value for _, value in choices("zh")]
    assert picture_choices("en")[-1] == ("30", "30")


def test_the_view_gets_its_labels() -> None:
    operation = labels_operation("zh")
    assert operation["texts"]["stop"] == "停止"
    assert operation["texts"]["empty_query"]
