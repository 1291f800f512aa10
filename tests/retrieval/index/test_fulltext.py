"""Full-text search gives the pictures it would give if it weighed all of them."""

from collections.abc import Iterator

import numpy as np
import pytest

from retrieval.index import fulltext
from retrieval.index.catalogue import Catalogue
from retrieval.records import Filters, Picture

WORDS = "cat dog bowl river bridge tower street garden window lantern museum camel"


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """600 captions of three words each, the first word in a third of them, the last in a few."""
    made = Catalogue(tmp_path_factory.mktemp("words") / "gallery.sqlite")
    words = WORDS.split()
    share = 1 / np.arange(1, len(words) + 1)
    random = np.random.default_rng(3)
    with made.transaction():
        for number in range(600):
            chosen = random.choice(words, 3, replace=False, p=share / share.sum())
            caption = "面条和猫" if number % 100 == 7 else " ".join(map(str, chosen))
            picture = Picture(id=str(number), sha256=str(number), caption=caption, width=1 + number % 2, height=1)
            made.store(picture, np.zeros((1, 4), dtype=np.float32), f"IMG {number}")
    yield made
    made.close()


@pytest.mark.parametrize(
    "query",
    [
        "cat",
        "cat dog",
        "cat dog bowl river",
        "a camel on the bridge",
        "museum lantern cat",
        "面条",
        "window 面条",
        "xyz cat",
    ],
)
def test_the_best_are_those_of_weighing_everything(
    catalogue: Catalogue, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fulltext, "ENOUGH", 100)
    fast = catalogue.find_words(query, 10)
    monkeypatch.setattr(fulltext, "ENOUGH", 10**9)
    assert fast == catalogue.find_words(query, 10)
    assert fast[0]


def test_frequent_words_alone_are_not_weighed_where_a_rarer_one_is_found_often_enough(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fulltext, "ENOUGH", 20)
    found = catalogue.find_words("cat dog camel bridge", 400)[0]
    captions = [picture.caption for picture in catalogue.by_numbers(found).values()]
    assert 20 <= len(captions) < 400
    assert all("camel" in caption for caption in captions)


def test_pictures_with_one_of_the_words_follow_those_with_all(catalogue: Catalogue) -> None:
    found = catalogue.find_words("cat dog", 400)[0]
    captions = [
        set(picture.caption.split()) for number in found for picture in [catalogue.by_numbers([number])[number]]
    ]
    both = [{"cat", "dog"} <= caption for caption in captions]
    assert both == sorted(both, reverse=True)
    assert 0 < sum(both) < len(both)


def test_filters_count_before_the_best_are_taken(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fulltext, "ENOUGH", 1)
    wide = catalogue.find_words("cat camel", 50, Filters(min_width=2))[0]
    assert len(wide) == 50
    assert all(picture.width == 2 for picture in catalogue.by_numbers(wide).values())


@pytest.mark.parametrize("filters", [Filters(min_width=1), Filters(min_width=2), Filters(min_width=3)])
@pytest.mark.parametrize("query", ["cat", "cat camel", "window 面条", "xyz cat"])
def test_the_best_that_pass_a_filter_are_the_same_whether_many_or_few_pass(
    catalogue: Catalogue, query: str, filters: Filters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fulltext, "ENOUGH", 10**9)
    found = catalogue.find_words(query, 10, filters)
    monkeypatch.setattr(fulltext, "WIDER", 10**6)  # every picture is looked at, then filtered
    assert found == catalogue.find_words(query, 10, filters)
