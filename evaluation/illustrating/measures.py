"""The numbers of one article: placement F1, choice, refusal. Pure arithmetic over a table of fits.

fits[p][n]: how well picture n fits paragraph p; higher is better, comparable within one method.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.illustrating.items import Item

NEAR = 1  # paragraphs between a found place and a true one that count as the same
DRAWS = 500  # random placements whose mean is chance

Fits = Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True)
class ItemResult:
    """One article's numbers."""

    id: str
    language: str
    f1: float
    f1_chance: float
    exact: float  # F1 of the very paragraphs
    exact_chance: float
    f1_assigned: float  # of all pictures, by the assignment whose fits are highest in sum
    hit: float  # share of places whose own picture fits best among the article's pictures
    reciprocal_rank: float
    with_true: tuple[float, ...]  # the best fit at each true place
    without_true: tuple[float, ...]  # the same with the place's own pictures removed


def measure_item(item: Item, fits: Fits, places: Sequence[int], seed: int = 1) -> ItemResult:
    """places: the paragraphs after which the method puts a picture."""
    true = item.places
    hits, ranks, best, second = [], [], [], []
    for number, picture in enumerate(item.pictures):
        row = fits[picture.after]
        others = [row[other] for other, each in enumerate(item.pictures) if each.after != picture.after]
        rank = 1 + sum(value >= row[number] for value in others)  # a tie counts as if the other came first
        hits.append(float(rank == 1))
        ranks.append(1 / rank)
        best.append(max([row[number], *others]))
        second.append(max(others, default=0.0))
    return ItemResult(
        item.id,
        item.language,
        placement_f1(places, true),
        chance_f1(len(item.paragraphs), len(places), true, seed),
        placement_f1(places, true, near=0),
        chance_f1(len(item.paragraphs), len(places), true, seed, near=0),
        placement_f1(assigned(fits), true),
        sum(hits) / len(hits),
        sum(ranks) / len(ranks),
        tuple(best),
        tuple(second),
    )


def placement_f1(found: Sequence[int], true: Sequence[int], near: int = NEAR) -> float:
    """F1 of places, each of which may stand for one true place at most `near` paragraphs away.

    As many pairs as possible are made: in ascending order the first true place within reach is taken.
    """
    if not found or not true:
        return 0.0
    left = sorted(set(true))
    pairs = 0
    for place in sorted(set(found)):
        reach = [each for each in left if abs(each - place) <= near]
        if reach:
            left.remove(reach[0])
            pairs += 1
    return 2 * pairs / (len(set(found)) + len(set(true)))


def chance_f1(paragraphs: int, count: int, true: Sequence[int], seed: int, near: int = NEAR) -> float:
    """The mean F1 of `count` places drawn at random."""
    draw = random.Random(seed)
    count = min(count, paragraphs)
    return sum(placement_f1(draw.sample(range(paragraphs), count), true, near) for _draw in range(DRAWS)) / DRAWS


def assigned(fits: Fits) -> list[int]:
    """The paragraph of each picture, no two the same, with the highest sum of fits (linear assignment).

    The Hungarian method with potentials, O(pictures² x paragraphs): the pictures come one by one, each along the
    cheapest path of those before it that give way. Of more pictures than paragraphs only so many as there are
    paragraphs are put. Both are taken in a drawn order: where fits are equal, the author's order must not help.
    """
    order = random.Random(len(fits)).sample(range(len(fits)), len(fits))
    drawn = list(zip(*(fits[paragraph] for paragraph in order), strict=True))
    pictures, count = random.Random(len(drawn)).sample(drawn, min(len(drawn), len(fits))), len(fits)
    of_picture, of_place = [0.0] * (len(pictures) + 1), [0.0] * (count + 1)
    holder = [0] * (count + 1)  # of each paragraph, from 1: the picture put there; 0: none
    for picture in range(1, len(pictures) + 1):
        holder[0], place = picture, 0
        cheapest, before, used = [float("inf")] * (count + 1), [0] * (count + 1), [False] * (count + 1)
        while holder[place]:
            used[place] = True
            row = holder[place]
            for other in range(1, count + 1):
                cost = -pictures[row - 1][other - 1] - of_picture[row] - of_place[other]
                if not used[other] and cost < cheapest[other]:
                    cheapest[other], before[other] = cost, place
            following = min((p for p in range(1, count + 1) if not used[p]), key=cheapest.__getitem__)
            step = cheapest[following]
            for each in range(count + 1):
                if used[each]:
                    of_picture[holder[each]] += step
                    of_place[each] -= step
                else:
                    cheapest[each] -= step
            place = following
        while place:
            holder[place] = holder[before[place]]
            place = before[place]
    return sorted(order[place - 1] for place in range(1, count + 1) if holder[place])


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float | None:
    """How often a positive value is higher than a negative one; a tie counts half. None where one is missing."""
    if not positive or not negative:
        return None
    wins = sum((p > n) + 0.5 * (p == n) for p in positive for n in negative)
    return wins / (len(positive) * len(negative))
