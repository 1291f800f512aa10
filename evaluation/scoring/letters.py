"""Which option an answer names. Nothing is guessed: an answer that names none, or two, has no letter."""

import string
from collections.abc import Mapping

# these become blanks before the words are looked at (MMBench's and VLMEvalKit's matching)
_STRIPPED = str.maketrans(".()[],:;!*#{}", " " * 13)
_PUNCTUATION = str.maketrans(string.punctuation, " " * len(string.punctuation))


def exact_letter(answer: str, options: Mapping[str, str]) -> str:
    """MMBench's rule: the one option letter that stands as a word of its own, else the one option text that the answer
    contains, in an answer no longer than twice all options together. Empty where that is not one."""
    words = set(answer.translate(_STRIPPED).split())
    letters = [letter for letter in options if letter in words]
    if letters:
        return letters[0] if len(letters) == 1 else _named_text(answer, options)
    return _named_text(answer, options)


def _named_text(answer: str, options: Mapping[str, str]) -> str:
    if len(answer) > 2 * sum(map(len, options.values())):
        return ""
    lowered = answer.lower()
    named = [letter for letter, text in options.items() if text and text.lower() in lowered]
    return named[0] if len(named) == 1 else ""


def first_letter(answer: str, options: Mapping[str, str]) -> str:
    """The answer's first character that is no blank or punctuation, if it is an option's letter; the rest is not read.

    A simpler rule, in use where models are told to answer with the letter.
    """
    begun = answer.lstrip(string.whitespace + string.punctuation)[:1].upper()
    return begun if begun in options else ""


def yes_or_no(answer: str) -> str:
    """MME's rule: the whole answer, else "yes", then "no", in its first four characters."""
    lowered = answer.strip().lower()
    if lowered in ("yes", "no"):
        return lowered
    beginning = lowered[:4]
    return "yes" if "yes" in beginning else "no" if "no" in beginning else ""


def yes_or_no_anywhere(answer: str) -> str:
    """VLMEvalKit's rule: one of the two words anywhere, and not the other."""
    words = set(answer.lower().translate(_PUNCTUATION).split())
    if "yes" in words:
        return "" if "no" in words else "yes"
    return "no" if "no" in words else ""
