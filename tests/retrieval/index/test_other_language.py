"""Chinese queries find English words and the other way round, by the dictionary, whatever the encoder reads."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from retrieval.gallery import Gallery
from retrieval.index import search
from retrieval.index.query import in_both_languages, other_language
from retrieval.records import Filters, Picture
from tests.retrieval.helpers import ColourEncoder

CAPTIONS = {
    "tree": "a lemon tree",
    "ring": "a ring on a table",
    "booth": "red telephone booth",
    "telephone": "an old telephone in an empty room",
    "pets": "a cat and a dog",
    "cat": "a cat asleep",
    "书": "一本书",
    "书店": "书店",
    "自行车": "红色的自行车",
    "猫狗": "猫和狗",
    "猫": "一只猫",
    "燈塔": "海邊的燈塔",
}


class _Silent(ColourEncoder):
    """Reads no text, so that only words are searched."""

    query_languages = ("en", "zh")

    def encode_texts(self, texts: object) -> np.ndarray:  # type: ignore[override]
        return np.zeros((len(list(texts)), self.dim), np.float32)  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    with Gallery.open(tmp_path_factory.mktemp("both") / "g", create=True, encoder=_Silent()) as opened:
        nothing = np.zeros((0, opened.dim), np.float32)
        for number, (name, caption) in enumerate(CAPTIONS.items()):
            opened.catalogue.store(Picture(name, name, caption=caption, width=1 + number % 2, height=1), nothing)
        yield opened


def found(gallery: Gallery, *query: str, filters: Filters | None = None) -> list[str]:
    silent = gallery.encoder
    return [picture.id for picture, *_ in gallery.searcher.by_text(query, silent, 9, filters=filters)]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("柠檬树", "tree"),
        ("戒指", "ring"),  # "(finger) ring"
        ("空荡的电话亭", "booth"),
        ("bicycles", "自行车"),
        ("children on bicycles", "自行车"),
        ("a book", "书"),
        ("檸檬樹", "tree"),  # traditional characters
        ("電話亭", "booth"),
        ("燈塔", "燈塔"),
        ("灯塔", "燈塔"),
        ("lighthouse", "燈塔"),
        ("腳踏車", "自行车"),
        ("一本書", "书"),
    ],
)
def test_words_in_the_other_language_are_found(gallery: Gallery, query: str, first: str) -> None:
    assert found(gallery, query)[:1] == [first]


def test_a_chinese_word_of_one_character_does_not_count_inside_a_longer_one(gallery: Gallery) -> None:
    assert found(gallery, "book") == ["书"]


def test_what_the_query_itself_says_comes_before_what_the_dictionary_says(gallery: Gallery) -> None:
    assert set(found(gallery, "cat")[:2]) == {"cat", "pets"}
    assert set(found(gallery, "cat")[2:]) == {"猫", "猫狗"}
    assert set(found(gallery, "猫")[:2]) == {"猫", "猫狗"}


def test_a_query_in_both_languages_is_not_translated(gallery: Gallery) -> None:
    assert found(gallery, "a lemon", "戒指") == ["tree"]
    assert found(gallery, "戒指", "戒指") == ["ring"]


@pytest.mark.parametrize(("query", "right"), [("猫 - 狗", {"猫", "cat"}), ("cat - dog", {"猫", "cat"})])
def test_what_is_excluded_is_excluded_in_both_languages(gallery: Gallery, query: str, right: set[str]) -> None:
    assert set(found(gallery, query)) == right


def test_filters_hold(gallery: Gallery) -> None:
    assert found(gallery, "柠檬", filters=Filters(min_width=2)) == []
    assert found(gallery, "戒指", filters=Filters(min_width=2)) == ["ring"]


def test_without_names_in_the_other_language_none_of_it_is_found(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "other_language", lambda phrase: [])
    assert found(gallery, "柠檬树") == found(gallery, "bicycles") == []


def test_signs_and_unknown_words_are_no_things() -> None:
    assert other_language("— ! 2023") == other_language("qwertz") == other_language("…的") == []
    assert not in_both_languages(["柠檬 2023"])
    assert in_both_languages(["红色的 bus"])
    assert in_both_languages(["a lemon", "柠檬"])


@pytest.mark.parametrize("exact", ["兔子", "a rabbit / 兔子"])
def test_the_picture_called_so_comes_first_however_few_are_asked_for(tmp_path: Path, exact: str) -> None:
    """Also where it looks like one that the rankings together put before it; and who asks for more gets the same, and
    more."""
    with Gallery.open(tmp_path / "g", create=True, encoder=_Silent()) as opened:
        nothing, random = np.zeros((0, opened.dim), np.float32), np.random.default_rng(1)
        hashes = random.integers(-(2**62), 2**62, 200).tolist()
        for number, phash in enumerate(hashes):
            caption = f"a rabbit 兔子 {number} behind our house" if number % 2 else f"院子里的一只兔子和{number}只猫"
            opened.catalogue.store(Picture(f"{number}", f"{number}", caption=caption, phash=phash), nothing)
        likest = found(opened, "兔子")[0]
        like = hashes[int(likest)]
        opened.catalogue.store(
            Picture("exact", "exact", caption=exact, tags="x, " * 40 * (exact == "兔子"), phash=like), nothing
        )
        answers = [[hit.id for hit in opened.search("兔子", k=k)] for k in (1, 4, 12, 20, 70, 150, 300)]
    assert answers[0] == ["exact"]
    assert [len(answer) for answer in answers] == [1, 4, 12, 20, 70, 150, 201]
    assert all(longer[: len(shorter)] == shorter for shorter, longer in itertools.pairwise(answers))
    assert len(set(answers[-1])) == 201


def test_what_is_excluded_is_not_found_by_its_vector_either(tmp_path: Path) -> None:
    """A phrase is excluded by all its words: not everything red with "a red car"."""
    with Gallery.open(tmp_path / "g", create=True, encoder=ColourEncoder()) as opened:
        red = opened.encoder.encode_texts(["red"])
        for caption in ("a red car", "red wine", "红色的汽车", "冰"):
            opened.catalogue.store(Picture(caption, caption, caption=caption), red)
        assert {hit.caption for hit in opened.search("red - red car", k=9)} == {"red wine", "冰"}
        assert {hit.caption for hit in opened.search("red - ice", k=9)} == {"a red car", "red wine", "红色的汽车"}
