"""What a text compares things with is no thing of the text, nor is what it lacks; what only says where something is, is
a lesser one."""

import pytest

from composer.illustrating.mentions import given_names, without_names
from composer.illustrating.nouns import nouns, words_in


@pytest.mark.parametrize(
    ("text", "seen", "unseen"),
    [
        ("The ship moved like a white swan across the bay.", {"ship", "bay"}, {"swan"}),
        ("Like a bird in a cage, the boy sang in the kitchen.", {"boy", "kitchen"}, {"bird"}),
        ("The pumpkin was as big as a house.", {"pumpkin"}, {"house"}),
        ("The moss is like a sponge, and a sponge lies beside the bucket.", {"moss", "sponge", "bucket"}, set()),
        ("Guests like a coffee, and I like a croissant.", {"coffee", "croissant"}, set()),
        ("Animals like a fox sleep in burrows.", {"fox"}, set()),
    ],
)
def test_english_similes(text: str, seen: set[str], unseen: set[str]) -> None:
    found = set(nouns(text, "en"))
    assert seen <= found
    assert not unseen & found


@pytest.mark.parametrize(
    ("text", "seen", "unseen"),
    [
        ("羊群像云一样在草原上移动。", {"羊群", "草原"}, {"云"}),
        ("月亮仿佛一只小船，照着河边的柳树。", {"月亮", "柳树"}, {"小船"}),
        ("河流如同丝带般穿过山谷。", {"河流", "山谷"}, {"丝带"}),
        ("市场上有像苹果、香蕉这样的水果。", {"苹果", "香蕉", "水果"}, set()),
        ("桌上有一台摄像机和一幅画像。", {"摄像机", "画像"}, set()),
        ("云像棉花，棉花开在田里。", {"云", "棉花"}, set()),
    ],
)
def test_chinese_similes(text: str, seen: set[str], unseen: set[str]) -> None:
    found = set(nouns(text, "zh"))
    assert seen <= found
    assert not unseen & found


@pytest.mark.parametrize(
    ("text", "seen", "unseen"),
    [
        ("The streets suffer from a lack of bright sunlight.", {"street"}, {"sunlight"}),
        ("A cake without any eggs is made with honey instead of sugar.", {"cake", "honey"}, {"egg", "sugar"}),
        ("There were no cars, but a dog slept on the road.", {"dog", "road"}, {"car"}),
        ("A car without brakes hit another car.", {"car"}, {"brake"}),
    ],
)
def test_english_absences(text: str, seen: set[str], unseen: set[str]) -> None:
    found = set(nouns(text, "en"))
    assert seen <= found
    assert not unseen & found


@pytest.mark.parametrize(
    ("text", "seen", "unseen"),
    [
        ("院子里没有一匹黑色的马，只有山羊。", {"院子", "山羊"}, {"马", "黑色"}),
        ("没有风的日子，船停在码头。", {"船", "码头"}, {"风"}),
        ("这种蛋糕不用鸡蛋，要用蜂蜜。", {"蛋糕", "蜂蜜"}, {"鸡蛋"}),
        ("他没有找到钥匙。", {"钥匙"}, set()),
    ],
)
def test_chinese_absences(text: str, seen: set[str], unseen: set[str]) -> None:
    found = set(nouns(text, "zh"))
    assert seen <= found
    assert not unseen & found


@pytest.mark.parametrize("text", ["How to plant a tree", "Plant the tree: dig a hole.", "You can plant a tree."])
def test_verbs_before_an_object_are_no_nouns(text: str) -> None:
    assert "plant" not in words_in(text, "en").things
    assert "tree" in words_in(text, "en").things


@pytest.mark.parametrize(
    ("text", "things"),
    [
        ("The snail crawls slowly over a leaf.", ["snail", "leaf"]),
        ("Every morning, the old clock ticks on the wall.", ["morning", "clock", "wall"]),
        ("The apple trees in the garden were old.", ["apple tree", "tree", "garden"]),
        ("Bread, fish sauces for the soup and tea stood there.", ["bread", "fish sauce", "sauce", "soup", "tea"]),
    ],
)
def test_a_clauses_only_verb_is_no_noun(text: str, things: list[str]) -> None:
    assert nouns(text, "en") == things


@pytest.mark.parametrize(
    ("text", "places", "things"),
    [
        (
            "Puppies learn to behave in the house. As I stepped out of my door, a dog barked.",
            {"house", "door"},
            {"dog"},
        ),
        ("We sat at an old wooden table. The bread lay in a basket.", {"table", "basket"}, {"bread"}),
        ("We sat at a table. My father had made the table.", set(), {"table", "father"}),
        ("He was greeted by teachers, and came by train.", set(), {"teacher", "train"}),
    ],
)
def test_english_places(text: str, places: set[str], things: set[str]) -> None:
    words = words_in(text, "en")
    assert places <= words.places
    assert not things & words.places


@pytest.mark.parametrize(
    ("text", "places", "things"),
    [
        ("我们坐在一张舒适的椅子上，面前是一碗牛肉面。", {"椅子", "chair"}, {"牛肉面"}),
        ("阳光透过窗户洒进来，小猫躺在床上。", {"窗户", "window", "bed"}, {"阳光", "小猫"}),
        ("桌子上有一个花瓶，我把书放在桌子上。", set(), {"桌子", "花瓶", "书"}),
        ("公园被绿叶覆盖，小猫躺在草地上。", {"绿叶"}, {"公园", "小猫"}),
    ],
)
def test_chinese_places(text: str, places: set[str], things: set[str]) -> None:
    words = words_in(text, "zh")
    assert places <= words.places
    assert not things & words.places


@pytest.mark.parametrize(
    ("text", "nameless"),
    [
        ("小鹿名叫“云朵”。云朵救了小兔子。", "小鹿名叫“它”。它救了小兔子。"),
        ("A cat named Cloud slept. Clouds came, and Cloud woke.", "A cat named it slept. Clouds came, and it woke."),
        ("小朋友叫了一声，云朵飘走了。", "小朋友叫了一声，云朵飘走了。"),
        ("我读了《生命之树》，树下很凉快。", "我读了它，树下很凉快。"),
    ],
)
def test_what_somebody_is_called_is_nothing_to_be_seen(text: str, nameless: str) -> None:
    assert without_names(text, given_names(text)) == nameless
