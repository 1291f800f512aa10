"""Intervals of means by the bootstrap (Efron 1979): articles are drawn again with replacement."""

from collections.abc import Sequence
from dataclasses import dataclass

DRAWS = 10_000
SEED = 20231
# Of fewer differences than this, all have one sign by chance in more than 5 % of all cases (sign test: 2 / 2^5 = 6 %)
FEWEST = 6


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and the range that holds it with 95 % confidence; of fewer than FEWEST values it is too narrow."""

    mean: float
    low: float
    high: float
    count: int

    @property
    def differs(self) -> bool:
        """Whether a difference is beyond chance: zero lies outside, and there are values enough to say so."""
        return self.count >= FEWEST and not self.low <= 0 <= self.high


def bootstrap(values: Sequence[float]) -> Interval:
    """The mean of at least one value with its percentile interval. The same values have the same interval."""
    import numpy as np

    found = np.asarray(values, dtype=np.float64)
    draws = np.random.default_rng(SEED).integers(0, len(found), size=(DRAWS, len(found)))
    means = found[draws].mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return Interval(float(found.mean()), float(low), float(high), len(found))
