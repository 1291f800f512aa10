"""Runs as their folders hold them, and what two of them have in common."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.messages import Text, _
from common.terminal import this_command
from evaluation.errors import RunUnusable
from evaluation.scoring import Judgement, mcnemar, unit_outcomes


@dataclass(frozen=True, slots=True)
class Run:
    """One scored run."""

    folder: Path
    model: str
    benchmark: str
    scores: Mapping[str, Any]  # the first rule's, as scores.json has them
    judgements: Mapping[str, Judgement]
    facts: Mapping[str, Any]  # run.json

    @property
    def value(self) -> float:
        return float(self.scores["value"])

    @property
    def shown(self) -> str:
        """The score, never without its rule."""
        return f"{self.value:.{self.scores['places']}f} {self.scores['label']}"

    @property
    def outcomes(self) -> dict[str, bool]:
        """What the rule counts as one -> whether it is right."""
        if self.scores["by_unit"]:
            return unit_outcomes(self.judgements.values())
        return {judgement.id: judgement.right for judgement in self.judgements.values()}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs over the same questions."""

    first: Run
    second: Run
    common: int  # outcomes that both have
    gained: tuple[str, ...]  # wrong in the first, right in the second
    lost: tuple[str, ...]

    @property
    def p(self) -> float:
        """Of McNemar's exact test."""
        return mcnemar(len(self.gained), len(self.lost))

    @property
    def text(self) -> str:
        return f"{len(self.gained)} gained, {len(self.lost)} lost of {self.common}; McNemar p = {self.p:.3g}" + (
            "" if self.p < 0.05 else " (no difference beyond chance)"
        )


def why_unscored(folder: Path) -> Text | None:
    """Why a folder of a run has no score of a benchmark; None for one that has, or that holds no run."""
    folder = folder.expanduser()
    try:
        facts = json.loads((folder / "run.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if "titles" in facts:
        return _(
            "it holds articles; two such runs are compared by: {command} compare A B",
            command=this_command("evaluation"),
        )
    return None if (folder / "scores.json").is_file() else _("its answers are scored by the benchmark's makers.")


def load_run(folder: Path) -> Run:
    """The run in a folder. Raises RunUnusable."""
    folder = folder.expanduser()
    if reason := why_unscored(folder):
        raise RunUnusable(place=folder, reason=reason)
    try:
        scores = json.loads((folder / "scores.json").read_text("utf-8"))[0]
        facts = json.loads((folder / "run.json").read_text("utf-8"))
        judgements = {}
        for line in (folder / "judgements.jsonl").read_text("utf-8").splitlines():
            item = json.loads(line)
            judgements[item["id"]] = Judgement(item["id"], item["unit"], item["read"], item["right"])
        return Run(folder, str(facts["model"]), str(scores["benchmark"]), scores, judgements, facts)
    except FileNotFoundError as error:
        name = Path(str(error.filename)).name
        reason = _(
            "it has no {name}. A run that was scored has one: {command} BENCHMARK --out.",
            name=name,
            command=this_command("evaluation"),
        )
        raise RunUnusable(place=folder, reason=reason) from error
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise RunUnusable(place=folder, reason=_("its files cannot be read ({error}).", error=error)) from error


def compare(first: Run, second: Run) -> Comparison:
    """What changed from the first run to the second. Raises RunUnusable for runs of two benchmarks."""
    if first.benchmark != second.benchmark:
        reason = _(
            "it is a run of {second}; the other one is of {first}.", second=second.benchmark, first=first.benchmark
        )
        raise RunUnusable(place=second.folder, reason=reason)
    before, after = first.outcomes, second.outcomes
    common = [unit for unit in before if unit in after]
    gained = tuple(unit for unit in common if after[unit] and not before[unit])
    lost = tuple(unit for unit in common if before[unit] and not after[unit])
    return Comparison(first, second, len(common), gained, lost)
