"""What a text only compares things with: where a flock moves like a cloud, no cloud is to be seen. No model."""

from collections.abc import Sequence

_LIKE_ZH = frozenset(
    ("像", "像是", "就像", "好像", "好像是", "仿佛", "彷佛", "如同", "犹如", "宛如", "宛若", "好似", "恰似")
)
_ENDS_ZH = frozenset(("一样", "一般", "般", "似的", "那样"))
_MARKS_ZH = frozenset("，。；！？：…,.;!?:\n")
_SUCH_AS_ZH = frozenset(("、", "这样", "这些", "这类", "之类", "等", "等等"))  # fruit such as apples is to be seen
_OF_A_PHRASE = ("JJ", "NN", "VB")  # beginnings of tags: the tagger takes some nouns for verbs ("a small bear")
# Before "like": "I like a coffee", "to like a dog", "animals like a fox" compare nothing.
_NO_COMPARISON = ("PRP", "NNS", "NNPS", "TO", "MD")

Tagged = tuple[str, str]  # a word or mark, and its tag


def without_similes_zh(tagged: Sequence[Tagged]) -> list[Tagged]:
    """The words without those behind 像 and the like, up to 一样 or the next mark. Tags are jieba's."""
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


def without_similes_en(tagged: Sequence[Tagged]) -> list[Tagged]:
    """The words without the nouns behind "like a" and "as big as a". Tags are those of the Penn Treebank."""
    kept: list[Tagged] = []
    start = 0
    while start < len(tagged):
        kept.append(tagged[start])
        start += 1
        if _compares(tagged, start - 1):
            while start < len(tagged) and tagged[start][1].startswith(_OF_A_PHRASE):
                start += 1
    return kept


def _compares(tagged: Sequence[Tagged], article: int) -> bool:
    """Whether an article begins what something is compared with."""
    words = [word.lower() for word, _ in tagged[max(article - 3, 0) : article + 1]]
    if words[-1:] not in (["a"], ["an"]):
        return False
    if words[-2:-1] == ["like"]:
        return article < 2 or tagged[article - 2][1] not in _NO_COMPARISON
    return len(words) == 4 and words[0] == words[2] == "as"
