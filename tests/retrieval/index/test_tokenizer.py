"""Full-text words in both languages."""

import pytest

from retrieval.index.tokenizer import match_expression, pieces, stored_words, things, wanted_words


def test_chinese_is_stored_as_characters_and_pairs() -> None:
    assert stored_words("牛肉面条 noodles") == "牛 肉 面 条 牛肉 肉面 面条 noodles"


@pytest.mark.parametrize(
    ("query", "strong", "weak"),
    [
        ("A photo of the bowl", ["bowl"], []),
        ("猫", ["猫"], []),
        ("一只猫", ["一只", "只猫"], ["猫"]),
        ("the", ["the"], []),  # nothing else remains
        ("  ", [], []),
        ("vet's office", ["vet", "office"], []),
    ],
)
def test_wanted_words(query: str, strong: list[str], weak: list[str]) -> None:
    assert wanted_words(query) == (strong, weak)


def test_no_query_is_syntax() -> None:
    assert match_expression(['a"b', "OR"]) == '"a""b" OR "OR"'
    assert pieces('NEAR("x" OR *)') == ["near", "x", "or"]


@pytest.mark.parametrize(
    ("phrase", "asked"),
    [
        ("a dog running in the park", ["dog"]),
        ("A cup of coffee", ["coffee"]),
        ("hot-air balloon", ["hot air balloon"]),
        ("running shoes", ["running shoes"]),
        ("hamburger and fries", ["hamburger", "fries"]),
        ("the photo", []),
        ("海上的帆船", ["帆船"]),
        ("一杯红酒", ["红酒"]),
        ("汉堡和薯条", ["汉堡", "薯条"]),
        ("上海和平饭店", ["上海和平饭店"]),
        ("目的地", ["目的地"]),
        ("把手", ["把手"]),
        ("IKEA 的沙发", ["ikea", "沙发"]),
    ],
)
def test_what_a_phrase_asks_to_be_shown(phrase: str, asked: list[str]) -> None:
    assert things(phrase) == asked
