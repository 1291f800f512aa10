"""What could be shown beside a paragraph: the short phrases that the gallery is searched with.

From the model (the things that it names) and from the paragraph itself (its nouns), so that neither has to be right.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from common.language import HAN, is_chinese
from composer import inline
from composer.article import Article, Language
from composer.illustrating.nouns import content_words, deeds, nouns, says_something, things_in
from composer.models import answer_in

MOST_THINGS = 4  # of the model's answer, as it is asked for
MOST_NOUNS = 32  # of a paragraph, in its order
SEPARATORS = re.compile(r"[,，、;；\n]+")  # between the things of an answer
_ARTICLE = re.compile(r"^(?:an?|the|some|his|her|their|our|my|its)\s+", re.IGNORECASE)
# answers about the task instead of about the paragraph
_ABOUT_THE_TASK = re.compile(
    r"\b(?:none|nothing|n/?a|paragraphs?|pictures?|photo(?:graph)?s?|images?|illustrations?|captions?|articles?|texts?|titles?"
    r"|words?|specified|given|mentioned|described|unknown|abstract|concepts?|ideas?)\b"
    r"|段落|图片|照片|图像|插图|文章|标题|题目|指定|没有|无法|概念",
    re.IGNORECASE,
)
_LONGEST = 5  # words of a thing


@dataclass(frozen=True, slots=True)
class Query:
    """One phrase to search with."""

    text: str
    named: bool = False  # the model named it


def things(answer: str) -> list[str]:
    """The things that a model's answer names: "Bread, the oven, none" -> bread, oven."""
    found: dict[str, None] = {}
    for part in SEPARATORS.split(answer_in(answer)):
        thing = _ARTICLE.sub("", inline.plain(part).strip(" .。!！?？'\"“”-•*0123456789")).lower()
        mixed = HAN.search(thing) and any(c.isascii() and c.isalpha() for c in thing)
        if not thing or mixed or len(thing.split()) > _LONGEST or len(thing) > 40 or _ABOUT_THE_TASK.search(thing):
            continue
        if is_chinese(thing) or content_words(thing):
            found[thing] = None
    return list(found)[:MOST_THINGS]


def paragraph_queries(text: str, language: Language, named: Iterable[str], most: int = MOST_NOUNS) -> list[Query]:
    """The model's things first, then the first `most` of the paragraph's nouns; each once."""
    queries = {thing: Query(thing, named=True) for thing in named}
    for noun in _own_words(text, language)[:most]:
        queries.setdefault(noun, Query(noun))
    return list(queries.values())


def title_queries(article: Article) -> list[Query]:
    """The nouns of the title, which is what every paragraph is about in the end, and what somebody does in it."""
    language: Language = "zh" if is_chinese(article.title) else "en"
    done = filter(says_something, sorted(deeds(inline.plain(article.title))))
    return [Query(word) for word in dict.fromkeys((*_own_words(article.title, language), *done))]


def _own_words(text: str, language: Language) -> list[str]:
    """The nouns of a text and, behind them, those of which a noun is made; each once."""
    own = [noun for noun in nouns(inline.plain(text), language) if not _ABOUT_THE_TASK.search(noun)]
    return list(dict.fromkeys((*own, *(part for noun in own for part in things_in(noun)))))
