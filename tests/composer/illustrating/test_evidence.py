"""What speaks for a picture beside a paragraph: the words that meet, the title, what a thing is called otherwise."""

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from common.language import is_chinese
from composer.article import Article, Candidate, Evidence, Section
from composer.illustrating.evidence import Paragraph, TextVectors, gather, same_subject, words_met
from composer.illustrating.nouns import Words
from composer.illustrating.queries import Query
from composer.illustrating.reading import ParagraphReader
from composer.prompts.general import GeneralPrompts
from retrieval.base import Hit
from retrieval.encoders import dictionary_available
from tests.fakes import NamedGallery


@pytest.mark.parametrize(
    ("caption", "words", "share"),
    [
        ("octopus · 章鱼", {"octopus"}, 1.0),
        ("octopus · 章鱼", {"章鱼"}, 1.0),
        ("alien monster", {"octopus"}, 0.0),
        ("panda · 熊猫", {"大熊猫"}, 1.0),  # the end of a Chinese noun says what it is
        ("automobile · 汽车", {"公共汽车"}, 0.0),  # a bus
        ("horse · 马", {"河马"}, 0.0),  # a hippopotamus
        ("fish · 鱼", {"金鱼"}, 1.0),
        ("cat · 猫", {"小猫"}, 1.0),  # a kitten
        ("sunrise over the sea · 海上日出", {"日出"}, 0.5),  # and no more than that
        ("cat · 猫", {"猫头鹰"}, 0.0),
        ("cup of tea · 一杯茶", {"茶"}, 1.0),
        ("cup of tea", {"tea"}, 1.0),
        ("cup with straw", {"cup"}, 0.5),
        ("family · 一家人", {"人"}, 0.0),
        ("bird · 鸟", {"鸟儿"}, 1.0),
        ("clock · 钟", {"老钟"}, 1.0),
        ("framed picture · 带框的画", {"frame"}, 0.0),
        ("potted plant", {"plant"}, 0.5),  # not any plant
        ("person walking", {"walking"}, 0.0),
        ("mother and son · 母亲和儿子", {"mother"}, 0.0),  # a lamb has one too
        ("mother and son · 母亲和儿子", {"mother", "son"}, 1.0),
        ("bowling ball and pins · 保龄球", {"保龄球"}, 1.0),
        ("a cat asleep on a sofa", {"cat", "sofa"}, 2 / 3),
        ("", {"cat"}, 0.0),
    ],
)
def test_words_of_a_picture_that_stand_in_the_text(caption: str, words: set[str], share: float) -> None:
    assert words_met(caption, Words(frozenset(words)))[1] == pytest.approx(share)


def picture(name: str, chance: float = 0.5) -> Candidate:
    return Candidate(id=name, path="", caption=name, fit=chance)


def test_what_shows_the_same_thing() -> None:
    assert same_subject(picture("fire"), picture("fire engine"))
    assert same_subject(picture("bread"), picture("bread"))
    assert not same_subject(picture("bread"), picture("moon"))


class OneVectorAText:
    """An encoder to which two texts are alike where they are the same."""

    def encode_texts(self, texts: list[str]) -> np.ndarray:
        return np.array([[float(ord(text[0]) % 8 == place) for place in range(8)] for text in texts], dtype=np.float32)


@pytest.mark.skipif(not dictionary_available(), reason="the dictionary is not installed")
def test_chinese_words_are_compared_with_english_names_by_the_dictionary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("composer.illustrating.evidence.shared_text_encoder", OneVectorAText)
    paragraph = Paragraph("s1", "猫头鹰飞过树林。", "zh", "夜里")
    found = [(Query("猫头鹰"), [Hit("owl", "", 0.9, "owl"), Hit("cat", "", 0.8, "cat")])]
    similarities = {
        c.id: c.evidence.similarity for c in gather(paragraph, found, Words(frozenset()), TextVectors()) if c.evidence
    }
    assert similarities == {"owl": 1.0, "cat": 0.0}
    found = [(Query("𠮷"), [Hit("owl", "", 0.9, "owl")])]  # the dictionary does not know it
    (candidate,) = gather(paragraph, found, Words(frozenset()), TextVectors())
    assert candidate.evidence is not None
    assert candidate.evidence.similarity is None


@pytest.mark.skipif(not dictionary_available(), reason="the dictionary is not installed")
def test_an_english_title_speaks_of_a_picture_by_its_other_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("composer.illustrating.evidence.shared_text_encoder", OneVectorAText)
    paragraph = Paragraph("s1", "Once a tortoise saw the moon.", "en", "The tortoise and the moon")
    turtle, satellite = Hit("turtle", "", 0.9, "turtle · 乌龟"), Hit("satellite", "", 0.9, "satellite · 卫星")
    found = [(Query("tortoise"), [turtle]), (Query("moon"), [satellite])]
    candidates = gather(paragraph, found, Words(frozenset({"tortoise", "moon"})), TextVectors())
    titled = {each.id: each.evidence.of_title for each in candidates if each.evidence}
    assert titled == {"turtle": True, "satellite": False}, "some moons are satellites, and mean something else"


@pytest.mark.skipif(not dictionary_available(), reason="what Chinese words are called in English, the dictionary says")
@pytest.mark.parametrize(
    ("title", "text", "bus", "car"),
    [
        ("下雨天", "公共汽车来了，汽车停在路边。", 1.0, 0.0),
        ("雨天的公共汽车", "车门开了，汽车停在路边。", 0.0, 0.0),
        ("下雨天", "一辆汽车停在路边。", 0.0, 1.0),
    ],
)
def test_a_bus_by_another_name_is_a_bus_and_its_short_name_no_car(
    title: str, text: str, bus: float, car: float, tmp_path: Path
) -> None:
    gallery = NamedGallery(tmp_path, ["bus · 公交车", "car · 汽车"])
    article = Article(title, (Section("s1", text),), "zh")
    reader = ParagraphReader(None, gallery, GeneralPrompts(), article, threading.Event())
    found = {each.caption: each.evidence for each in reader.search(article.sections[0]).candidates}
    assert {caption: evidence and evidence.share for caption, evidence in found.items()} == {
        "bus · 公交车": bus,
        "car · 汽车": car,
    }


@pytest.mark.parametrize(
    ("title", "titled"),
    [
        ("Learning to swim at forty", True),
        ("Swimming in winter", True),
        ("我学会了游泳", True),
        ("A summer at the lake", False),
    ],
)
def test_a_title_speaks_of_who_does_what_it_says(title: str, titled: bool, tmp_path: Path) -> None:
    article = Article(title, (Section("s1", "The water is cold."),), "zh" if is_chinese(title) else "en")
    gallery = NamedGallery(tmp_path, ["person swimming · 游泳的人"])
    reader = ParagraphReader(None, gallery, GeneralPrompts(), article, threading.Event())
    (found,) = reader.search(article.sections[0]).candidates
    assert found.evidence is not None
    assert found.evidence.of_title == titled


@pytest.mark.parametrize(
    ("thing", "found"),
    [("parrotfish", []), ("pancake", []), ("sunlight", ["sun"]), ("guitarist", ["guitar"]), ("tomatoes", ["tomato"])],
)
def test_a_word_that_begins_with_a_pictures_is_another_thing(thing: str, found: list[str]) -> None:
    hits = [Hit(name, f"/{name}.png", 0.5, name) for name in ("parrot", "pan", "sun", "guitar", "tomato")]
    hits = [hit for hit in hits if thing.startswith(hit.caption)]
    paragraph = Paragraph("s1", "Nothing of the kind.", "en", "")
    candidates = gather(paragraph, [(Query(thing, named=True), hits)], Words(frozenset()), TextVectors())
    assert [candidate.caption for candidate in candidates] == found


@pytest.mark.parametrize(
    ("text", "query", "found"),
    [
        ("A shield volcano is broad.", "shield volcano", []),
        ("A shield volcano is broad. A knight has a shield.", "shield volcano", ["shield · 盾牌"]),
        ("桃花开了。", "桃花", []),
        ("桃花开了，枝上结了一个桃。", "桃花", ["peach · 桃"]),
    ],
)
def test_what_only_says_which_thing_is_meant_is_not_offered(text: str, query: str, found: list[str]) -> None:
    hits = [Hit("1", "/1.png", 0.5, "peach · 桃" if is_chinese(query) else "shield · 盾牌")]
    paragraph = Paragraph("s1", text, "zh" if is_chinese(query) else "en", "")
    candidates = gather(paragraph, [(Query(query, named=True), hits)], Words(frozenset()), TextVectors())
    assert [candidate.caption for candidate in candidates] == found


@pytest.mark.skipif(not dictionary_available(), reason="what a Chinese word is made of, the dictionary says")
@pytest.mark.parametrize(
    ("title", "names"),
    [
        ("一场足球赛", {"soccer ball · 足球": True, "horse · 马": False}),
        ("海龟回家", {"turtle · 乌龟": True, "turtle shell · 龟壳": False}),  # 海龟 is a turtle, too
        ("鼠标的历史", {"mouse · 老鼠": False}),  # 鼠标 is the other mouse
    ],
)
def test_a_title_speaks_of_what_its_words_are_made_of_and_what_they_are_in_english(
    title: str, names: dict[str, bool], tmp_path: Path
) -> None:
    section = Section("s1", "队员们跑进球场，观众站了起来。")
    article = Article(title, (section,), "zh")
    reader = ParagraphReader(None, NamedGallery(tmp_path, list(names)), GeneralPrompts(), article, threading.Event())
    found = {each.caption: each.evidence for each in reader.search(section).candidates}
    assert {caption: evidence and evidence.of_title for caption, evidence in found.items()} == names


@pytest.mark.parametrize(
    ("title", "text", "offered"),
    [
        ("Sunrise", "I closed my eyes and felt the sun.", {"sun"}),
        ("How to protect your eyes", "I closed my eyes and felt the sun.", {"human eye", "sun"}),
        ("Sunrise", "In my old T-shirt I sat in the sun.", {"sun"}),
        ("My old T-shirt", "In my T-shirt I sat in the sun.", {"t-shirt", "sun"}),
        ("The senses", "Our eyes see the sun. An eye is round.", {"sun"}),
    ],
)
def test_a_part_of_a_body_and_what_it_wears_are_offered_where_the_text_is_about_it(
    title: str, text: str, offered: set[str], tmp_path: Path
) -> None:
    gallery = NamedGallery(tmp_path, ["t-shirt" if "T-shirt" in text else "human eye", "sun"])
    gallery.pictures = {key: replace(hit, drawing=True) for key, hit in gallery.pictures.items()}
    section = Section("s1", text)
    reader = ParagraphReader(None, gallery, GeneralPrompts(), Article(title, (section,), "en"), threading.Event())
    found = reader.search(section).candidates
    assert {
        each.caption for each in found if each.evidence and each.evidence.query in ("eye", "sun", "t-shirt")
    } == offered


def test_a_part_of_a_body_is_offered_where_the_model_thinks_of_it_and_the_paragraph_says_it_twice() -> None:
    paragraph = Paragraph("s1", "Our eyes see the sun. An eye is round.", "en", "The senses")
    eye = Hit("eye", "", 0.9, "human eye", drawing=True)
    assert gather(paragraph, [(Query("eye", named=True), [eye])], Words(frozenset()), TextVectors())
    assert not gather(paragraph, [(Query("eye"), [eye])], Words(frozenset()), TextVectors())


def test_a_picture_found_in_place_of_another_shows_the_same_subject() -> None:
    owl = Candidate("owl", "", "owl · 猫头鹰", evidence=Evidence("owl", named=True, similarity=1.0))
    bird = Candidate("bird", "", "bird · 鸟", evidence=Evidence("owl", named=True, similarity=0.57))
    assert same_subject(owl, bird)
    assert same_subject(bird, owl)
    assert not same_subject(owl, replace(bird, evidence=Evidence("bird", named=True, similarity=1.0)))


def test_what_two_paragraphs_name_apart_is_not_the_same_however_near_it_means(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("composer.illustrating.evidence.shared_text_encoder", OneVectorAText)  # "donkey" and "dog" meet
    donkey = Candidate("1", "", "donkey · 驴", evidence=Evidence("donkey", words=("donkey",), share=1.0))
    dog = Candidate("2", "", "dog · 狗", evidence=Evidence("dog", words=("dog",), share=1.0))
    assert not same_subject(donkey, dog, TextVectors())
    guessed = replace(dog, evidence=Evidence("dog", named=True, similarity=1.0))  # the text has no dog
    assert same_subject(donkey, guessed, TextVectors())
    half = replace(dog, evidence=Evidence("dog", words=("dog",), share=0.5))
    assert same_subject(donkey, half, TextVectors())
    both = replace(dog, evidence=Evidence("donkey", words=("donkey",), share=1.0))
    assert same_subject(donkey, both, TextVectors()), "one word of the text, two pictures"


def test_of_several_things_the_one_that_is_spoken_of_most_comes_first(tmp_path: Path) -> None:
    section = Section(
        "s1", "After the monkeys I went to the birds. The birds were colourful, and one of the birds sang."
    )
    gallery = NamedGallery(tmp_path, ["monkey", "bird"])
    reader = ParagraphReader(None, gallery, GeneralPrompts(), Article("A day out", (section,), "en"), threading.Event())
    assert [each.caption for each in reader.search(section).candidates][:2] == ["bird", "monkey"]


def test_nothing_is_searched_for_that_is_somebodys_name(tmp_path: Path) -> None:
    first, second = Section("s1", "小鹿名叫“云朵”。"), Section("s2", "云朵救了小兔子。")
    gallery = NamedGallery(tmp_path, ["cloud · 云朵", "rabbit · 兔子"])
    article = Article("森林里的小鹿", (first, second), "zh")
    reader = ParagraphReader(None, gallery, GeneralPrompts(), article, threading.Event())
    reading = reader.search(second)
    assert "云朵" not in [query.text for query, _ in reading.found]
    assert {each.caption: each.evidence.share for each in reading.candidates if each.evidence} == {
        "cloud · 云朵": 0.0,
        "rabbit · 兔子": 1.0,
    }
