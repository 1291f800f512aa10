"""What a small model says again: paragraphs with a few other words, sentences, mostly in its last paragraph, the
beginnings of sentences, and what it was told."""

import re
from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import groupby

from common.language import HAN, HAN_RANGES
from composer import inline
from composer.article import Section
from composer.writing.lines import sentences, width

# Share of two paragraphs' characters that agree, from which the second says nothing new; of long ones, with other
# places or days in it, less: of twenty articles two went in circles, with 0.77 to 0.88, and no others had over 0.62.
_NEARLY_EQUAL, _IN_CIRCLES = 0.88, 0.75
_LONG = 160  # width of a paragraph; steps of a recipe are shorter, and may be alike
_REFRAIN = 40  # width of a paragraph up to which it may come again: a refrain, a question that is asked once more
# Share of a sentence's runs of four words, or four Chinese characters, that stand before it, from which it says nothing
# new: of 344 sentences of thirty-three articles seven have more, all of them said before, and three 0.5 to 0.65.
_SAID_BEFORE = 0.65
_RUN = 4
# Sentences in a row that begin with the same words, from which a paragraph goes in circles ("It makes me feel …" nine
# times), and how many of them stay; and how many words, or Chinese characters, are a beginning.
_LITANY, _OF_A_LITANY = 6, 3
_BEGINNING_EN, _BEGINNING_ZH = 4, 6
_REFERS_BACK = re.compile(
    r"\s*(?:(?:They|Their|It|Its|He|His|She|Her|This|These|That|Those|Such)\b|[他她它其这那此]"
    r"|[a-z]|[^，。！？“”]{1,6}[问说道答喊叫][道着]?[，。！：]?\s*$)"  # and who says what stands before
)
_ECHO_EN, _ECHO_ZH = 30, 6  # characters in a row of what the model was told that are no accident
SPOKEN = re.compile(r'["“”„«»「」『』]')
_WORD = re.compile(f"[{HAN_RANGES}]|[^\\W_{HAN_RANGES}]+")
_SHORT_SENTENCE = 30  # width up to which a sentence may come again


def says_nothing_new(section: Section, other: Section) -> bool:
    """Whether a paragraph repeats an earlier one."""
    if section.kind != "paragraph" or width(section.text) <= _REFRAIN:
        return False
    return _agree(section.text, other.text, _IN_CIRCLES if width(section.text) > _LONG else _NEARLY_EQUAL)


def without_repetitions(sections: Sequence[Section], before: Sequence[Section]) -> list[Section]:
    """The sections without paragraphs and sentences that stood in an earlier one, but for a few words, and without
    most of a long row of sentences that begin alike. before: what stands in front of them."""
    kept: list[Section] = []
    said = {run for section in before for sentence in _sentences(section) for run in _runs(sentence)}
    for section in sections:
        if any(says_nothing_new(section, other) for other in (*before, *kept)):
            continue
        own = _sentences(section)
        again, circles = [], _in_circles(own)
        for number, sentence in enumerate(own):
            runs = _runs(sentence)
            is_said = _may_be_left_out(sentence) and len(runs & said) >= _SAID_BEFORE * max(len(runs), 1)
            again.append(is_said or number in circles)
            said |= runs
        if any(again):
            section = replace(section, text="".join(_left(own, again)).strip())
        if section.text:
            kept.append(section)
    return kept


def without_echoes(sections: Sequence[Section], told: str) -> list[Section]:
    """The sections without sentences about the task: "I begin with a concrete scene", in the words of `told`, which the
    model was asked with. A paragraph that begins so is about the task as a whole."""
    kept: list[Section] = []
    for section in sections:
        own = _sentences(section)
        echoes = [_echoes(sentence, told) for sentence in own]
        if not any(echoes):
            kept.append(section)
        elif not echoes[0]:
            left = [sentence for sentence, echo in zip(own, echoes, strict=True) if not echo]
            kept.append(replace(section, text="".join(left).strip()))
    return kept


def _echoes(sentence: str, told: str) -> bool:
    length = _ECHO_ZH if HAN.search(sentence) else _ECHO_EN
    words = inline.plain(sentence).strip()
    return any(words[start : start + length] in told for start in range(len(words) - length + 1))


def _left(sentences: Sequence[str], again: Sequence[bool]) -> list[str]:
    """The sentences that are new, and those without which a new one would not be understood ("They …", 我问)."""
    left: list[str] = []
    for sentence, is_again in zip(reversed(sentences), reversed(again), strict=True):
        if not is_again or (left and _REFERS_BACK.match(left[-1])):
            left.append(sentence)
    return left[::-1]


def _sentences(section: Section) -> list[str]:
    return sentences(section.text) if section.kind == "paragraph" else []


def _in_circles(own: Sequence[str]) -> set[int]:
    """The numbers of the sentences that only go on with a long row of sentences that begin alike. What somebody says,
    and half of a pair of bold marks, is not left out."""
    rows = [list(row) for _, row in groupby(range(len(own)), key=lambda number: _beginning(own[number]))]
    long_rows = [row for row in rows if len(row) >= _LITANY and _beginning(own[row[0]])]
    further = {number for row in long_rows for number in row[_OF_A_LITANY:]}
    return {number for number in further if not SPOKEN.search(own[number]) and own[number].count("**") % 2 == 0}


def _beginning(sentence: str) -> tuple[str, ...]:
    """The first words of a sentence that goes on behind them; empty for a shorter one, which may be a refrain."""
    words = _WORD.findall(inline.plain(sentence).lower())
    length = _BEGINNING_ZH if HAN.search(sentence) else _BEGINNING_EN
    return tuple(words[:length]) if len(words) > length else ()


def _may_be_left_out(sentence: str) -> bool:
    """A short one may come again. Half of a pair of bold marks does not stand alone."""
    return width(sentence) > _SHORT_SENTENCE and sentence.count("**") % 2 == 0


def _runs(sentence: str) -> frozenset[str]:
    """The runs of four words of a sentence, or of four Chinese characters."""
    words = _WORD.findall(inline.plain(sentence).lower())
    return frozenset(" ".join(words[start : start + _RUN]) for start in range(len(words) - _RUN + 1))


def _agree(text: str, other: str, least: float) -> bool:
    """Whether more than this share of two texts' characters agree."""
    if not 0.75 < len(text) / max(len(other), 1) < 1.34:
        return False
    matcher = SequenceMatcher(None, text, other, autojunk=False)
    return matcher.quick_ratio() > least and matcher.ratio() > least
