"""The numbers of all articles together, with intervals drawn by article."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from evaluation.illustrating.items import Item
from evaluation.illustrating.measures import ItemResult, auroc, measure_item
from evaluation.illustrating.methods import Method

DRAWS = 2000
SEED = 20231
NAMES = {
    "placement_f1": "placement F1 at ±1 paragraph",
    "placement_f1_chance": "the same, as many places at random",
    "placement_exact": "placement F1 of the very paragraphs",
    "placement_exact_chance": "the same, as many places at random",
    "placement_f1_assignment": "placement F1 at ±1 of all pictures by linear assignment",
    "choice_hit_1": "own picture first among the article's",
    "choice_mrr": "mean reciprocal rank of the own picture",
    "refusal_auroc": "best fit with the own picture above that without (AUROC)",
}

_MEASURES: dict[str, Callable[[Sequence[ItemResult]], float | None]] = {
    "placement_f1": lambda results: fmean(r.f1 for r in results),
    "placement_f1_chance": lambda results: fmean(r.f1_chance for r in results),
    "placement_exact": lambda results: fmean(r.exact for r in results),
    "placement_exact_chance": lambda results: fmean(r.exact_chance for r in results),
    "placement_f1_assignment": lambda results: fmean(r.f1_assigned for r in results),
    "choice_hit_1": lambda results: fmean(r.hit for r in results),
    "choice_mrr": lambda results: fmean(r.reciprocal_rank for r in results),
    "refusal_auroc": lambda results: auroc(
        [value for r in results for value in r.with_true], [value for r in results for value in r.without_true]
    ),
}


@dataclass(frozen=True, slots=True)
class Number:
    value: float
    low: float  # 95 %
    high: float


@dataclass(frozen=True, slots=True)
class MethodResult:
    """One method over all articles."""

    method: str
    articles: int
    numbers: dict[str, Number]

    def as_dict(self) -> dict[str, Any]:
        numbers = {name: [round(x, 4) for x in (n.value, n.low, n.high)] for name, n in self.numbers.items()}
        return {"method": self.method, "articles": self.articles, **numbers}


def measure_method(
    method: Method, items: Sequence[Item], note: Callable[[str], None] = lambda _line: None
) -> MethodResult:
    """Illustrates each article and counts."""
    results = []
    for number, item in enumerate(items, 1):
        note(f"{method.name}: {number}/{len(items)} {item.title}")
        fits, places = method.illustrate(item)
        results.append(measure_item(item, fits, places))
    return MethodResult(method.name, len(results), summarize(results))


def summarize(results: Sequence[ItemResult]) -> dict[str, Number]:
    """Each number over at least one article. Intervals: articles are drawn again with replacement."""
    import numpy as np

    draws = np.random.default_rng(SEED).integers(0, len(results), size=(DRAWS, len(results)))
    found = {}
    for name, measure in _MEASURES.items():
        value = measure(results)
        if value is None:
            continue
        again = [measure([results[i] for i in row]) for row in draws]
        low, high = np.percentile([each for each in again if each is not None], (2.5, 97.5))
        found[name] = Number(value, float(low), float(high))
    return found


def results_markdown(found: Sequence[MethodResult]) -> str:
    """A row a number, a column a method."""
    lines = ["| number | " + " | ".join(each.method for each in found) + " |", "|---|" + "---|" * len(found)]
    for name, meaning in NAMES.items():
        cells = [
            f"{n.value:.3f} ({n.low:.3f} to {n.high:.3f})" if (n := each.numbers.get(name)) else "" for each in found
        ]
        lines.append(f"| {name}: {meaning} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
