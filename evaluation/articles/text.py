"""What can be counted in an article's text: length, language, repetition, structure. Needs no model."""

import re
from collections.abc import Sequence

from common.language import HAN, HAN_RANGES
from composer import blocks
from composer.article import Article, Language
from composer.prompts import Length, Style

_TOKEN = re.compile(rf"[{HAN_RANGES}]|[^\W_]+(?:['’-][^\W_]+)*")
_HAN_OR_WORD = re.compile(rf"[{HAN_RANGES}]|[A-Za-z][A-Za-z'’-]*")
_ENDS = re.compile(r"[.!?…。！？:：][\"'”’」』)）\]*_]*$")
_MARKS = re.compile(r"^\s*(?:#{1,6}\s|[-*+•]\s|\d{1,2}[.)、]\s?)|```|<[a-z/][^>]*>|!\[|\|.*\|", re.IGNORECASE)
NEAR_LENGTH = (0.6, 1.6)  # of the length asked for: within is kept
OWN_LANGUAGE = 0.8  # share of a paragraph's words that are of the article's language


def tokens(text: str) -> list[str]:
    """Words in lower case; each Chinese character is one."""
    return [token.lower() for token in _TOKEN.findall(text)]


def distinct_n(words: Sequence[str], n: int) -> float | None:
    """Different n-grams among all n-grams (Li et al. 2016), 0 to 1; None for a text that is too short."""
    grams = [tuple(words[start : start + n]) for start in range(len(words) - n + 1)]
    return len(set(grams)) / len(grams) if grams else None


def longest_repeat(words: Sequence[str]) -> int:
    """Tokens of the longest span that stands twice, without overlap."""

    def repeats(length: int) -> bool:
        first: dict[tuple[str, ...], int] = {}
        for start in range(len(words) - length + 1):
            if start >= first.setdefault(tuple(words[start : start + length]), start) + length:
                return True
        return False

    low, high = 0, len(words) // 2
    while low < high:  # a span that repeats has a shorter one that does
        middle = (low + high + 1) // 2
        low, high = (middle, high) if repeats(middle) else (low, middle - 1)
    return low


def text_measures(article: Article, length: Length) -> dict[str, float | None]:
    """Name -> number; None where the article has nothing to count."""
    paragraphs = [blocks.words(section) for section in article if section.kind == "paragraph"]
    headings = [section for section in article if section.kind == "heading"]
    words = [token for text in paragraphs for token in tokens(text)]
    share = len(words) / Style(length).words(article.language)
    kinds = [section.kind for section in article]
    empty = sum(kind == "heading" and after != "paragraph" for kind, after in zip(kinds, [*kinds[1:], ""], strict=True))
    return {
        "words": float(len(words)),
        "length_share": share,
        "length_kept": float(NEAR_LENGTH[0] <= share <= NEAR_LENGTH[1]),
        "language_kept": _mean([float(_in_language(text, article.language)) for text in paragraphs]),
        "distinct_2": distinct_n(words, 2),
        "distinct_3": distinct_n(words, 3),
        "longest_repeat": float(longest_repeat(words)),
        "repeated_paragraphs": float(len(paragraphs) - len(set(paragraphs))),
        "paragraphs": float(len(paragraphs)),
        "headings": float(len(headings)),
        "empty_headings": float(empty),
        "unfinished": float(sum(_ENDS.search(text) is None for text in paragraphs)),
        "stray_marks": float(sum(_MARKS.search(section.text) is not None for section in article)),
    }


def _in_language(text: str, language: Language) -> bool:
    found = _HAN_OR_WORD.findall(text)
    chinese = sum(HAN.match(token) is not None for token in found)
    own = chinese if language == "zh" else len(found) - chinese
    return bool(found) and own / len(found) >= OWN_LANGUAGE


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
