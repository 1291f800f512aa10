"""What could be shown, what speaks for a picture, and which pictures stand where."""

import json
from dataclasses import replace

import pytest

from common.resources import resource_folder
from composer.article import Article, Candidate, Evidence, Language
from composer.illustrating.captions import is_true_of, plain_caption
from composer.illustrating.evidence import Paragraph, TextVectors, grounded, same_subject, words_met
from composer.illustrating.fit import FEATURES, FITS, PERHAPS, fit
from composer.illustrating.nouns import nouns, things_in, words_in
from composer.illustrating.places import choose_pictures
from composer.illustrating.queries import paragraph_queries, things, title_queries
from retrieval.encoders import dictionary_available


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("bread, baker, oven, snow", ["bread", "baker", "oven", "snow"]),
        ("The bread, a baker's oven.", ["bread", "baker's oven"]),
        ("none", []),
        ("None, as given", []),
        ("a photograph, an illustration of the paragraph", []),
        ("根据指定的段落内容", []),
        ("taste, taste, taste, fruit", ["taste", "fruit"]),
        ("熊猫，竹子、tea盘", ["熊猫", "竹子"]),
        ("The train left the station a little after eleven", []),
        ("a, b, c, d, egg, fish, goose, hat, ink, jar", ["egg", "fish", "goose", "hat"]),
        ("<think>What is there?</think>\ncrab, boat", ["crab", "boat"]),
    ],
)
def test_the_things_of_an_answer(answer: str, expected: list[str]) -> None:
    assert things(answer) == expected


def test_nouns_are_the_texts_own() -> None:
    english = nouns("They persevered, and the fire engines left for the old town.", "en")
    assert {"fire engine", "town"} <= set(english)
    assert not {"persevere", "persevered", "they", "old"} & set(english)
    assert "engine town" not in nouns("The engine. Town hall.", "en")
    chinese = nouns("外婆摘下带露水的西红柿，放进竹篮里。", "zh")
    assert {"西红柿", "露水"} <= set(chinese)
    assert "里" not in chinese
    assert nouns("", "en") == nouns("", "zh") == []


def test_an_english_word_that_only_says_which_thing_is_meant_is_none_by_itself() -> None:
    text = "Stir the rice noodles with fish sauce while we train dogs, watch films and let the hot peppers dry."
    asked = nouns(text, "en")
    assert {"rice noodle", "noodle", "fish sauce", "sauce", "dog", "film", "hot pepper", "pepper"} <= set(asked)
    assert not {"rice", "fish", "train", "watch", "hot", "dry"} & set(asked)
    words = words_in(text, "en")
    assert [words_met(name, words)[1] for name in ("hot pepper", "fish sauce", "fish", "cooked rice", "train")] == [
        1.0,
        1.0,
        0.0,
        0.0,
        0.0,
    ]
    assert "fish" in nouns(f"{text} A fish jumped.", "en"), "it stands for itself as well"
    assert {"lightning", "owl"} <= words_in("Lightning split the sky while owls hunt mice.", "en").things


def test_a_chinese_compound_is_searched_for_by_its_nouns_too() -> None:
    asked = [query.text for query in paragraph_queries("操场上有一场足球赛。", "zh", ())]
    assert asked.index("足球赛") < asked.index("足球")
    assert things_in("中国人") == [], "a country is no part of a thing"
    assert things_in("仙人掌") == [], "there is no immortal in a cactus"
    assert "大熊" not in words_in("大熊猫在吃竹子。", "zh").things, "nor a bear in a panda"
    assert words_in("操场上有一场足球赛。", "zh").things >= {"足球赛", "足球"}
    assert "人" not in [query.text for query in paragraph_queries("有人在看书。", "zh", ())]


def test_things_that_the_chinese_tagger_takes_for_something_else_are_nouns() -> None:
    assert nouns("那天我带着相机去看鸟。", "zh") == ["相机", "鸟"]


def test_the_models_things_come_before_the_paragraphs_own_and_the_title_is_searched_too() -> None:
    queries = paragraph_queries("A bowl stands beside the **bed**.", "en", ["bed"])
    assert (queries[0].text, queries[0].named) == ("bed", True)
    assert [query.text for query in queries].count("bed") == 1
    assert ("bowl", False) in [(query.text, query.named) for query in queries]
    assert [query.text for query in title_queries(Article("The secret life of bees"))] == ["bee"]


@pytest.mark.real
@pytest.mark.parametrize(
    ("text", "title", "language", "named", "spoken_of"),
    [
        (
            "The conductor punched the ticket of every passenger on the train.",
            "",
            "en",
            ["train", "car", "railway"],
            ["train", "railway"],
        ),
        ("It gave shade to everybody.", "One old tree", "en", ["tree", "flower"], ["tree"]),
        ("饺子在锅里翻滚。", "", "zh", ["dumplings", "饺子", "book"], ["dumplings", "饺子"]),
        ("A dish of rice noodles and fish sauce.", "", "en", ["noodles", "rice", "fish"], ["noodles"]),
        ("", "", "en", ["bed"], ["bed"]),  # no word to compare with
    ],
)
def test_what_the_model_guesses_beyond_the_paragraph_is_not_searched_for(
    text: str, title: str, language: Language, named: list[str], spoken_of: list[str]
) -> None:
    own = paragraph_queries(text, language, ())
    assert grounded(named, Paragraph("s1", text, language, title), own, TextVectors()) == spoken_of


def test_fit_follows_the_evidence() -> None:
    weak = Evidence("bowl", yes=0.2)
    strong = Evidence("bowl", named=True, words=("bowl",), share=1.0, similarity=1.0, yes=0.9)
    assert 0 < fit(weak) < FITS < fit(strong) < 1
    chances = [fit(replace(strong, yes=yes)) for yes in (0.0, 0.1, 0.5, 0.9, 1.0)]
    assert chances == sorted(chances)
    assert fit(replace(strong, yes=None)) > FITS, "nobody was asked"
    doubted = [fit(replace(strong, yes=0.44, share=share)) for share in (0.5, 1.0)]
    assert PERHAPS < doubted[0] < doubted[1] < FITS, "words alone do not convince"
    weights = json.loads((resource_folder("configs") / "fit.json").read_text())
    assert set(weights) == {"intercept", *FEATURES}


def test_a_picture_of_something_else_does_not_fit_whatever_the_model_says() -> None:
    walking = Evidence("move", named=True, similarity=0.4, yes=0.99)
    assert fit(walking) < FITS < fit(replace(walking, similarity=0.5))
    assert fit(replace(walking, share=0.5)) > FITS, "a word of its own stands in the text"
    assert fit(replace(walking, similarity=None)) > FITS, "a gallery without words"


def test_a_picture_of_something_near_fits_where_the_model_says_clearly_yes() -> None:
    clutch = Evidence("sleeping bag", named=True, similarity=0.6, yes=0.83)
    assert fit(clutch) < FITS < fit(replace(clutch, yes=0.87))
    for said in ({"similarity": 0.8}, {"share": 0.5}, {"of_title": True}, {"similarity": None}):
        assert fit(replace(clutch, **said)) >= fit(clutch)
    assert fit(replace(clutch, similarity=0.8, share=1.0)) > FITS
    butter = Evidence("cocoa butter", named=True, words=("butter",), share=1.0, similarity=0.68, yes=0.78)
    assert fit(butter) < FITS < fit(replace(butter, yes=0.82)), "it shares a word, and is something else"
    wheel = Evidence("tyre", named=True, words=("wheel",), share=1.0, similarity=0.59, yes=0.68)
    assert fit(wheel) < FITS < fit(replace(wheel, yes=0.72)), "the text has its name as well"


def test_a_picture_whose_name_says_more_than_the_text_needs_a_clear_yes() -> None:
    eye = Evidence("eye", words=("eye",), share=0.5, similarity=0.8, yes=0.78)  # a human's, for a panda's
    assert fit(eye) < FITS < fit(replace(eye, yes=0.82))
    assert fit(replace(eye, named=True)) > FITS, "the model thought of it"
    assert fit(replace(eye, named=True, yes=0.68)) < FITS, "and says hardly yes"
    assert fit(replace(eye, share=1.0)) > FITS, "that is what stands in the text"


def test_a_picture_whose_words_the_text_does_not_have_needs_a_clear_yes() -> None:
    telephone = Evidence("phone", named=True, similarity=0.8, yes=0.78)  # for a mobile phone
    assert fit(telephone) < FITS < fit(replace(telephone, yes=0.82))
    assert fit(replace(telephone, words=("telephone",), share=1.0)) > FITS
    assert fit(replace(telephone, similarity=None)) > FITS, "a gallery without words"


def test_what_the_title_does_not_name_needs_a_rather_yes() -> None:
    notebook = Evidence("notebook", words=("notebook",), share=1.0, similarity=1.0, yes=0.68)
    assert fit(notebook) < FITS < fit(replace(notebook, yes=0.72))
    assert fit(replace(notebook, named=True)) < FITS, "nor does it fit for having been thought of"
    assert fit(replace(notebook, of_title=True)) > FITS
    assert fit(replace(notebook, language="zh", yes=0.54)) < FITS < fit(replace(notebook, language="zh", yes=0.56))


def test_the_titles_subject_is_shown_where_a_paragraph_names_it_unless_the_model_says_no() -> None:
    bridge = Evidence("bridge", named=True, words=("bridge",), share=1.0, similarity=0.76, of_title=True, yes=0.26)
    assert fit(bridge) > FITS > fit(replace(bridge, yes=0.24))
    assert fit(replace(bridge, named=False, yes=0.44)) < FITS
    assert fit(replace(bridge, share=0.5, yes=0.44)) < FITS


def test_what_only_says_where_something_is_has_to_fit_surely() -> None:
    chair = Evidence("chair", named=True, words=("chair",), share=1.0, similarity=1.0, yes=0.8)
    assert fit(chair) > FITS > fit(replace(chair, of_place=True))
    assert fit(replace(chair, of_place=True, of_title=True)) > FITS, "an article about chairs"
    assert fit(replace(chair, of_place=True, yes=0.9)) > FITS


# -- places and pictures together ----------------------------------------------------------------------


def picture(name: str, chance: float = 0.5) -> Candidate:
    return Candidate(id=name, path="", caption=name, fit=chance)


def chosen(options: list[list[Candidate]], count: int | None = None, width: float = 450.0) -> dict[int, str]:
    picks = choose_pictures([width] * len(options), options, count, same=same_subject, worth=FITS)
    return {place: each.id for place, each in picks.items()}


def test_only_what_fits_is_placed_unasked_and_as_many_as_asked_for_otherwise() -> None:
    options = [[picture("bed", 0.9)], [picture("moon", 0.3)], [], [picture("boat", 0.65)]]
    assert chosen(options) == {0: "bed", 3: "boat"}
    assert chosen(options, 3) == {0: "bed", 1: "moon", 3: "boat"}
    assert chosen([[picture("moon", 0.3)]]) == {}
    assert chosen([]) == {}


def test_of_two_that_show_the_same_the_one_with_another_gives_way() -> None:
    bread = picture("bread", 0.9)
    assert chosen([[bread], [picture("flat bread", 0.95), picture("oven", 0.8)]]) == {0: "bread", 1: "oven"}
    assert chosen([[bread, picture("oven", 0.88)], [picture("bread", 0.95)]]) == {0: "oven", 1: "bread"}
    assert len(chosen([[bread], [bread], [bread]])) == 1


def test_what_stands_already_is_not_shown_again() -> None:
    options = [[picture("bread", 0.9), picture("oven", 0.7)]]
    picks = choose_pictures([450], options, None, same=same_subject, worth=FITS, taken=[picture("bread")])
    assert {place: each.id for place, each in picks.items()} == {0: "oven"}


# -- captions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "name", "sentence", "language", "true"),
    [
        ("Bread, baked before dawn", "bread", "By dawn his bread is baked, and customers wait.", "en", True),
        ("A photograph of bread", "bread", "By dawn his bread is in the oven.", "en", False),
        ("By dawn his bread is in the oven", "bread", "By dawn his bread is in the oven.", "en", False),
        ("The Sagrada Familia cathedral", "cathedral", "The cathedral stands in Barcelona.", "en", False),
        ("A castle by the sea", "beach", "We walked along the beach.", "en", False),
        ("面包", "bread", "By dawn his bread is in the oven.", "en", False),
        ("渔民捕到的螃蟹", "螃蟹", "渔民收起渔网，把螃蟹倒进桶里。", "zh", True),
        ("图片展示了螃蟹", "螃蟹", "渔民收起渔网，把螃蟹倒进桶里。", "zh", False),
        ("crab", "螃蟹", "渔民收起渔网，把螃蟹倒进桶里。", "zh", False),
        ("", "螃蟹", "螃蟹。", "zh", False),
    ],
)
def test_a_caption_is_true_of_picture_and_sentence(
    line: str, name: str, sentence: str, language: Language, true: bool
) -> None:
    assert is_true_of(line, name, sentence, language) == true


def test_a_picture_is_called_what_it_is_in_the_language_of_the_article() -> None:
    both = picture("octopus · 章鱼")
    assert (plain_caption(both, "en"), plain_caption(both, "zh")) == ("Octopus", "章鱼")
    english = replace(picture("octopus"), evidence=Evidence("章鱼"))
    assert plain_caption(english, "zh") == "章鱼"
    assert plain_caption(picture("octopus"), "zh") == "Octopus"


@pytest.mark.parametrize(
    ("name", "language", "caption"),
    [
        ("an old kettle / 旧水壶", "en", "An old kettle"),
        ("an old kettle / 旧水壶", "zh", "旧水壶"),
        ("A walk, by the river #nofilter https://t.co/abc", "en", "A walk, by the river"),
        (
            "Sunset at the harbour. We had been waiting for it since the ferry left in the morning",
            "en",
            "Sunset at the harbour",
        ),
        (
            "one two three four five six seven eight nine ten eleven twelve",
            "en",
            "One two three four five six seven eight nine ten eleven …",
        ),
        ("海边的日落，我们从早上渡船离开的时候起就一直在等它，直到天黑", "zh", "海边的日落"),
    ],
)
def test_a_long_name_is_shortened_to_a_caption(name: str, language: Language, caption: str) -> None:
    assert plain_caption(picture(name), language) == caption


@pytest.mark.skipif(not dictionary_available(), reason="without a dictionary an English name stays")
def test_a_picture_with_an_english_name_is_called_as_the_chinese_paragraph_calls_it() -> None:
    labelled = replace(picture("lion, king of beasts"), evidence=Evidence("lion", named=True))
    assert plain_caption(labelled, "zh", "雄狮很少捕猎，这头狮子在树荫下睡觉。") == "狮子"
    assert plain_caption(picture("palace"), "zh", "章鱼在瓶子里。") == "Palace"
    assert plain_caption(labelled, "en", "狮子") == "Lion, king of beasts"
    assert plain_caption(picture("circus elephant"), "zh", "马戏团里有一头大象。") == "大象", (
        "its last word says what it is"
    )


def test_what_a_classifier_guessed_is_a_caption_only_where_the_text_says_the_same() -> None:
    guessed = replace(picture("espresso"), approximate=True)
    met = replace(guessed, evidence=Evidence("coffee", words=("espresso",), share=1.0))
    assert plain_caption(met, "en", "An espresso at the bar.") == "Espresso"
    assert plain_caption(replace(guessed, evidence=Evidence("coffee")), "en", "A cup of tea.") == ""
    assert plain_caption(met, "zh", "一杯espresso。") == "", "English words are no caption of a Chinese article"
    if dictionary_available():
        lion = replace(picture("lion, king of beasts"), approximate=True, evidence=Evidence("草原"))
        assert plain_caption(lion, "zh", "这头狮子在树荫下睡觉。") == "狮子"
        assert plain_caption(lion, "zh", "草原上有很多花。") == "", "what found it is not what it shows"
