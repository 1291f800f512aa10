"""Which pictures found are called likely: by their words, by their vector, by what the encoder is known for."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from retrieval.encoders.base import Preparation, Vectors, unit
from retrieval.gallery import Gallery
from retrieval.index.likely import Evidence, Thresholds, is_measured, thresholds
from tests.retrieval.conftest import ONE_WORKER
from tests.retrieval.encoders.test_dictionary import needs_dictionary
from tests.retrieval.helpers import ColourEncoder, paint

SAME = {"puppy": "dog", "hound": "dog"}  # words that mean the same to the encoder below


class WordEncoder:
    """Each word has a direction of its own. By `name` it has thresholds or none; it reads English only."""

    dim = 64
    query_languages: tuple[str, ...] = ("en",)
    words_first = True
    preparation = Preparation(side=8)
    batch = 8

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def identity(self) -> dict[str, str]:
        return {"name": self.name, "weights": "none", "preprocessing": "none", "dim": str(self.dim)}

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        rows = [sum((self._direction(word) for word in text.lower().split()), np.zeros(self.dim)) for text in texts]
        return unit(np.array(rows, dtype=np.float32).reshape(-1, self.dim))

    def _direction(self, word: str) -> NDArray[np.float64]:
        seed = int.from_bytes(hashlib.sha256(SAME.get(word, word).encode()).digest()[:4])
        return np.random.default_rng(seed).standard_normal(self.dim)

    def encode_prepared(self, pixels: NDArray[np.uint8]) -> Vectors:
        return self.encode_texts(["pixels"] * len(pixels))


MEASURED = "all-MiniLM-L6-v2 + picture labels"


@pytest.fixture
def made(tmp_path: Path, pictures: Path) -> Iterator[Callable[..., Gallery]]:
    """made({file: text beside it}) is a gallery of these pictures."""
    opened: list[Gallery] = []

    def make(words: dict[str, str], encoder: object = None) -> Gallery:
        for name, text in words.items():
            path = paint(pictures / f"{name}.png", ["red", "green", "blue", "grey"][len(name) % 4])
            path.with_suffix(".txt").write_text(text, encoding="utf-8")
        gallery = Gallery.open(tmp_path / "g", create=True, encoder=encoder or WordEncoder(MEASURED))
        gallery.add(pictures, options=ONE_WORKER)
        opened.append(gallery)
        return gallery

    yield make
    for gallery in opened:
        gallery.close()


def likely(gallery: Gallery, query: str | list[str]) -> set[str]:
    return {hit.caption for hit in gallery.search(query, k=10) if hit.likely}


def test_words_make_a_picture_likely_whatever_the_vector_says(made: Callable[..., Gallery]) -> None:
    gallery = made(
        {
            "a": "dogs on the beach at noon",
            "b": "hot dog stand",
            "c": "grandmother feeding a pelican\ntags: Ada",
            "d": "a sunset",
            "e": "balloon",
        }
    )
    assert len(gallery.search("dog", k=10)) == 5  # nothing is taken away
    assert likely(gallery, "dog") == {"dogs on the beach at noon", "hot dog stand"}
    assert likely(gallery, "a dog running in the park") == {"dogs on the beach at noon", "hot dog stand"}
    assert likely(gallery, "hot-air balloon") == set()  # a balloon is another thing
    assert likely(gallery, "Ada") == {"grandmother feeding a pelican"}
    assert likely(gallery, "pelicans and sunsets") == {"grandmother feeding a pelican", "a sunset"}
    assert likely(gallery, "walrus") == set()
    assert likely(gallery, ["walrus", "sunset"]) == {"a sunset"}
    assert likely(gallery, "dog + stand") == {"hot dog stand"}


def test_the_vector_makes_a_picture_likely_that_says_it_in_other_words(made: Callable[..., Gallery]) -> None:
    gallery = made({"a": "puppy", "b": "sunset over a very quiet harbour"})
    assert likely(gallery, "hound") == {"puppy"}


def test_one_chinese_character_is_a_word_and_not_a_part_of_one(made: Callable[..., Gallery]) -> None:
    gallery = made({"a": "熊猫", "b": "午睡\ntags: 猫", "c": "雨中的街"})
    assert likely(gallery, "猫") == {"午睡"}
    assert likely(gallery, "下午的熊猫") == {"熊猫"}


@needs_dictionary
def test_a_picture_of_a_chinese_words_second_meaning_is_likely(made: Callable[..., Gallery]) -> None:
    """The dictionary calls 独轮车 a wheelbarrow first, 风车 a pinwheel. Where pictures have the first meaning, one that
    only mentions the second is not likely."""
    aside = "a busy street of a city with no unicycle and many cars"
    gallery = made({"a": "unicycle", "b": "windmill", "c": aside, "d": "wheelbarrow"})
    assert likely(gallery, "独轮车") == {"unicycle", "wheelbarrow"}
    assert likely(gallery, "风车") == {"windmill"}


@needs_dictionary
def test_tags_in_a_chinese_words_second_meaning_make_a_picture_likely_where_none_has_the_first(
    made: Callable[..., Gallery],
) -> None:
    """The dictionary calls 兔子 a hare first, then a rabbit."""
    gallery = made({"a": "skoynk\ntags: rabbit, animal", "b": "a sunset", "c": "animal"})
    assert likely(gallery, "兔子") == {"skoynk"}
    assert likely(gallery, "草地上的兔子") == {"skoynk"}


def test_many_queries_at_once_are_judged_as_one(made: Callable[..., Gallery]) -> None:
    gallery = made({"a": "dog", "b": "sunset"})
    queries = ["dog", "walrus", ""]
    assert [[(hit.id, hit.likely) for hit in hits] for hits in gallery.find_many(queries, k=4)] == [
        [(hit.id, hit.likely) for hit in gallery.search(query, k=4)] for query in queries
    ]


def test_a_picture_as_the_query_and_a_look_at_everything_judge_nothing(made: Callable[..., Gallery]) -> None:
    gallery = made({"a": "dog", "b": "sunset"})
    shown = [*gallery.search(Image.new("RGB", (9, 9))), *gallery.browse(), *gallery.like(gallery.browse()[0].id)]
    assert len(shown) == 5
    assert all(hit.likely for hit in shown)


def test_an_encoder_without_thresholds_is_compared_with_everyday_words(made: Callable[..., Gallery]) -> None:
    assert not is_measured("somebody's own")
    gallery = made({"a": "puppy", "b": "sunset"}, WordEncoder("somebody's own"))
    assert likely(gallery, "hound") == {"puppy"}
    assert likely(gallery, "walrus") == set()


def test_where_everyday_words_tell_nothing_apart_nothing_is_called_unlikely(
    made: Callable[..., Gallery],
) -> None:
    gallery = made({"a": "one thing", "b": "another"}, ColourEncoder())  # it knows no everyday word
    assert len(likely(gallery, "walrus")) == 2


def test_every_encoder_has_thresholds_that_words_can_only_lower() -> None:
    for name in (MEASURED, "all-MiniLM-L6-v2", "not measured"):
        for pixels in (False, True):
            limits = thresholds(name, pixels)
            assert limits.met <= limits.perhaps <= limits.alone


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (Evidence(near=0.9), True),
        (Evidence(near=0.7), False),
        (Evidence(near=0.7, perhaps=True), True),
        (Evidence(near=0.4, perhaps=True), False),
        (Evidence(near=0.4, met=True), True),
        (Evidence(near=0.2, met=True), False),
        (Evidence(near=None, met=True), True),
        (Evidence(near=None, perhaps=True), False),
    ],
)
def test_thresholds(facts: Evidence, expected: bool) -> None:
    assert Thresholds(met=0.3, perhaps=0.6, alone=0.8).passed_by(facts) is expected
