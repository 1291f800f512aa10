"""Puts rankings together: reciprocal rank fusion, and near-duplicates behind everything else. Pure functions.

Weighted reciprocal rank: sum over the rankings of weight / (K + rank), after Cormack, Clarke and Büttcher 2009 (SIGIR),
who use K = 60 for lists of a thousand; our lists are short, and a smaller K lets the first ranks count.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from retrieval.encoders import Vectors
from retrieval.records import Picture

RANK_CONSTANT = 10.0
NEAR_DUPLICATE_BITS = 6  # of 64 in which two difference hashes of the same scene may differ
NEAR_DUPLICATE_COSINE = 0.97  # for encoders that look at the pixels


def fuse(rankings: Sequence[tuple[Sequence[int], float]], constant: float = RANK_CONSTANT) -> dict[int, float]:
    """Weighted reciprocal rank fusion of (items best first, weight); item -> score, best first."""
    scores: dict[int, float] = defaultdict(float)
    for items, weight in rankings:
        for rank, item in enumerate(items):
            scores[item] += weight / (constant + rank + 1)
    return dict(sorted(scores.items(), key=lambda entry: (-entry[1], entry[0])))


def demote_near_duplicates(
    ranked: Sequence[tuple[Picture, float]], vectors: Mapping[int, Vectors]
) -> list[tuple[Picture, float]]:
    """Near-duplicates of a better picture behind everything else: by difference hash, and by vector where `vectors`
    (number of the picture -> its rows of length 1) has both."""
    first: list[tuple[Picture, float]] = []
    later: list[tuple[Picture, float]] = []
    for picture, score in ranked:
        duplicate = any(_near_duplicates(picture, other, vectors) for other, _ in first)
        (later if duplicate else first).append((picture, score))
    return first + later


def _near_duplicates(one: Picture, other: Picture, vectors: Mapping[int, Vectors]) -> bool:
    if (
        one.phash is not None
        and other.phash is not None
        and differing_bits(one.phash, other.phash) <= NEAR_DUPLICATE_BITS
    ):
        return True
    mine, theirs = vectors.get(one.number or 0), vectors.get(other.number or 0)
    return mine is not None and theirs is not None and float((mine @ theirs.T).max()) >= NEAR_DUPLICATE_COSINE


def differing_bits(one: int, other: int) -> int:
    """In how many of 64 bits two signed hashes differ."""
    return ((one ^ other) & 0xFFFF_FFFF_FFFF_FFFF).bit_count()
