"""After which paragraphs the pictures stand, given how well each paragraph can be shown. Pure arithmetic, no model."""

from collections.abc import Collection, Sequence

from common.language import HAN

MOST_PICTURES = 30  # pictures a person may ask for
TEXT_A_PICTURE = 450  # width of text that carries one picture where their number is automatic: about 75 English words
WORTH_SHOWING = 0.4  # automatic: paragraphs less likely than this get no picture (benchmarks/compose_spotting)
BARELY_WORTH_SHOWING = (
    0.2  # automatic: the best paragraph gets the only picture where none is worth showing, unless below this
)
CROWDING = 0.5  # what two pictures without text between them cost, in units of probability


def width(text: str) -> float:
    """Length of a text as English characters: a Chinese character says as much as 3.75 of them."""
    return len(text) + 2.75 * len(HAN.findall(text))


def automatic_count(widths: Sequence[float]) -> int:
    """How many pictures a text of these paragraphs carries: at least one, at most `MOST_PICTURES`."""
    return max(1, min(MOST_PICTURES, round(sum(widths) / TEXT_A_PICTURE)))


def choose_places(
    widths: Sequence[float],
    probabilities: Sequence[float],
    count: int | None,
    *,
    fixed: Collection[int] = (),
) -> list[int]:
    """Indices of the paragraphs that get a picture, ascending.

    widths: of each paragraph's text. probabilities: that the paragraph can be shown, 0..1. count: pictures in all,
    `fixed` ones included; None chooses the number by the length of the text, and leaves out what is not worth showing.
    fixed: paragraphs that have a picture already and keep it. The sum of the probabilities, less what pictures lose
    that stand close together, is as large as it can be.
    """
    total = len(widths)
    eligible = set(range(total))
    if count is None:
        count = automatic_count(widths)
        eligible = {i for i in range(total) if probabilities[i] >= WORTH_SHOWING}
        best = max(range(total), key=lambda i: probabilities[i], default=None)
        if not eligible and best is not None and probabilities[best] >= BARELY_WORTH_SHOWING:
            eligible = {best}
    eligible |= set(fixed)
    count = min(max(count, len(fixed)), len(eligible))
    if count <= 0:
        return []
    before = [0.0]  # width of the text up to the end of each paragraph
    for each in widths:
        before.append(before[-1] + each)
    enough = max(0.6 * before[-1] / count, 1.0)

    def crowding(first: int, second: int) -> float:
        between = before[second + 1] - before[first + 1]
        return CROWDING * max(0.0, 1 - between / enough)

    # best_of[i]: the best value, and its places, with a given number of places of which i is the last
    best_of: dict[int, tuple[float, list[int]]] = {
        i: (probabilities[i], [i]) for i in sorted(eligible) if not any(f < i for f in fixed)
    }
    for _ in range(count - 1):
        longer: dict[int, tuple[float, list[int]]] = {}
        for i in eligible:
            options = [
                (value + probabilities[i] - crowding(j, i), [*places, i])
                for j, (value, places) in best_of.items()
                if j < i and not any(j < f < i for f in fixed)
            ]
            if options:
                longer[i] = max(options, key=lambda option: (option[0], [-place for place in option[1]]))
        best_of = longer
    complete = [found for i, found in best_of.items() if not any(f > i for f in fixed)]
    return max(complete, key=lambda option: (option[0], [-place for place in option[1]]))[1] if complete else []
