"""After which paragraphs the pictures stand, and which ones. Pure arithmetic, no model."""

from collections.abc import Callable, Collection, Sequence

from common.language import HAN
from composer.article import Candidate

MOST_PICTURES = 30  # pictures a person may ask for
TEXT_A_PICTURE = 450  # width of text that carries one picture where their number is automatic: about 75 English words
OF_A_SHORT_TEXT = 3  # pictures that a shorter text may have, one a paragraph, where so many fit
WORTH_SHOWING = 0.4  # automatic: paragraphs less likely than this get no picture
BARELY_WORTH_SHOWING = (
    0.2  # automatic: the best paragraph gets the only picture where none is worth showing, unless below this
)
CROWDING = 0.5  # what two pictures without text between them cost, in units of probability


def width(text: str) -> float:
    """Length of a text as English characters: a Chinese character says as much as 3.75 of them."""
    return len(text) + 2.75 * len(HAN.findall(text))


def automatic_count(widths: Sequence[float]) -> int:
    """How many pictures a text of these paragraphs carries: at least one, at most `MOST_PICTURES`."""
    few = min(OF_A_SHORT_TEXT, len(widths))
    return max(1, few, min(MOST_PICTURES, round(sum(widths) / TEXT_A_PICTURE)))


def choose_places(
    widths: Sequence[float],
    probabilities: Sequence[float],
    count: int | None,
    *,
    fixed: Collection[int] = (),
    possible: Collection[int] | None = None,
    worth: float = WORTH_SHOWING,
    barely: float = BARELY_WORTH_SHOWING,
) -> list[int]:
    """Indices of the paragraphs that get a picture, ascending.

    widths: of each paragraph's text. probabilities: that the paragraph can be shown, 0..1. count: pictures in all,
    `fixed` ones included; None chooses the number by the length of the text, and leaves out what is not worth showing.
    fixed: paragraphs that have a picture already and keep it. possible: those that can have one; None: all. worth:
    where the number is automatic, the probability from which a paragraph gets a picture; barely: the same for the best
    one where no other does. The sum of the probabilities, less what pictures lose
    that stand close together, is as large as it can be.
    """
    total = len(widths)
    eligible = set(range(total))
    if count is None:
        count = automatic_count(widths)
        eligible = {i for i in range(total) if probabilities[i] >= worth}
        best = max(range(total), key=lambda i: probabilities[i], default=None)
        if not eligible and best is not None and probabilities[best] >= barely:
            eligible = {best}
    eligible = eligible & set(range(total) if possible is None else possible) | set(fixed)
    count = min(max(count, len(fixed)), len(eligible))
    if count <= 0:
        return []
    order = sorted(eligible)
    crowding = _crowding(widths, count, 0.6)
    lost = {(j, i): crowding(j, i) for n, i in enumerate(order) for j in order[:n]}
    # the place before i is no earlier than the last fixed one before i
    earliest = {i: max((f for f in fixed if f < i), default=-1) for i in order}
    # best_of[i]: the best value, and its places, with a given number of places of which i is the last
    best_of: dict[int, tuple[float, tuple[int, ...]]] = {i: (probabilities[i], (i,)) for i in order if earliest[i] < 0}
    for _ in range(count - 1):
        longer: dict[int, tuple[float, tuple[int, ...]]] = {}
        for i in order:
            found: tuple[float, tuple[int, ...]] | None = None
            for j, (value, places) in best_of.items():
                if j >= i:
                    break
                if j < earliest[i]:
                    continue
                here = value - lost[j, i]
                # of equal values the one with earlier places
                if found is None or here > found[0] or (here == found[0] and places < found[1]):
                    found = here, places
            if found is not None:
                longer[i] = found[0] + probabilities[i], (*found[1], i)
        best_of = longer
    last = max(fixed, default=-1)
    complete = [each for i, each in best_of.items() if i >= last]
    return list(max(complete, key=lambda option: (option[0], [-place for place in option[1]]))[1]) if complete else []


def most_promising(widths: Sequence[float], promises: Sequence[float], count: int) -> list[int]:
    """Indices of at most `count` paragraphs: the most promising first, each next one with text between it and those
    before, so that the first few of a long text already lie along it."""
    crowding = _crowding(widths, count, 1.0)
    left, lost, chosen = set(range(len(widths))), [0.0] * len(widths), list[int]()
    while left and len(chosen) < count:
        best = max(left, key=lambda i: (promises[i] - lost[i], -i))
        left.remove(best)
        chosen.append(best)
        for i in left:
            lost[i] = max(lost[i], crowding(*sorted((i, best))))
    return chosen


def _crowding(widths: Sequence[float], count: int, evenly: float) -> Callable[[int, int], float]:
    """What two pictures after these paragraphs (the earlier first) lose by standing close together. They lose nothing
    from `evenly` on, as a share of the distance that `count` pictures along the text have."""
    before = [0.0]  # width of the text up to the end of each paragraph
    for each in widths:
        before.append(before[-1] + each)
    enough = max(evenly * before[-1] / max(count, 1), 1.0)
    return lambda first, second: CROWDING * max(0.0, 1 - (before[second + 1] - before[first + 1]) / enough)


def choose_pictures(
    widths: Sequence[float],
    options: Sequence[Sequence[Candidate]],
    count: int | None,
    *,
    same: Callable[[Candidate, Candidate], bool],
    worth: float,
    fixed: Collection[int] = (),
    taken: Sequence[Candidate] = (),
) -> dict[int, Candidate]:
    """Places and pictures together: index of the paragraph -> its picture, without the `fixed` paragraphs.

    options: for each paragraph the pictures that could stand there, with their `fit`. count, fixed: as in
    `choose_places`. same: whether two pictures show the same thing, of which an article shows one; `taken` are shown
    already. worth: the fit from which a picture stands where the number is automatic.

    Each round places the best picture of each paragraph; of two that show the same, the paragraph that loses less by
    its next one gives way. Ends with the best set for lists without such pairs.
    """
    known: dict[tuple[str, str], bool] = {}  # the same pairs are compared in every round

    def alike(one: Candidate, other: Candidate) -> bool:
        pair = (one.id, other.id) if one.id < other.id else (other.id, one.id)
        if pair not in known:
            known[pair] = same(one, other)
        return known[pair]

    left = [[c for c in each if not any(alike(c, other) for other in taken)] for each in options]
    while True:
        best = [max(each, key=_fit, default=None) for each in left]
        places = choose_places(
            widths,
            [_fit(picture) if picture else 0.0 for picture in best],
            count,
            fixed=fixed,
            possible=[i for i, picture in enumerate(best) if picture is not None],
            worth=worth,
            barely=worth,
        )
        picks = {i: picture for i in places if i not in fixed and (picture := best[i]) is not None}
        loser = _gives_way(picks, left, alike)
        if loser is None:
            return picks
        left[loser] = [c for c in left[loser] if c.id != picks[loser].id]


def _gives_way(
    picks: dict[int, Candidate], options: Sequence[Sequence[Candidate]], same: Callable[[Candidate, Candidate], bool]
) -> int | None:
    """The paragraph that looks for another picture, because one that shows the same stands elsewhere; None: none."""

    def loss(place: int) -> float:
        others = [_fit(c) for c in options[place] if not same(c, picks[place])]
        return _fit(picks[place]) - max(others, default=0.0)

    places = sorted(picks)
    pairs = [(a, b) for n, a in enumerate(places) for b in places[n + 1 :] if same(picks[a], picks[b])]
    return min((min(pair, key=lambda place: (loss(place), -place)) for pair in pairs), key=loss, default=None)


def _fit(candidate: Candidate) -> float:
    return candidate.fit or 0.0
