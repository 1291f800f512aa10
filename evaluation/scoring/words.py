"""Whether a ground-truth answer occurs in a free one, after the normalisation of the VQA challenge."""

import re

# Antol et al. 2015, the challenge's vqaEval.py: punctuation, articles, numbers as words
_PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
_NUMBER_WITH_COMMA = re.compile(r"\d,\d")
_PERIOD = re.compile(r"(?!<=\d)\.(?!\d)")
_NUMBERS = {
    "none": "0",
    "zero": "0",
    "one": "1",
    "two": "2",
    "three": "3",
    "four": "4",
    "five": "5",
    "six": "6",
    "seven": "7",
    "eight": "8",
    "nine": "9",
    "ten": "10",
}
_ARTICLES = frozenset(("a", "an", "the"))


def normalise(text: str) -> str:
    """Lower case, without punctuation and articles, numbers as digits."""
    text = text.replace("\n", " ").replace("\t", " ").strip()
    had_number = _NUMBER_WITH_COMMA.search(text) is not None
    cleaned = text
    for mark in _PUNCTUATION:
        joins = f"{mark} " in text or f" {mark}" in text or had_number
        cleaned = cleaned.replace(mark, "" if joins else " ")
    words = _PERIOD.sub("", cleaned).lower().split()
    return " ".join(_NUMBERS.get(word, word) for word in words if word not in _ARTICLES)


def has_word(answer: str, truth: str) -> bool:
    """Whether `truth` stands in `answer` as whole words; both are normalised already."""
    return bool(truth) and re.search(rf"(?<!\w){re.escape(truth)}(?!\w)", answer) is not None
