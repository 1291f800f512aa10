"""Search by meaning and by words, fused. Knows catalogue, index and encoder; no files, no folders.

Each phrasing of a wish gives up to three rankings: by vector, by full text, by single Chinese characters. They are
fused by weighted reciprocal rank: sum over the rankings of weight / (K + rank), after Cormack, Clarke and Büttcher
2009 (SIGIR), who use K = 60 for lists of a thousand; our lists are short, and a smaller K lets the first ranks count.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from retrieval.catalogue import Catalogue
from retrieval.encoders import Vectors
from retrieval.vectors import VectorIndex
from retrieval.words import is_chinese

RANK_CONSTANT = 10.0


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each ranking counts."""

    dense: float = 1.0
    words: float = 1.0
    characters: float = 0.3  # single Chinese characters: often a part of another word


def fuse(rankings: Sequence[tuple[Sequence[int], float]], constant: float = RANK_CONSTANT) -> dict[int, float]:
    """Weighted reciprocal rank fusion of (items best first, weight); item -> score, unordered."""
    scores: dict[int, float] = defaultdict(float)
    for items, weight in rankings:
        for rank, item in enumerate(items):
            scores[item] += weight / (constant + rank + 1)
    return dict(scores)


def nearest(
    catalogue: Catalogue, index: VectorIndex, vector: Vectors, depth: int, excluded: Collection[int]
) -> list[tuple[int, float]]:
    """The `depth` pictures nearest to a vector (dim,), as (number, cosine), best first, each once."""
    wanted = depth + len(excluded)
    while True:
        found = index.search(vector, wanted)
        owners = catalogue.numbers_of_slots([slot for slot, _ in found])
        best: dict[int, float] = {}
        for slot, cosine in found:
            number = owners.get(slot)
            if number is not None and number not in excluded:
                best.setdefault(number, cosine)
        if len(best) >= depth or wanted >= len(index):
            return list(best.items())[:depth]
        wanted *= 4  # many slots of the same picture, or of pictures that are gone


def rankings_for(
    catalogue: Catalogue,
    index: VectorIndex,
    phrasings: Mapping[str, Vectors | None],
    depth: int,
    excluded: Collection[int] = (),
    weights: Weights = Weights(),
) -> list[tuple[list[int], float]]:
    """The rankings of all phrasings; a phrasing's vector is None where the encoder does not know its language."""
    rankings: list[tuple[list[int], float]] = []
    for phrasing, vector in phrasings.items():
        if vector is not None:
            near = nearest(catalogue, index, vector, depth, excluded)
            rankings.append(([number for number, _ in near], weights.dense))
        strong, weak = catalogue.find_words(phrasing, depth + len(excluded))
        rankings.append(([n for n in strong if n not in excluded], weights.words))
        rankings.append(([n for n in weak if n not in excluded], weights.characters))
    return [(items, weight) for items, weight in rankings if items]


def understood(phrasing: str, languages: Collection[str]) -> bool:
    """Whether an encoder of these query languages can read the phrasing."""
    return "zh" in languages or not is_chinese(phrasing)
