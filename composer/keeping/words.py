"""Names and texts as lists and searches use them."""

import unicodedata

from common.decoding import without_halves
from common.language import HAN

LONGEST_NAME = 200  # characters of a name that a person gives


def one_line(name: str) -> str:
    """A name without line breaks, of at most `LONGEST_NAME` characters."""
    return " ".join(str(without_halves(name)).split())[:LONGEST_NAME]


def count_words(text: str) -> int:
    """A Chinese character counts as one, as Chinese word processors count."""
    spaced = HAN.sub(" ", text).split()
    return len(HAN.findall(text)) + sum(any(character.isalnum() for character in word) for word in spaced)


def folded(text: str) -> str:
    """As texts are compared in a search: without case, and without the width of Chinese signs."""
    return unicodedata.normalize("NFKC", without_halves(text)).casefold()
