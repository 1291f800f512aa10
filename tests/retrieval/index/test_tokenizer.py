"""Full-text words in both languages."""

import pytest

from retrieval.index.tokenizer import match_expression, pieces, stored_words, wanted_words


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
