"""Cuts texts and queries into words for full-text search, in English and Chinese. Pure functions.

SQLite's tokenizers cannot cut Chinese: "unicode61" takes a whole run of characters as one word and "trigram" finds
nothing shorter than three characters, while Chinese nouns have one or two (猫, 面条). A run of Chinese is therefore
stored as its single characters and its neighbouring pairs.
"""

import re
import unicodedata
from collections.abc import Iterable

from common.language import HAN_RANGES, is_chinese
from retrieval.encoders import simplified

_PIECES = re.compile(rf"[{HAN_RANGES}]+|[^\W_]+(?:['’][^\W_]+)*")

# words that say nothing about what a picture shows
_STOP_TEXT = """
a an and any are as at be beside between by for from has have he her his in into is it its my near next of off on one
onto or our out over photo photograph picture image s she some such than that the their them there these they this
those through to two under up very was were what where which while who with your you
"""
STOP_WORDS = frozenset(_STOP_TEXT.split())
# English words after which comes where a thing is or what it is for, and words that only count or frame what follows
_ASIDE_TEXT = """
in on at by with under over near behind between to from for beside above below through into across along while who that
which of
"""
_ASIDE = frozenset(_ASIDE_TEXT.split())
_FRAMES_TEXT = "cup glass bowl plate piece slice bottle group pair bunch photo picture image view lot kind"
_FRAMES = frozenset(_FRAMES_TEXT.split())
_COUNTED_ZH = re.compile("^[一两几三四五六七八九十半][杯个只条张座位碗盘块片瓶群双束把辆匹头棵朵本架艘间幅](?=.)")
_BETWEEN_ZH = re.compile("(?<=.)[和与或](?!平)(?=.)")
_BEFORE_ZH = re.compile("(?<!目)的(?=.)|(?<=.)着(?=..)")
_STOP_ZH = frozenset("的了在是和与及或有着一个只条张座位这那些把被从到对也都就而为于上下里中旁边图照片")


def pieces(text: str) -> list[str]:
    """The text in lower case, cut into English words and runs of Chinese, in simplified characters."""
    return [match.group() for match in _PIECES.finditer(simplified(unicodedata.normalize("NFKC", text)).lower())]


def pairs(run: str) -> list[str]:
    """Neighbouring pairs of a run of Chinese: 长沙面条 -> 长沙 沙面 面条."""
    return [run[i : i + 2] for i in range(len(run) - 1)]


def stored_words(text: str) -> str:
    """What full-text search stores for a text: words, Chinese characters and pairs, joined by blanks."""
    words: list[str] = []
    for piece in pieces(text):
        if is_chinese(piece):
            words += [*piece, *pairs(piece)]
        else:
            words.append(piece.replace("'", " ").replace("’", " "))
    return " ".join(words)


def wanted_words(query: str) -> tuple[list[str], list[str]]:
    """What to look for: (words and pairs, single Chinese characters). The second are weaker evidence than the first.

    A query of a single Chinese character is as strong as a word. Words without content ("the", 的) are left out unless
    nothing else remains.
    """
    strong: list[str] = []
    weak: list[str] = []
    everything = pieces(query)
    for piece in everything:
        if not is_chinese(piece):
            strong += [word for word in re.split("['’]", piece) if word not in STOP_WORDS]
        elif len(piece) == 1:
            strong.append(piece)
        else:
            strong += pairs(piece)
            weak += [character for character in piece if character not in _STOP_ZH]
    if not strong and not weak:
        strong = everything
    return list(dict.fromkeys(strong)), list(dict.fromkeys(weak))


def things(phrase: str) -> list[str]:
    """What a phrase asks to be shown, without where it is and what it does; several where they are joined by "and".

    "a dog running in the park" -> dog; "a cup of coffee" -> coffee; "hot-air balloon" -> hot air balloon, since what
    stands before a noun makes another thing of it; 海上的帆船 -> 帆船; 汉堡和薯条 -> 汉堡, 薯条.
    """
    everything = pieces(phrase)
    chinese = [thing for run in everything if is_chinese(run) for thing in _things_zh(run)]
    english = _things_en([word for word in everything if not is_chinese(word)])
    return list(dict.fromkeys([*english, *chinese]))


def _things_en(words: list[str]) -> list[str]:
    found: list[list[str]] = [[]]
    aside = False  # until the next "and"
    for word in words:
        if word in ("and", "or"):
            found.append([])
            aside = False
        elif word == "of" and found[-1] and found[-1][-1] in _FRAMES:
            found[-1] = []
        elif found[-1] and (word in _ASIDE or (word.endswith("ing") and len(word) > 5)):
            aside = True
        elif not aside and word not in STOP_WORDS:
            found[-1].append(word)
    return [" ".join(thing) for thing in found if thing]


def _things_zh(run: str) -> list[str]:
    parts = [[part for part in _BEFORE_ZH.split(one) if part] for one in _BETWEEN_ZH.split(run)]
    return [_COUNTED_ZH.sub("", part[-1]) for part in parts if part]


def match_expression(words: Iterable[str]) -> str:
    """An FTS5 expression that finds any of the words; no character of a query is taken as FTS5 syntax."""
    return " OR ".join('"' + word.replace('"', '""') + '"' for word in words)


def name_expression(names: Iterable[str]) -> str:
    """An FTS5 expression that finds any of the names; each may have several words, which must stand together."""
    return match_expression(_as_stored(name) for name in names)


def _as_stored(name: str) -> str:
    if is_chinese(name):
        return " ".join(pairs(name) or [name])
    return " ".join(pieces(name)).replace("'", " ").replace("’", " ")
