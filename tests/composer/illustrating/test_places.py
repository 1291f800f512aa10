"""Where the pictures stand."""

import itertools

import pytest

from composer.illustrating.places import CROWDING, automatic_count, choose_places, most_promising, width


def test_the_best_paragraphs_are_chosen() -> None:
    assert choose_places([300] * 5, [0.1, 0.9, 0.1, 0.9, 0.1], 2) == [1, 3]


def test_pictures_keep_their_distance_where_the_paragraphs_are_about_as_good() -> None:
    assert choose_places([100] * 6, [0.9, 0.9, 0.1, 0.1, 0.8, 0.1], 2) == [0, 4]
    assert choose_places([100] * 6, [0.9, 0.9, 0.0, 0.0, 0.1, 0.0], 2) == [0, 1]


def test_a_long_paragraph_is_distance_enough() -> None:
    assert choose_places([50, 2000, 50], [0.9, 0.9, 0.5], 2) == [0, 1]


@pytest.mark.parametrize("count", [1, 2, 3, 5, 30])
def test_as_many_as_asked_for_or_as_there_are(count: int) -> None:
    assert len(choose_places([100] * 4, [0.2, 0.0, 0.9, 0.1], count)) == min(count, 4)


def test_the_automatic_number_follows_length_and_what_can_be_shown() -> None:
    assert choose_places([450] * 4, [0.9, 0.8, 0.2, 0.7], None) == [0, 1, 3]
    assert choose_places([450] * 4, [0.1, 0.3, 0.2, 0.1], None) == [1]
    assert choose_places([450] * 4, [0.1, 0.1, 0.1, 0.1], None) == []
    assert automatic_count([1800]) == 4
    assert automatic_count([10]) == 1
    assert automatic_count([60, 60]) == 2
    assert automatic_count([60] * 5) == 3
    assert automatic_count([1e6]) == 30
    assert width("猫" * 480) == pytest.approx(1800)


def test_fixed_places_stay_and_count() -> None:
    chosen = choose_places([100] * 5, [0.9, 0.1, 0.1, 0.1, 0.8], 2, fixed=[2])
    assert 2 in chosen
    assert len(chosen) == 2
    assert choose_places([100] * 3, [0.9, 0.9, 0.9], 0, fixed=[1]) == [1]
    assert choose_places([100] * 3, [0.9, 0.9, 0.9], 1, fixed=[0, 2]) == [0, 2]


def test_what_is_read_first_lies_along_the_text_where_it_is_equally_promising() -> None:
    assert most_promising([100] * 5, [0.1, 0.9, 0.3, 0.2, 0.8], 2) == [1, 4]
    assert most_promising([100] * 3, [0.1, 0.9, 0.3], 5) == [1, 2, 0]
    assert most_promising([100] * 200, [0.5] * 200, 4) == [0, 50, 100, 150]
    assert most_promising([100] * 200, [0.5] * 100 + [1.5] * 100, 2) == [100, 199]
    assert most_promising([], [], 4) == []


def test_no_paragraphs_no_places() -> None:
    assert choose_places([], [], None) == []
    assert choose_places([], [], 3) == []


def test_the_result_is_the_best_of_all_choices() -> None:
    widths, chances, count = [120.0, 40.0, 300.0, 80.0, 60.0, 200.0], [0.7, 0.9, 0.4, 0.8, 0.85, 0.3], 3

    def value(places: tuple[int, ...]) -> float:
        enough = 0.6 * sum(widths) / count
        gaps = [sum(widths[a + 1 : b + 1]) for a, b in itertools.pairwise(places)]
        return sum(chances[p] for p in places) - sum(CROWDING * max(0.0, 1 - gap / enough) for gap in gaps)

    best = max(itertools.combinations(range(6), count), key=value)
    assert choose_places(widths, chances, count) == list(best)
