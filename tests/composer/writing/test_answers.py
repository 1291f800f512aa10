"""Captions and search phrases out of what a model answers."""

import pytest

from composer.writing.answers import alike, clean_caption, clean_heading, clean_query, from_text


@pytest.mark.parametrize(
    ("answer", "query"),
    [
        ("A picture of a bowl of fresh water.", "A bowl of fresh water"),
        ('"The Huangpu River"', "The Huangpu River"),
        ("Answer: **A vet's office**\nbecause it is mentioned", "A vet's office"),
        ("1. A cat on a sofa", "A cat on a sofa"),
        ("The main visible object is a red tram.", "A red tram"),
        ("The Tower of London, Buckingham Palace, and the British Museum", "The Tower of London"),
        ("A club or a bar", "A club"),
        ("A dog or cat", "A dog"),
        ('Paragraph [1]: "A cup of tea."', "A cup of tea"),
        ("A clean, comfortable bed.", "A clean, comfortable bed"),
        ("A cat, a dog and a bird", "A cat"),
        ("London's underground, with buses, trains", "London's underground"),
        ("A city with a golden orb or a star, possibly with a", "A city with a golden orb"),
        ("Cats, dogs", "Cats, dogs"),
        ("A sky as shown in paragraph 4", "A sky"),
        ("The colors of the mural and the fine details in", "The colors of the mural and the fine details"),
        ("A man standing on top of the", "A man standing on top"),
        ("Two warm hands around", "Two warm hands"),
        ("The image should show a litter box", "A litter box"),
        ("<think>\nA picture, hm.\n</think>\n\nA cup of tea", "A cup of tea"),
        ("It is about tea.\n</think>\n\nA cup of tea", "A cup of tea"),
        ("<think>\nA picture of", ""),
        ("", ""),
        ("\n\n---\n", ""),
        ("word " * 40, " ".join(["Word", *["word"] * 11])),
    ],
)
def test_queries(answer: str, query: str) -> None:
    assert clean_query(answer) == query


@pytest.mark.parametrize(
    ("answer", "language", "caption"),
    [
        ("“一只猫在窗边睡觉。”", "zh", "一只猫在窗边睡觉"),
        ("图注：一碗清水", "zh", "一碗清水"),
        ("这是一尊石刻佛像", "zh", "一尊石刻佛像"),
        ("图中展示了一只正在喝水的猫", "zh", "一只正在喝水的猫"),
        ("这是一幅壁画，描绘了古代人们的生活场景", "zh", "一幅壁画，描绘了古代人们的生活场景"),
        ("Caption: a cat by the window.", "en", "A cat by the window"),
        ("*A cat* by the window", "en", "A cat by the window"),
    ],
)
def test_captions(answer: str, language: str, caption: str) -> None:
    assert clean_caption(answer, "zh" if language == "zh" else "en") == caption


def test_long_captions_end_where_a_clause_ends() -> None:
    long = clean_caption("一只猫坐在窗台上，" * 10, "zh")
    assert len(long) <= 44
    assert long.endswith("窗台上")
    english = clean_caption("A cat sits on the window sill in the sun, " + "and it sleeps " * 12, "en")
    assert english == "A cat sits on the window sill in the sun"


def test_a_paragraph_gives_a_caption_where_the_model_gave_none() -> None:
    assert from_text("A **cat** sleeps. It dreams.", "en") == "A cat sleeps"
    assert from_text("猫在睡觉。它在做梦。", "zh") == "猫在睡觉"


def test_headings_lose_numbers_and_full_stops() -> None:
    assert clean_heading("【古色古香的茶馆】") == "古色古香的茶馆"
    assert clean_heading('"一、选择猫粮。"') == "选择猫粮"
    assert clean_heading("Subheading\n") == "Subheading"
    assert clean_heading("## 2. Food and water:") == "Food and water"
    assert clean_heading("小标题：选择猫粮") == "选择猫粮"
    assert clean_heading("[4] 学习英语：实际应用") == "学习英语：实际应用"
    assert clean_heading("第[3]段到第[4]段：猫粮") == "猫粮"
    assert clean_heading("[Food and water]") == "Food and water"


def test_a_long_chinese_heading_is_its_first_clause() -> None:
    assert clean_heading("珍惜美好时光，用行动记录美好时光。") == "珍惜美好时光"
    assert clean_heading("生命之树：一个关于生命奇迹的故事") == "生命之树"
    assert clean_heading("春天，花开了") == "春天，花开了"
    assert clean_heading("《春江，花月夜》是一首唐代的诗") == "《春江，花月夜》是一首唐代的诗"
    assert clean_heading("Water: what a cat drinks on a hot day") == "Water: what a cat drinks on a hot day"


@pytest.mark.parametrize(
    ("answer", "heading"),
    [
        ("《千手观音》雕塑震撼人心", "《千手观音》雕塑震撼人心"),
        ("“飞天”与“自由”", "“飞天”与“自由”"),
        ("《“飞天”的美》", "“飞天”的美"),
        ('"Cats" and "dogs"', '"Cats" and "dogs"'),
        ("The cat's “nine lives”", "The cat's “nine lives”"),
        ("《论语", "论语"),
        ('Cats"', "Cats"),
        ('"', ""),
    ],
)
def test_only_quotes_around_the_whole_or_without_a_partner_are_lost(answer: str, heading: str) -> None:
    assert clean_heading(answer) == heading


def test_alike_is_about_the_words_that_matter() -> None:
    assert alike("A cat playing with toys", "The cat with its toys")
    assert not alike("A cat on a bed", "A dog on a sofa")
    assert not alike("A red cat on a sofa", "A red dog on a bed")
    assert not alike("", "A cat")
