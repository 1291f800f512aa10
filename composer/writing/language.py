"""Whether a text is in a language that the prompts and captions have no words for, and one language in one text.

Knows words and how they may be drawn, no models.
"""

import re
from dataclasses import replace

from common.language import HAN
from composer.article import Language
from composer.models import Sampling, Script

_SAMPLE = 4_000  # characters that are looked at
_LEAST = 12  # words; of fewer nothing is said
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_KANA = re.compile(r"[\u3041-\u30ff]")
_LETTERS: dict[Script, re.Pattern[str]] = {"latin": re.compile(r"[a-z]"), "han": HAN}
_ENGLISH_SHARE = 0.6  # of the words that an English dictionary knows: Spanish has 0.45, English full of names 0.8


def is_other_language(text: str) -> bool:
    """Whether the text seems to be in neither English nor Chinese: French, Russian, Japanese …"""
    text = text[:_SAMPLE]
    han, kana = len(HAN.findall(text)), len(_KANA.findall(text))
    if kana > 0.2 * (han + kana):
        return han + kana >= _LEAST
    words = [word for word in _WORD.findall(text) if not HAN.search(word)]
    if len(words) < max(_LEAST, 3 * han):  # Chinese carries the text, whatever names are in it
        return False
    from simplemma import in_target_language

    return in_target_language(" ".join(words), lang="en") < _ENGLISH_SHARE


def in_one_script(sampling: Sampling, language: Language, *texts: str) -> Sampling:
    """How words are drawn for a text in this language: without the other one's letters, which small models mix in,
    where no text that it is made from has any."""
    foreign: Script = "latin" if language == "zh" else "han"
    return replace(sampling, without=None if any(map(_LETTERS[foreign].search, texts)) else foreign)
