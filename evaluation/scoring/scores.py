"""What a rule found: a judgement for every question, rows of a table, one number; and the way it is written down."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evaluation.questions import Question
from evaluation.scoring.correlation import wilson


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a rule read in one prediction."""

    id: str
    unit: str
    read: str  # the letter or word that was read; empty where nothing could be
    right: bool

    @property
    def readable(self) -> bool:
        return bool(self.read)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table of scores."""

    group: str  # the kind of group, e.g. "category"
    name: str
    value: float
    count: int  # of what the value is a mean of
    unparsable: int = 0  # predictions in which the rule read nothing; they count as wrong


@dataclass(frozen=True, slots=True)
class Scores:
    """The result of one benchmark under one rule."""

    benchmark: str
    rule: str
    value: float
    maximum: float
    questions: int
    unparsable: int
    rows: tuple[Row, ...] = ()
    judgements: tuple[Judgement, ...] = ()
    parts: Mapping[str, float] = field(default_factory=dict)  # further numbers of the benchmark, e.g. "perception"
    notes: tuple[str, ...] = ()  # what limits the number, e.g. tasks that are not there
    settings: str = ""  # of the run: beams, precision, prompts
    by_unit: bool = False  # a unit counts once, and only if all of it is right
    places: int = 1  # digits after the point where the number is shown

    @property
    def label(self) -> str:
        """The rule and all else that the number depends on; it never appears without."""
        return "[" + ", ".join(part for part in (self.rule, *self.notes, self.settings) if part) + "]"

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of a score that is a share of right outcomes; None for others."""
        outcomes = unit_outcomes(self.judgements) if self.by_unit else {j.id: j.right for j in self.judgements}
        if not outcomes or abs(share(list(outcomes.values())) * self.maximum - self.value) > 1e-9:
            return None
        low, high = wilson(sum(outcomes.values()), len(outcomes))
        return low * self.maximum, high * self.maximum

    @property
    def headline(self) -> str:
        return f"{self.value:.{self.places}f} {self.label}"

    def as_dict(self) -> dict[str, Any]:
        """For JSON; without the judgements, which are a file of their own."""
        return {
            "benchmark": self.benchmark,
            "rule": self.rule,
            "value": self.value,
            "maximum": self.maximum,
            "label": self.label,
            "by_unit": self.by_unit,
            "places": self.places,
            "interval": self.interval,
            "questions": self.questions,
            "unparsable": self.unparsable,
            "parts": dict(self.parts),
            "rows": [
                {"group": r.group, "name": r.name, "value": r.value, "count": r.count, "unparsable": r.unparsable}
                for r in self.rows
            ],
        }

    def to_markdown(self) -> str:
        lines = [f"# {self.benchmark}", "", f"**{self.headline}** of {self.maximum:g}", ""]
        if self.interval is not None:
            low, high = self.interval
            lines.append(f"* 95 % interval {low:.{self.places}f} to {high:.{self.places}f} (Wilson)")
        lines += [f"* {name}: {value:.{max(self.places, 2)}f}" for name, value in self.parts.items()]
        lines += [f"* {self.questions} questions, {self.unparsable} unparsable (they count as wrong)", ""]
        lines += ["| group | name | score | of | unparsable |", "|---|---|---:|---:|---:|"]
        for row in self.rows:
            name, value = row.name.replace("|", "/"), f"{row.value:.{max(self.places, 2)}f}"
            lines.append(f"| {row.group} | {name} | {value} | {row.count} | {row.unparsable} |")
        return "\n".join(lines) + "\n"


def accuracy_rows(
    questions: Sequence[Question], judgements: Mapping[str, Judgement], scale: float, *, by_unit: bool = False
) -> tuple[Row, ...]:
    """A row for every group of every kind. by_unit: a unit counts once, and only if all of it is right."""
    groups: dict[tuple[str, str], list[Question]] = {}
    for question in questions:
        for kind, name in question.groups.items():
            groups.setdefault((kind, name), []).append(question)
    kinds = list(dict.fromkeys(kind for kind, _name in groups))
    rows = []
    for kind, name in sorted(groups, key=lambda key: (kinds.index(key[0]), key[1])):
        found = [judgements[question.id] for question in groups[kind, name]]
        outcomes = list(unit_outcomes(found).values()) if by_unit else [judgement.right for judgement in found]
        unparsable = sum(not judgement.readable for judgement in found)
        rows.append(Row(kind, name, scale * share(outcomes), len(outcomes), unparsable))
    return tuple(rows)


def unit_outcomes(judgements: Iterable[Judgement]) -> dict[str, bool]:
    """Unit -> whether every question of it was answered rightly."""
    outcomes: dict[str, bool] = {}
    for judgement in judgements:
        outcomes[judgement.unit] = outcomes.get(judgement.unit, True) and judgement.right
    return outcomes


def share(outcomes: Sequence[bool]) -> float:
    """The share of true ones; 0 of none."""
    return sum(outcomes) / len(outcomes) if outcomes else 0.0


def judge(
    questions: Sequence[Question], texts: Mapping[str, str], read: Callable[[Question, str], str]
) -> dict[str, Judgement]:
    """Id -> what `read` finds in the text, against the right answer."""
    found = {}
    for question in questions:
        letter = read(question, texts[question.id])
        found[question.id] = Judgement(question.id, question.unit, letter, letter in question.answers)
    return found
