"""What a text compares things with is no thing of the text."""

import pytest

from composer.illustrating.nouns import nouns


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
