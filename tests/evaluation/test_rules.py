"""The rules, by cases worked by hand and by restatements that share no code with them."""

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.scoring import (
    exact_letter,
    first_letter,
    has_word,
    mcnemar,
    normalise,
    pearson,
    spearman,
    wilson,
    yes_or_no,
    yes_or_no_anywhere,
)

OPTIONS = {"A": "a cat", "B": "a dog", "C": "two cats", "D": "none of them"}


@pytest.mark.parametrize(
    ("answer", "letter"),
    [
        ("B", "B"),
        ("(B)", "B"),
        ("The answer is B.", "B"),
        ("B. a dog", "B"),
        ("B, not b", "B"),
        ("B: a dog; B!", "B"),
        ("A or B", ""),  # two letters, no text
        ("A or B: a dog", "B"),  # two letters, one text
        ("b", ""),  # letters are upper case
        ("Bdog", ""),
        ("It is a dog", "B"),
        ("A DOG", "A"),  # the article is a letter as a word of its own: MMBench's rule reads it so
        ("it shows a dog and a cat", ""),
        ("none", ""),
        ("none of them", "D"),
        ("a dog" + " and so on" * 20, ""),  # longer than twice all options
        ("", ""),
        ("E", ""),
        ("#B#", "B"),
        ("*{B}*", "B"),
    ],
)
def test_exact_letter(answer: str, letter: str) -> None:
    assert exact_letter(answer, OPTIONS) == letter


def test_exact_letter_in_chinese() -> None:
    options = {"A": "猫", "B": "狗"}
    assert [exact_letter(text, options) for text in ("B", "答案是 B", "狗。", "猫和狗", "马")] == [
        "B",
        "B",
        "B",
        "",
        "",
    ]


WORDS = st.sampled_from(["A", "B", "C", "D", "E", "a", "dog", "a dog", "(A)", "B.", "none of them", "cats", ",", "!"])


@given(st.lists(WORDS, max_size=6).map(" ".join))
def test_exact_letter_agrees_with_the_official_rule_restated(answer: str) -> None:
    splits = re.split(" ", re.sub(r"[.()\[\],:;!*#{}]", " ", answer))
    present = [option for option in "ABCD" if splits.count(option)]
    if len(present) == 1:
        expected = present[0]
    else:
        budget = 2 * len("".join(OPTIONS.values()))
        inside = [k for k in OPTIONS if answer.casefold().find(OPTIONS[k]) != -1]
        expected = inside[0] if len(answer) <= budget and len(inside) == 1 else ""
    assert exact_letter(answer, OPTIONS) == expected


@pytest.mark.parametrize(
    ("answer", "letter"), [("b) dog", "B"), (" (C", "C"), ("Dog", "D"), ("Elephant", ""), ("", ""), ("\n*A*", "A")]
)
def test_first_letter(answer: str, letter: str) -> None:
    assert first_letter(answer, OPTIONS) == letter


@pytest.mark.parametrize(
    ("answer", "official", "anywhere"),
    [
        ("Yes", "yes", "yes"),
        ("NO.", "no", "no"),
        ("yes, no", "yes", ""),
        ("No, yes", "no", ""),
        ("Not sure", "no", ""),  # "no" is in the first four characters
        ("nope", "no", ""),
        ("ayes", "yes", ""),
        ("I think yes", "", "yes"),
        ("there is no cat", "", "no"),
        ("know", "no", ""),
        ("", "", ""),
    ],
)
def test_yes_or_no(answer: str, official: str, anywhere: str) -> None:
    assert (yes_or_no(answer), yes_or_no_anywhere(answer)) == (official, anywhere)


@given(st.text(alphabet="yesnoYESNO .,", max_size=8))
def test_yes_or_no_agrees_with_the_official_rule_restated(answer: str) -> None:
    said = answer.strip().lower()
    match = re.match(r"(?P<no>no$)|(?P<yes>yes$)", said)
    if match:
        expected = "yes" if match["yes"] else "no"
    else:
        four = said[0:4]
        expected = ["yes" * ("yes" in four), "no" * ("no" in four)][0] or "no" * ("no" in four)
    assert yes_or_no(answer) == expected


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The Cat!", "cat"),
        ("a dog, and\ttwo cats", "dog and 2 cats"),
        ("An apple; none", "apple 0"),
        ("1,000 cats", "1000 cats"),  # a comma within a number is left out, not a blank
        ("black-white", "black white"),
        ("well- known", "well known"),
        ("3.5 km.", "3.5 km"),
        ("it's", "it's"),
        ("Ten", "10"),
        ("", ""),
    ],
)
def test_normalise(text: str, normal: str) -> None:
    assert normalise(text) == normal


@pytest.mark.parametrize(
    ("answer", "truth", "found"),
    [
        ("2 cats", "2", True),
        ("12 cats", "2", False),
        ("cats", "cat", False),
        ("black cat", "black cat", True),
        ("x", "", False),
    ],
)
def test_has_word(answer: str, truth: str, found: bool) -> None:
    assert has_word(answer, truth) is found


NUMBERS = st.lists(st.tuples(st.integers(-50, 50).map(float), st.integers(-50, 50).map(float)), min_size=3, max_size=30)


@settings(deadline=None)  # the first example imports
@given(NUMBERS)
def test_correlations_agree_with_numpy(pairs: list[tuple[float, float]]) -> None:
    first, second = (list(column) for column in zip(*pairs, strict=True))
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert pearson(first, second) is None
        assert spearman(first, second) is None
        return
    assert pearson(first, second) == pytest.approx(np.corrcoef(first, second)[0, 1], abs=1e-12)

    def ranks(values: list[float]) -> list[float]:
        return [sum(other < value for other in values) + (values.count(value) + 1) / 2 for value in values]

    assert spearman(first, second) == pytest.approx(np.corrcoef(ranks(first), ranks(second))[0, 1], abs=1e-12)


def test_correlations_by_hand() -> None:
    assert spearman([1, 2, 3], [1, 3, 2]) == pytest.approx(0.5)
    assert pearson([1, 2, 3], [2, 4, 6]) == 1.0
    assert spearman([1, 2, 2, 3], [1, 2, 3, 4]) == pytest.approx(0.9486832980505138)  # a tie


def test_mcnemar_by_hand_and_by_enumeration() -> None:
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 5) == 1.0
    assert mcnemar(10, 2) == pytest.approx(2 * (1 + 12 + 66) / 4096)
    for gained, lost in ((1, 9), (3, 4), (0, 7)):
        count = gained + lost
        as_far = sum(math.comb(count, k) for k in range(count + 1) if abs(k - count / 2) >= abs(gained - count / 2))
        assert mcnemar(gained, lost) == pytest.approx(as_far / 2**count)
    assert mcnemar(2600, 2400) == pytest.approx(0.0049, abs=5e-5)  # more than can be counted one by one


def test_wilson_by_hand() -> None:
    low, high = wilson(8, 10)
    assert (round(low, 4), round(high, 4)) == (0.4902, 0.9433)
    assert wilson(0, 0) == (0.0, 1.0)
