"""The values that all benchmarks share: a question, its picture, and what a model answered.

Knows no file format, no prompt and no rule.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


class PictureSource(Protocol):
    """Where a question's picture lies. It is read when it is needed, so that a whole benchmark fits in memory."""

    @property
    def name(self) -> str: ...

    def read(self) -> bytes:
        """The encoded picture (JPEG, PNG …)."""
        ...


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture in a file of its own."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    def read(self) -> bytes:
        return self.path.read_bytes()


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a benchmark."""

    id: str  # as predictions name it; unique in the benchmark
    text: str
    picture: PictureSource | None
    unit: str  # questions with the same unit count together: rotations of one question, a picture's two questions
    options: tuple[tuple[str, str], ...] = ()  # letter, text; absent options are left out
    hint: str = ""
    answers: tuple[str, ...] = ()  # the right letter, or every text that is right; empty where it is not published
    groups: Mapping[str, str] = field(default_factory=dict)  # kind of group -> name, e.g. "category" -> "OCR"
    value: float | None = None  # a measured value in the place of an answer (opinion scores)
    source: Mapping[str, str] = field(default_factory=dict)  # fields that an official submission repeats

    @property
    def letters(self) -> tuple[str, ...]:
        return tuple(letter for letter, _text in self.options)


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model answered: a text, scores of options, or both."""

    id: str
    text: str | None = None
    # kind of scores (see evaluation.prompting.Need) -> the mean log-probability of a token of each option, in order
    scores: Mapping[str, Sequence[float]] = field(default_factory=dict)


def first_units(questions: Sequence[Question], limit: int | None) -> list[Question]:
    """The questions of the first `limit` units, in order: a unit is never cut."""
    if limit is None:
        return list(questions)
    kept = set(list(dict.fromkeys(question.unit for question in questions))[:limit])
    return [question for question in questions if question.unit in kept]
