"""Correlations of predicted and measured values, and of outcomes of two runs."""

import math
from collections.abc import Sequence


def pearson(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Linear correlation (PLCC); None where one of the two does not vary."""
    count = len(first)
    mean_first, mean_second = math.fsum(first) / count, math.fsum(second) / count
    a = [value - mean_first for value in first]
    b = [value - mean_second for value in second]
    spread = math.fsum(x * x for x in a) * math.fsum(y * y for y in b)
    if spread <= 0 or min(first) == max(first) or min(second) == max(second):
        return None
    return max(-1.0, min(1.0, math.fsum(x * y for x, y in zip(a, b, strict=True)) / math.sqrt(spread)))


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Rank correlation (SRCC); equal values share the mean of their ranks."""
    return pearson(_ranks(first), _ranks(second))


def _ranks(values: Sequence[float]) -> list[float]:
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end + 1 < len(order) and values[order[end + 1]] == values[order[start]]:
            end += 1
        for position in range(start, end + 1):
            ranks[order[position]] = (start + end) / 2 + 1
        start = end + 1
    return ranks


def mcnemar(gained: int, lost: int) -> float:
    """The exact two-sided p-value of McNemar's test: how likely so uneven a split of the changed outcomes is by chance.

    gained: wrong in the first run, right in the second; lost: the other way round.
    """
    changed = gained + lost
    if not changed:
        return 1.0
    tail = sum(math.comb(changed, k) for k in range(min(gained, lost) + 1))
    return (
        min(1.0, float(2 * tail / 2.0**changed))
        if changed < 1000
        else math.erfc((abs(gained - lost) - 1) / math.sqrt(2 * changed))
    )


def wilson(right: int, count: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """The interval in which a share lies with 95 % confidence (Wilson 1927)."""
    if not count:
        return 0.0, 1.0
    p = right / count
    middle = (p + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(p * (1 - p) / count + z * z / (4 * count * count))
    return middle - half, middle + half
