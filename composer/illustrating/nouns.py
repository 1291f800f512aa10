"""The words of a text that could be things in a picture, in English and Chinese. No model, no gallery."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from itertools import pairwise, takewhile
from typing import Any

from common.language import HAN, HAN_RANGES, is_chinese
from common.lazy import one_import_at_a_time
from composer.article import Language
from composer.illustrating.mentions import (
    is_place_en,
    is_place_zh,
    place_in,
    seen_en,
    seen_zh,
)
from retrieval.encoders import english_names, is_word
from retrieval.index import STOP_WORDS

_BEFORE_AN_OBJECT = frozenset(("DT", "PRP", "PRP$"))  # tags: no noun stands before them without a verb
_BEFORE_A_VERB = frozenset(("", "TO", "MD", ".", ":"))  # "Plant the tree", "how to plant a tree"
_MODIFIERS = ("DT", "PRP$", "JJ", "NN", "VBN", "VBG")  # beginnings of tags: of a subject up to its noun
_OF_AN_OBJECT = ("DT", "PRP", "JJ", "NN", "CD")  # beginnings of tags: of what stands behind a verb that has one
_EACH = frozenset(("every", "each"))  # "why I run every morning"
_PREDICATES = frozenset(("VB", "VBD", "VBN", "VBP", "VBZ", "MD"))
_CLAUSE_ENDS = frozenset((".", ",", ":", "CC", ""))
_WORD = re.compile(r"[^\W\d_][\w'’-]*")
_HAN_RUN = re.compile(f"[{HAN_RANGES}]+")
# Of jieba's tag set. Its tags are guesses for words that its corpus lacks (西红柿 is a "name", 露水 a "verb"),
# so that a word of two characters and more counts unless it is a function word, an adverb or an adjective.
_SINGLE_ZH = frozenset(("n", "ng", "nz"))
_WORDS_ZH = frozenset(["n", "s", "v", "i", "l", "j"])  # first letters of the tags
_NAMES_ZH = frozenset(("nr", "nrt", "nrfg", "ns", "nt"))
# Things that its corpus knows as surnames, adverbs ("相机行事"), times or not at all.
_THINGS_TEXT_ZH = """
鸟 鹿 熊 鸭 龟 蚕 桃 糖 姜 桶 鼓 铲 炉 井 车 云 河 湖 江 泉 宫 相机 日历 满月 残月 夜晚 轻轨 单轨 美元 英镑
"""
_THINGS_ZH = frozenset(_THINGS_TEXT_ZH.split())
# Words that name no thing to be seen, beside the stop words that search leaves out.
_EMPTY_TEXT = """
able about above across after again against age all almost alone along also although always among amount another
anything area aspect attention away back beginning best better big bit both bright certain challenge chance change
character clear close cold come common condition consider course culture dark day deep different difficult dream during
each early easy effort either end enjoy enough entire especially even ever every everyone everything example experience
fact feel feeling few final find first five form four free fresh full fun future general get give go good great half
hand happy hard help high history home hope hour however hundred idea important instead interest journey joy keep kind
know large last late learn least less let level life like little live long look lot love main make many matter may mean
memory might mind minute moment month more most much must name nature near need never new night no nothing now number
often old once one only open order other own part particular past people perfect person place play point popular power
present problem process purpose quality question quick quiet rather real reason rest result right rise same second see
sense set several short show side simple since situation size skill slow small someone something sometimes soon sound
special spirit spot start state stay step still stop story strong sure sweet system take tell ten thing think thousand
three time together top toward tradition true try turn two type unique use usually value variety various view visit wait
can cannot could shall should would when where while which whose whom than then thus such there here within toward upon
ensure require involve provide include encourage affect reduce prevent allow avoid become remain begin understand
possible regular appropriate loud available necessary essential likely due via per individual
walk want warm way week weekend well whole wide will within without wonder word work world worth year yet young
"""
_EMPTY_EN = frozenset(_EMPTY_TEXT.split())
_EMPTY_TEXT_ZH = """
时候 时间 时光 时刻 地方 东西 事情 问题 方式 方法 过程 生活 世界 人生 感觉 心情 心中 内心 味道 乐趣 快乐 意义 经历
回忆 记忆 故事 历史 文化 精神 力量 智慧 希望 梦想 情况 原因 结果 部分 方面 作用 同时 机会 挑战 关系 社会 自己 大家
人 人人 人们 人类 一切 样子 声音 气息 身体 状态 程度 种类 品质 步骤 技巧 活动 工作 学习 体验 重要性 里面 上面 下面 旁边
周围 时代 目标 目的 环境 条件 经验 知识 思想 本质 价值 成功 失败 美好 全家 家人
"""
_EMPTY_ZH = frozenset(_EMPTY_TEXT_ZH.split())


def load_taggers() -> None:
    """Loads what takes seconds when it is first used."""
    _tagger_en()
    _tagger().initialize()


def content_words(text: str) -> list[str]:
    """The words of an English text that say what something is, in lower case and singular, each once."""
    return list(dict.fromkeys(lemma(word) for word in _WORD.findall(text) if says_something(word)))


def words_of_name(name: str) -> list[str]:
    """The content words of a picture's name and its participles: a potted plant is not any plant, and a racing car
    not any car."""
    own = content_words(name)
    return [*own, *participles(name)] if own else []


def participles(text: str) -> list[str]:
    """The English words of a text that may be participles, in lower case."""
    return [word.lower() for word in _WORD.findall(text) if _of_a_verb(word.lower())]


def says_something(word: str) -> bool:
    """Whether an English word could name a thing."""
    small = word.lower()
    return (
        len(small) > 2
        and not _of_a_verb(small)
        and not HAN.search(word)
        and small not in _EMPTY_EN
        and lemma(small) not in _EMPTY_EN
        and small not in STOP_WORDS
    )


def _of_a_verb(word: str) -> bool:
    """Whether a word is a form of a verb: "persevered" names no thing, and a "framed picture" no frame."""
    return word.endswith(("ed", "ing")) and lemma(word) != word


@dataclass(frozen=True, slots=True)
class Words:
    """What a text speaks of. `things`: also the participles of an English text, which a picture may be named with.
    `parts`: words that say no more than which other thing is meant, as fish in fish sauce and hot in hot pepper -> the
    words for things that they stand before. `places`: things that only say where something is or happens, and for
    Chinese ones their English names, too. `english`: what Chinese words are called in English first of all -> them.
    `deeds`: verbs that stand without an object."""

    things: frozenset[str]
    parts: Mapping[str, frozenset[str]] = field(default_factory=dict)
    places: frozenset[str] = frozenset()
    english: Mapping[str, str] = field(default_factory=dict)
    deeds: frozenset[str] = frozenset()


def words_in(text: str, language: Language) -> Words:
    """The words that a picture's are compared with: nouns, those of which a Chinese one is made, and their parts."""
    if language == "zh":
        own = _nouns_zh(text)
        known = frozenset((*content_words(text), *own, *(part for noun in own for part in things_in(noun))))
        words = Words(known, places=_places_zh(text), english=in_english(own))
        return without_short_forms(words, own)
    things, parts = set[str](), dict[str, set[str]]()
    for word, is_noun, following in _words_en(text):
        if following:
            parts.setdefault(lemma(word), set()).add(lemma(following))
        elif is_noun:
            things.add(lemma(word))
    alone = {word: frozenset(of) for word, of in parts.items() if word not in things}
    return Words(frozenset((*things, *participles(text))), alone, _places_en(text))


def in_english(nouns: Iterable[str]) -> dict[str, str]:
    """What Chinese nouns are called in English first of all -> them."""
    return {names[0].lower(): noun for noun in nouns if is_chinese(noun) for names in english_names(noun)[:1]}


def without_short_forms(words: Words, nouns: Collection[str]) -> Words:
    """The words without those that are short for one of the nouns, and mean something else by themselves: behind
    公共汽车 (bus), 汽车 is no car."""
    ends = ((noun, noun[start:]) for noun in nouns for start in range(1, len(noun)))
    short = {end for noun, end in ends if end in words.things and not shares_meaning(noun, end)}
    english = {name: noun for name, noun in words.english.items() if noun not in short}
    return replace(words, things=words.things - short, english=english)


def deeds(text: str) -> frozenset[str]:
    """The verbs of an English text without an object, in their dictionary forms: who learns to swim does, and who runs
    a bakery does not run."""
    tagged = [*_tagged_en(text), ("", "")]
    return frozenset(
        lemma(word)
        for (word, kind), (following, next_kind) in pairwise(tagged)
        if (kind.startswith("VB") or _of_a_verb(word.lower()))
        and (following in _EACH or not next_kind.startswith(_OF_AN_OBJECT))
    )


def _places_en(text: str) -> frozenset[str]:
    tagged = seen_en(_tagged_en(text))
    places, things = set[str](), set[str]()
    for number, (word, kind) in enumerate(tagged):
        if kind.startswith("NN") and _could_name(word):
            (places if is_place_en(tagged, number) else things).add(lemma(word))
    return frozenset(places - things)


def _places_zh(text: str) -> frozenset[str]:
    tagged = seen_zh(_tagged(text))
    places, things = set[str](), set[str]()
    for number, (word, _kind) in enumerate(tagged):
        if HAN.search(word):
            names = [names[0] for thing in (word, place_in(word)) for names in english_names(thing)]
            known = places if is_place_zh(tagged, number) else things
            known.update((word, *(part for name in names for part in content_words(name))))
    return frozenset(places - things)


def nouns(text: str, language: Language) -> list[str]:
    """Words and pairs of words that may be things to be seen, in the order of the text, each once.

    An English noun that only stands before others is none by itself: fish sauce shows no fish.
    """
    return _nouns_zh(text) if language == "zh" else _nouns_en(text)


def _nouns_en(text: str) -> list[str]:
    alone = words_in(text, "en").things
    found: dict[str, None] = {}
    for word, _is_noun, following in _words_en(text):
        if following:
            found[f"{word.lower()} {lemma(following)}"] = None
        if lemma(word) in alone:
            found[lemma(word)] = None
    return list(found)


def _words_en(text: str) -> list[tuple[str, bool, str]]:
    """The words that could name a thing or say which, whether each is a noun, and the noun right behind it, or ""."""
    tagged = [("", ""), *seen_en(_tagged_en(text)), ("", ""), ("", "")]
    kinds = [kind for _, kind in tagged]
    found = []
    for number, ((_, before), (word, kind), (following, next_kind), (_, then)) in enumerate(
        zip(tagged, tagged[1:], tagged[2:], tagged[3:], strict=False), start=2
    ):
        # the tagger takes verbs for nouns: "lightning split the sky", "owls hunt", "the clock ticks on"
        is_order = before in _BEFORE_A_VERB and next_kind in _BEFORE_AN_OBJECT
        if not _could_name(word) or is_order or _is_predicate(kinds, number - 1):
            continue
        is_verb = then in _BEFORE_AN_OBJECT or (kind, next_kind) == ("NNS", "NN") or _is_predicate(kinds, number)
        is_thing = next_kind.startswith("NN") and not is_verb and _could_name(following)
        found.append((word, kind.startswith("NN"), following if is_thing else ""))
    return found


def _is_predicate(kinds: Sequence[str], number: int) -> bool:
    """Whether a word that is tagged as a plural must be the verb of its clause, which begins with its subject and has
    no other: "The snail crawls over a leaf", but "The apple trees in the garden were old"."""
    if kinds[number - 1 : number + 1] != ["NN", "NNS"] or kinds[number + 1] in _CLAUSE_ENDS:
        return False
    start = next(n for n in range(number, -1, -1) if kinds[n] in _CLAUSE_ENDS) + 1
    subject, rest = kinds[start:number], takewhile(lambda kind: kind not in _CLAUSE_ENDS, kinds[number:])
    begins = subject[0] in ("DT", "PRP$") and all(kind.startswith(_MODIFIERS) for kind in subject)
    return begins and _PREDICATES.isdisjoint(rest)


def _could_name(word: str) -> bool:
    return bool(_WORD.fullmatch(word)) and says_something(word) and not word.endswith("ly")


def _nouns_zh(text: str) -> list[str]:
    return list(
        dict.fromkeys(
            word
            for word, kind in seen_zh(_tagged(text))
            if (word in _THINGS_ZH or (kind in _SINGLE_ZH if len(word) == 1 else kind[0] in _WORDS_ZH))
            and word not in _EMPTY_ZH
            and HAN.search(word)
        )
    )


def things_in(compound: str) -> list[str]:
    """The shorter nouns of which a Chinese compound is made: a match of football (足球赛) has a football (足球).

    A cactus (仙人掌) has no immortal (仙人) in it, see `shares_meaning`, and a giant panda (大熊猫) no 大熊, which the
    dictionary lacks.
    """
    if len(compound) < 3 or not is_chinese(compound):
        return []
    dictionary = _tagger().dt
    parts = [part for part in dictionary.tokenizer.lcut_for_search(compound) if 1 < len(part) < len(compound)]
    kinds = {part: dictionary.word_tag_tab.get(part, "x") for part in parts}
    return [
        part
        for part, kind in kinds.items()
        if kind[0] == "n" and kind not in _NAMES_ZH and part not in _EMPTY_ZH and shares_meaning(compound, part)
        if is_word(part) or not is_word(compound)
    ]


@lru_cache(maxsize=2000)
def shares_meaning(compound: str, part: str) -> bool:
    """Whether a Chinese word means what its part does, by their English names: 大熊猫 (giant panda) and 熊猫 (panda),
    but not 公共汽车 (bus) and 汽车 (car). True of words that the dictionary lacks: they mean what they are made of; and
    of what is small or young: 小猫 (kitten) is a 猫 (cat).
    """
    if compound == f"小{part}":
        return True
    whole, of_part = (english_names(compound), english_names(part)) if is_word(compound) else ([], [])
    if not whole or not of_part:
        return True
    names = " ".join(whole[0]).lower()
    return any(word in names for word in content_words(of_part[0][0]))


def names_zh(text: str) -> set[str]:
    """Chinese names of persons, places and organisations in the text."""
    return {word for word, kind in _tagged(text) if kind in _NAMES_ZH and len(word) > 1}


def words_of(phrase: str) -> list[str]:
    """What a phrase is made of, for comparing it with a text: English content words, and its runs of Chinese."""
    return [*content_words(phrase), *_HAN_RUN.findall(phrase)]


@lru_cache(maxsize=50_000)
def lemma(word: str) -> str:
    """The dictionary form of an English word: "strawberries" -> "strawberry"."""
    import simplemma

    return str(simplemma.lemmatize(word.lower(), lang="en")).lower()


@lru_cache(maxsize=64)
def _tagged_en(text: str) -> list[tuple[str, str]]:
    """Words and marks with their tags of the Penn Treebank."""
    return [(str(word), str(kind)) for word, kind in _tagger_en()(text)]


@cache
def _tagger_en() -> Callable[[str], list[tuple[str, str]]]:
    """The tagger of parts of speech of TextBlob: Brill's rules over a lexicon. Loading it takes a second or two."""
    with one_import_at_a_time():
        from textblob.en import tag

        tag("a")  # reads the lexicon
    found: Callable[[str], list[tuple[str, str]]] = tag
    return found


@lru_cache(maxsize=64)
def _tagged(text: str) -> list[tuple[str, str]]:
    return [(str(pair.word), str(pair.flag)) for pair in _tagger().cut(text)]


@cache
def _tagger() -> Any:
    """jieba's tagger of parts of speech. It reads its dictionary when it is first used: about a second."""
    import logging
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # jieba imports pkg_resources where it can, which is deprecated
        import jieba
        import jieba.posseg

    jieba.setLogLevel(logging.WARNING)
    return jieba.posseg
