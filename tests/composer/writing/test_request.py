"""What a person types above an article."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.errors import InputError
from composer.writing import is_other_language
from composer.writing.request import Request, detect_language, fitting, read_request, without_controls


@pytest.mark.parametrize(
    ("typed", "request_"),
    [
        (
            "How to take good care of a pet cat",
            Request("How to take good care of a pet cat", "en", "How to take good care of a pet cat"),
        ),
        ("又见敦煌", Request("又见敦煌", "zh", "又见敦煌")),
        ("Shanghai Travel Guide in English", Request("Shanghai Travel Guide", "en", "Shanghai Travel Guide")),
        ("上海旅游指南 in English", Request("上海旅游指南", "en", "上海旅游指南")),
        ("Life in Chinese cities", Request("Life in Chinese cities", "en", "Life in Chinese cities")),
        ("Tea (in Chinese)", Request("Tea", "zh", "Tea")),
        ("茶，用英文写", Request("茶", "en", "茶")),
        ("茶（英文）", Request("茶", "en", "茶")),
        ("Tea，中文版", Request("Tea", "zh", "Tea")),
        ("如何学好英语", Request("如何学好英语", "zh", "如何学好英语")),
        ("如何用英语写邮件", Request("如何用英语写邮件", "zh", "如何用英语写邮件")),
        (
            "A guide to eating in Chinese restaurants",
            Request("A guide to eating in Chinese restaurants", "en", "A guide to eating in Chinese restaurants"),
        ),
        ("iPhone 发布会", Request("iPhone 发布会", "zh", "iPhone 发布会")),
        ("  two \t words \u00a0", Request("two words", "en", "two words")),
        ("../../x", Request("../../x", "en", "../../x")),
        ("<b>Cats</b>", Request("<b>Cats</b>", "en", "<b>Cats</b>")),
        ("🐱🐱", Request("🐱🐱", "en", "🐱🐱")),
        ("מדריך טיול", Request("מדריך טיול", "en", "מדריך טיול")),
        ("\u202ecats\u202c", Request("cats", "en", "cats")),
        ("ca\x00t\x1bs\x7f", Request("cats", "en", "cats")),
    ],
)
def test_titles(typed: str, request_: Request) -> None:
    assert read_request(typed) == request_


@pytest.mark.parametrize(
    "typed",
    [
        "Write a short story about a cat",
        "请写一篇关于猫的文章",
        "A cat.\nTell of its life, its friends and its food.",
        "x " * 50,
    ],
)
def test_instructions_have_no_title_of_their_own(typed: str) -> None:
    request = read_request(typed)
    assert request.title == ""
    assert request.text == "\n".join(" ".join(line.split()) for line in typed.splitlines())


def test_the_language_can_be_given() -> None:
    assert read_request("又见敦煌", language="en").language == "en"
    assert read_request("Cats in English", language="zh").language == "zh"
    assert read_request("Please write about tea; the article should be in Chinese, and short").language == "zh"
    assert read_request("Write an article in Chinese about cats").language == "zh"
    assert read_request("Write a guide to eating in Chinese restaurants").language == "en"
    assert read_request("用英文写一篇关于茶的文章") == Request("用英文写一篇关于茶的文章", "en", "")


@pytest.mark.parametrize("typed", ["", "  \n\t ", "\x00\x01\x02", "\u202e\u2066", "\ud800"])
def test_nothing_is_no_title(typed: str) -> None:
    with pytest.raises(InputError) as error:
        read_request(typed)
    assert "title" in error.value.text("en")
    assert "标题" in error.value.text("zh")


def test_a_title_of_100_kb_is_refused_with_the_way_out() -> None:
    with pytest.raises(InputError) as error:
        read_request("a b " * 25_000, room=4096, count=lambda text: len(text) // 2)
    assert "99,999 characters" in error.value.text("en")
    assert "can take about 8,19" in error.value.text("en")
    assert "请缩短" in error.value.text("zh")
    assert read_request("a b " * 1000, room=4096).title == ""


@given(st.text(max_size=300), st.integers(0, 100), st.integers(1, 7))
def test_a_text_is_cut_to_what_the_model_counts(text: str, room: int, size: int) -> None:
    def count(part: str) -> int:
        return sum(1 + (ord(character) % size) for character in part)

    cut = fitting(text, room, count)
    assert text.startswith(cut)
    assert count(cut) <= room
    if count(text) <= room:
        assert cut == text


def test_language_detection_weighs_characters_against_words() -> None:
    assert detect_language("我用 Python 写代码") == "zh"
    assert detect_language("The character 猫 means cat in the Chinese language") == "en"
    assert detect_language("") == "en"


def test_emoji_that_this_python_does_not_know_yet_stay() -> None:
    assert without_controls("\U0001fae8 \U0001fae9\ufffe\ufdd0\U0001ffff") == "\U0001fae8 \U0001fae9"


@pytest.mark.parametrize("nothing", ["", " \n", "\u200b", "\u202e\u200d"])
def test_a_title_of_nothing_visible_is_none(nothing: str) -> None:
    with pytest.raises(InputError, match="Please type a title"):
        read_request(nothing)


def test_joined_emoji_stay_joined() -> None:
    family = "👩\u200d👧"
    assert without_controls(family) == family


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("Le petit village est au bord de la mer. Les pêcheurs rentrent le soir avec leurs bateaux.", True),
        ("El pequeño pueblo está a orillas del mar. Los pescadores regresan por la noche con sus barcos.", True),
        ("Маленькая деревня находится на берегу моря. Рыбаки возвращаются вечером на своих лодках домой.", True),
        ("小さな村は海のそばにあります。漁師たちは夕方に船で帰ってきます。", True),
        ("The small village lies by the sea. The fishermen return in the evening with their boats.", False),
        ("Guangzhou, Chen Clan Academy, Shamian Island: a weekend in Guangdong with dim sum by Li Ming.", False),
        ("Install PyTorch with pip, then run torchvision and FAISS over CLIP; configs live in YAML files.", False),
        ("这个小村庄坐落在海边。渔民们傍晚划着船回来。", False),
        (
            "用 PyTorch 和 FAISS 建图库：CLIP, SigLIP, DINO, Milvus, SQLite, Gradio, YAML, JSON, pip, numpy。",
            False,
        ),
        ("Bonjour", False),  # too little to say
        ("", False),
    ],
)
def test_texts_in_neither_language(text: str, other: bool) -> None:
    assert is_other_language(text) is other
