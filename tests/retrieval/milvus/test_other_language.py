"""Chinese queries find English words in a Milvus Lite file, and the other way round, as in an ordinary gallery."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrieval.gallery import Gallery
from retrieval.index import search
from retrieval.milvus import rankings
from retrieval.milvus.gallery import MilvusGallery
from retrieval.milvus.stems import with_stems
from retrieval.records import Filters
from tests.retrieval.conftest import ONE_WORKER
from tests.retrieval.helpers import ColourEncoder
from tests.retrieval.index.test_other_language import CAPTIONS

pytest.importorskip("pymilvus")
pytest.importorskip("milvus_lite")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures that look nothing like each other, every second one wider than high."""
    folder = tmp_path_factory.mktemp("both")
    for number, caption in enumerate(CAPTIONS.values()):
        pixels = np.random.default_rng(number).integers(0, 256, (32, 32 + 16 * (number % 2), 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"IMG_{number:04}.png")
        (folder / f"IMG_{number:04}.txt").write_text(caption, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def gallery(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusGallery]:
    place = tmp_path_factory.mktemp("milvus")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XCOMPOSER_CACHE_DIR", str(place / "cache"))
        made = MilvusGallery(str(place / "g.db"), ColourEncoder(), create=True)
        made.add(pictures, options=ONE_WORKER)
    yield made
    made.close()


@pytest.fixture(scope="module")
def ordinary(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    with Gallery.open(tmp_path_factory.mktemp("ordinary") / "g", create=True, encoder=ColourEncoder()) as opened:
        opened.add(pictures, options=ONE_WORKER)
        yield opened


@pytest.fixture
def words_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only words give a picture a score."""
    for module in (rankings, search):
        monkeypatch.setattr(module, "DENSE_WEIGHT", 0.0)


def found(gallery: MilvusGallery | Gallery, *query: str, filters: Filters | None = None) -> list[str]:
    return [hit.caption for hit in gallery.search(list(query), k=20, filters=filters) if hit.score > 0]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("柠檬树", "a lemon tree"),
        ("戒指", "a ring on a table"),
        ("空荡的电话亭", "red telephone booth"),
        ("bicycles", "红色的自行车"),
        ("children on bicycles", "红色的自行车"),
        ("a book", "一本书"),
    ],
)
def test_words_in_the_other_language_are_found_and_likely(gallery: MilvusGallery, query: str, first: str) -> None:
    hit = gallery.search(query, k=1)[0]
    assert hit.caption == first
    assert hit.likely


@pytest.mark.usefixtures("words_alone")
def test_a_chinese_word_of_one_character_does_not_count_inside_a_longer_one(gallery: MilvusGallery) -> None:
    assert found(gallery, "book") == ["一本书"]


@pytest.mark.usefixtures("words_alone")
def test_what_the_query_itself_says_comes_before_what_the_dictionary_says(gallery: MilvusGallery) -> None:
    for query, own, others in (
        ("cat", {"a cat asleep", "a cat and a dog"}, {"一只猫", "猫和狗"}),
        ("猫", {"一只猫", "猫和狗"}, {"a cat asleep", "a cat and a dog"}),
    ):
        captions = found(gallery, query)
        assert (set(captions[:2]), set(captions[2:])) == (own, others)


@pytest.mark.usefixtures("words_alone")
@pytest.mark.parametrize("query", ["猫 - 狗", "cat - dog"])
def test_what_is_excluded_is_excluded_in_both_languages(gallery: MilvusGallery, query: str) -> None:
    assert set(found(gallery, query)) == {"一只猫", "a cat asleep"}


@pytest.mark.usefixtures("words_alone")
def test_filters_and_excluded_pictures_hold(gallery: MilvusGallery) -> None:
    assert found(gallery, "柠檬树", filters=Filters(orientation="landscape")) == []
    assert found(gallery, "戒指", filters=Filters(orientation="landscape")) == ["a ring on a table"]
    ring = gallery.search("戒指", k=1)[0].id
    assert [hit.caption for hit in gallery.search("戒指", k=20, exclude=[ring]) if hit.score > 0] == []


@pytest.mark.usefixtures("words_alone")
@pytest.mark.parametrize(
    "query",
    [
        ("柠檬树",),
        ("空荡的电话亭",),
        ("电话",),
        ("热狗和书",),
        ("a dog and a book",),
        ("cat",),
        ("a lemon", "戒指"),
        ("戒指", "戒指"),
        ("猫 - 狗",),
        ("狗 + 猫 - a book",),
        ("— ! 2023",),
        ("qwertz",),
    ],
)
def test_an_ordinary_gallery_finds_the_same(gallery: MilvusGallery, ordinary: Gallery, query: tuple[str, ...]) -> None:
    assert set(found(gallery, *query)) == set(found(ordinary, *query))


def test_stems_are_those_of_an_ordinary_gallery(gallery: MilvusGallery, ordinary: Gallery, words_alone: None) -> None:
    """A picture is found by other forms of its words, and left out by them."""
    for query in ("trees", "telephones", "dogs"):
        assert (set(found(gallery, query)), query) == (set(found(ordinary, query)), query)
        assert found(gallery, query)
    assert found(gallery, "tables + trees - tree") == found(gallery, "tables") == ["a ring on a table"]
    before = gallery.search("lemon", k=1)[0]
    gallery.edit(before.id, caption="two weathervanes")
    assert found(gallery, "weathervane") == ["two weathervanes"], "what a person writes is stemmed, too"
    gallery.edit(before.id, caption=before.caption)


def test_stems_stand_behind_the_words_that_do_not_have_them() -> None:
    assert with_stems(["two Dogs running", "", "café 一只 一 只", "dog"]) == [
        "two Dogs running dog run",
        "",
        "café 一只 一 只 cafe",
        "dog",
    ]
