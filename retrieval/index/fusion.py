"""Puts rankings together: reciprocal rank fusion, and which pictures are near-duplicates. Pure functions.

Weighted reciprocal rank: sum over the rankings of weight / (K + rank), after Cormack, Clarke and Büttcher 2009 (SIGIR),
who use K = 60 for lists of a thousand; our lists are short, and a smaller K lets the first ranks count.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

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


def near_duplicates(pictures: Sequence[Picture], vectors: Mapping[int, Vectors]) -> list[bool]:
    """Which pictures, best first, are near-duplicates of a better one that is none: by difference hash, and by vector
    where `vectors` (number of the picture -> its rows of length 1) has both."""
    near = _alike_by_hash(pictures)  # (N, N)
    owners = [place for place, picture in enumerate(pictures) for _row in vectors.get(picture.number or 0, ())]
    if owners:
        rows = np.concatenate([vectors[picture.number or 0] for picture in pictures if picture.number in vectors])
        one, other = np.nonzero(rows @ rows.T >= NEAR_DUPLICATE_COSINE)
        near[np.take(owners, one), np.take(owners, other)] = True
    np.fill_diagonal(near, val=False)
    duplicate = np.zeros(len(pictures), dtype=bool)
    for place in np.flatnonzero(near.any(axis=1)):
        duplicate[place] = (near[place, :place] & ~duplicate[:place]).any()
    result: list[bool] = duplicate.tolist()
    return result


def _alike_by_hash(pictures: Sequence[Picture]) -> NDArray[np.bool_]:
    """(N, N): whose difference hashes differ in few bits."""
    known = np.array([picture.phash is not None for picture in pictures], dtype=bool)
    hashes = np.array([picture.phash or 0 for picture in pictures], dtype=np.int64).view(np.uint64)
    different = np.bitwise_count(hashes[:, None] ^ hashes[None, :])  # bits
    alike: NDArray[np.bool_] = (different <= NEAR_DUPLICATE_BITS) & known[:, None] & known[None, :]
    return alike


def differing_bits(one: int, other: int) -> int:
    """In how many of 64 bits two signed hashes differ."""
    return ((one ^ other) & 0xFFFF_FFFF_FFFF_FFFF).bit_count()
