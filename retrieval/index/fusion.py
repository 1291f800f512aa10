"""Puts rankings together: reciprocal rank fusion, and which pictures are near-duplicates. Pure functions.

Weighted reciprocal rank: sum over the rankings of weight / (K + rank), after Cormack, Clarke and Büttcher 2009 (SIGIR),
who use K = 60 for lists of a thousand; our lists are short, and a smaller K lets the first ranks count.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from retrieval.encoders import Vectors
from retrieval.records import Picture

RANK_CONSTANT = 10.0
NEAR_DUPLICATE_BITS = 6  # of 64 in which two difference hashes of the same scene may differ
NEAR_DUPLICATE_COLOURS = 30.0  # of 255, how far the colours of the same scene may differ on average
# and how far without what all of the picture is lighter or darker by, as a part of the picture's own contrast: over 313
# drawings of animals copies and variants differ by up to 0.18, other pictures with a like hash by 0.34 and more
NEAR_DUPLICATE_CONTRAST = 0.3
_NOISE = 2.0  # of 255: what copies of a blank page differ by
NEAR_DUPLICATE_COSINE = 0.97  # for encoders that look at the pixels

# a picture's colours at as many places for each, (places, 3); not numbers where nothing is known
Colours = Callable[[Picture], NDArray[np.float32]]


def fuse(rankings: Sequence[tuple[Sequence[int], float]], constant: float = RANK_CONSTANT) -> dict[int, float]:
    """Weighted reciprocal rank fusion of (items best first, weight); item -> score, best first."""
    scores: dict[int, float] = defaultdict(float)
    for items, weight in rankings:
        for rank, item in enumerate(items):
            scores[item] += weight / (constant + rank + 1)
    return dict(sorted(scores.items(), key=lambda entry: (-entry[1], entry[0])))


def near_duplicates(
    pictures: Sequence[Picture], vectors: Mapping[int, Vectors], colours: Colours | None = None
) -> list[bool]:
    """Which pictures, best first, are near-duplicates of a better one that is none: by difference hash and colours, and
    by vector where `vectors` (number of the picture -> its rows of length 1) has both."""
    near = _alike_by_hash(pictures)  # (N, N)
    if colours is not None:
        np.fill_diagonal(near, val=False)
        for one in np.flatnonzero(near.any(axis=1)).tolist():
            others = np.flatnonzero(near[one])
            known = np.stack([colours(pictures[other]) for other in others.tolist()])
            near[one, others] = _alike_in_colour(colours(pictures[one]), known)
    owners = [place for place, picture in enumerate(pictures) for _row in vectors.get(picture.number or 0, ())]
    if owners:
        rows = np.concatenate([vectors[picture.number or 0] for picture in pictures if picture.number in vectors])
        rows_alike = np.nonzero(rows @ rows.T >= NEAR_DUPLICATE_COSINE)
        near[np.take(owners, rows_alike[0]), np.take(owners, rows_alike[1])] = True
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


def _alike_in_colour(one: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(N,): whose colours (N, places, 3) differ little from one picture's. Where they are not known, the hash alone
    counts."""
    own, contrasts = one - one.mean(axis=0), others - others.mean(axis=1, keepdims=True)
    contrast = np.maximum(np.abs(own).mean(), np.abs(contrasts).mean(axis=(1, 2)))
    other_scene = np.abs(contrasts - own).mean(axis=(1, 2)) > NEAR_DUPLICATE_CONTRAST * contrast + _NOISE
    alike: NDArray[np.bool_] = ~(other_scene | (np.abs(others - one).mean(axis=(1, 2)) > NEAR_DUPLICATE_COLOURS))
    return alike


def alike_in_colour(pictures: Sequence[Picture], colours: Colours) -> Iterator[list[Picture]]:
    """The groups of two and more among pictures with like hashes that have like colours, too: on a blank ground and in
    gradients a hash says little, and the flags of many countries have the same one."""
    rest, known = list(pictures), np.stack([colours(picture) for picture in pictures])
    while len(rest) > 1:
        alike = _alike_in_colour(known[0], known)
        alike[0] = True
        if alike.sum() > 1:
            yield [picture for picture, is_alike in zip(rest, alike, strict=True) if is_alike]
        rest = [picture for picture, is_alike in zip(rest, alike, strict=True) if not is_alike]
        known = known[~alike]


def differing_bits(one: int, other: int) -> int:
    """In how many of 64 bits two signed hashes differ."""
    return ((one ^ other) & 0xFFFF_FFFF_FFFF_FFFF).bit_count()
