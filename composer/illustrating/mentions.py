"""How a text mentions its nouns: where a flock moves like a cloud, no cloud is to be seen, and no sun where there is no
sunlight; and whoever sits on a chair speaks of something else. Works on words with their tags of parts of speech; no
model."""

import re
from collections.abc import Callable, Collection, Sequence

from common.language import HAN_RANGES, is_chinese

Tagged = tuple[str, str]  # a word or mark, and its tag: of the Penn Treebank, for Chinese words jieba's

_LIKE_ZH = frozenset(
    ("像", "像是", "就像", "好像", "好像是", "仿佛", "彷佛", "如同", "犹如", "宛如", "宛若", "好似", "恰似")
)
_ENDS_ZH = frozenset(("一样", "一般", "般", "似的", "那样"))
_MARKS_ZH = frozenset("，。；！？：…,.;!?:\n")
_SUCH_AS_ZH = frozenset(("、", "这样", "这些", "这类", "之类", "等", "等等"))  # fruit such as apples is to be seen
_OF_A_PHRASE = ("JJ", "NN", "VB")  # beginnings of tags: the tagger takes some nouns for verbs ("a small bear")
# Before "like": "I like a coffee", "to like a dog", "animals like a fox" compare nothing.
_NO_COMPARISON = ("PRP", "NNS", "NNPS", "TO", "MD")

_ABSENT_EN = (("no",), ("without",), ("lack", "of"), ("lacks",), ("absence", "of"), ("instead", "of"))
_OF_AN_ABSENT = ("JJ", "NN", "DT", "PRP$", "CD")
_ABSENT_ZH = frozenset(("没有", "没", "没了", "缺乏", "缺少", "毫无", "不用", "不含", "无需"))
_BEFORE_NOUN_ZH = ("m", "q", "r", "a", "u", "d")  # beginnings of tags: 没有一本厚厚的书; a verb says what was not done

_PLACES = "in at inside into from through outside within near behind around on onto under against beside across along"
_OF_PLACE = frozenset(_PLACES.split())
_BETWEEN = ("DT", "PRP$", "JJ", "CD", "NN", "VBN", "VBG", "POS")  # a preposition and its noun
_TO_A_PLACE_ZH = frozenset(("在", "从", "到", "向", "往", "于", "沿着", "靠", "朝"))
_THROUGH_ZH = "透过"
_COVERS_ZH = frozenset(("覆盖", "遮盖", "环绕", "围绕", "包围", "掩映", "笼罩"))
_SIDES_TEXT_ZH = "上 里 中 下 前 后 旁 边 内 外 里面 外面 上面 下面 旁边 之上 之中"
_SIDES_ZH = frozenset(_SIDES_TEXT_ZH.split())
_NEAR_ZH = 5  # words between 在 and 上

_NAMED_ZH = re.compile(rf"(?:叫|叫做|叫作|名为|取名|名字是)[“\"「『]([{HAN_RANGES}]{{1,6}})[”\"」』]")
_NAMED_EN = re.compile(r"\b(?:named|called|name (?:is|was)) [\"“]?([A-Z][a-z]+)\b")
_WORK_ZH = re.compile("《[^《》]*》")  # title of a book, a film, a song


def given_names(text: str) -> frozenset[str]:
    """What somebody in a text is called, where the text says so: 它名叫“云朵”, "a cat named Cloud"."""
    return frozenset(_NAMED_ZH.findall(text)) | frozenset(_NAMED_EN.findall(text))


def without_names(text: str, names: Collection[str]) -> str:
    """The text with pronouns in place of names, and of titles of works (《生命之树》): where a deer is called Cloud,
    no cloud is to be seen."""
    text = _WORK_ZH.sub("它", text)
    for name in names:
        text = text.replace(name, "它") if is_chinese(name) else re.sub(rf"\b{name}\b", "it", text)
    return text


def seen_zh(tagged: Sequence[Tagged]) -> list[Tagged]:
    """The words without those of things that something is only compared with, or that are not there."""
    return _without_absent_zh(_without_similes_zh(tagged))


def seen_en(tagged: Sequence[Tagged]) -> list[Tagged]:
    """The words without those of things that something is only compared with, or that are not there."""
    return _without_absent_en(_without_similes_en(tagged))


def _without_similes_zh(tagged: Sequence[Tagged]) -> list[Tagged]:
    """The words without those behind 像 and the like, up to 一样 or the next mark."""
    kept: list[Tagged] = []
    start = 0
    while start < len(tagged):
        kept.append(tagged[start])
        start += 1
        if tagged[start - 1][0] in _LIKE_ZH:
            rest = range(start, len(tagged))
            end = next((n for n in rest if tagged[n][0] in _ENDS_ZH | _MARKS_ZH), len(tagged))
            if any(word in _SUCH_AS_ZH for word, _ in tagged[start:end]):
                kept += tagged[start:end]
            start = end
    return kept


def _without_similes_en(tagged: Sequence[Tagged]) -> list[Tagged]:
    """The words without the nouns behind "like a" and "as big as a"."""
    return _without(tagged, lambda n: _behind(tagged, n + 1, _OF_A_PHRASE) if _compares(tagged, n) else n + 1)


def _without_absent_en(tagged: Sequence[Tagged]) -> list[Tagged]:
    """The words without the nouns behind "no", "without" and "lack of"."""

    def next_seen(number: int) -> int:
        words = tuple(word.lower() for word, _ in tagged[max(number - 1, 0) : number + 1])
        is_absent = any(words[-len(absent) :] == absent for absent in _ABSENT_EN)
        return _behind(tagged, number + 1, _OF_AN_ABSENT) if is_absent else number + 1

    return _without(tagged, next_seen)


def _without_absent_zh(tagged: Sequence[Tagged]) -> list[Tagged]:
    """The words without the noun behind 没有 and the like."""

    def next_seen(number: int) -> int:
        noun = number + 1
        if tagged[number][0] not in _ABSENT_ZH:
            return noun
        while noun < len(tagged) and (tagged[noun][1].startswith(_BEFORE_NOUN_ZH) or _is_attribute(tagged, noun)):
            noun += 1
        return noun + 1 if noun < len(tagged) and tagged[noun][1].startswith("n") else number + 1

    return _without(tagged, next_seen)


def _without(tagged: Sequence[Tagged], next_seen: Callable[[int], int]) -> list[Tagged]:
    """The words, each followed by the one whose number `next_seen` gives for its own."""
    kept: list[Tagged] = []
    number = 0
    while number < len(tagged):
        kept.append(tagged[number])
        number = next_seen(number)
    return kept


def _behind(tagged: Sequence[Tagged], start: int, kinds: tuple[str, ...]) -> int:
    """The number of the first word from `start` on whose tag begins with none of `kinds`."""
    return next((n for n in range(start, len(tagged)) if not tagged[n][1].startswith(kinds)), len(tagged))


def _is_attribute(tagged: Sequence[Tagged], noun: int) -> bool:
    """Whether a noun only says which: 黑色 in 没有黑色的马."""
    return [word for word, _ in tagged[noun + 1 : noun + 2]] == ["的"] and tagged[noun][1].startswith("n")


def _compares(tagged: Sequence[Tagged], article: int) -> bool:
    """Whether an article begins what something is compared with."""
    words = [word.lower() for word, _ in tagged[max(article - 3, 0) : article + 1]]
    if words[-1:] not in (["a"], ["an"]):
        return False
    if words[-2:-1] == ["like"]:
        return article < 2 or tagged[article - 2][1] not in _NO_COMPARISON
    return len(words) == 4 and words[0] == words[2] == "as"


def is_place_en(tagged: Sequence[Tagged], noun: int) -> bool:
    """Whether a noun only says where: "in the house", "out of my house"."""
    before = noun - 1
    while before >= 0 and tagged[before][1].startswith(_BETWEEN):
        before -= 1
    words = [word.lower() for word, _ in tagged[max(before - 1, 0) : before + 1]]
    return words == ["out", "of"] or (bool(words) and words[-1] in _OF_PLACE)


def is_place_zh(tagged: Sequence[Tagged], noun: int) -> bool:
    """Whether a noun only says where: 在一张舒适的椅子上, 站在窗前, 透过窗户, 被绿叶覆盖."""
    before: list[str] = []
    for word, _ in reversed(tagged[:noun]):
        if word in _MARKS_ZH or len(before) == _NEAR_ZH:
            break
        before.append(word)
    following = tagged[noun + 1][0] if noun + 1 < len(tagged) else ""
    at_a_side = following in _SIDES_ZH or bool(place_in(tagged[noun][0]))
    to_a_place = any(word in _TO_A_PLACE_ZH or (len(word) > 1 and word[-1] == "在") for word in before)
    covers = "被" in before and following in _COVERS_ZH
    return before[:1] == [_THROUGH_ZH] or (at_a_side and to_a_place) or covers


def place_in(word: str) -> str:
    """The thing in a Chinese word for a place beside it: 窗前 -> 窗. Empty for other words."""
    return word[:-1] if len(word) > 1 and word[-1] in _SIDES_ZH else ""
