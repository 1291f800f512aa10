"""What speaks for a picture beside a paragraph: facts that `fit` turns into a probability."""

import logging
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from common.language import HAN_RANGES, is_chinese
from composer.article import Candidate, Evidence, Language
from composer.illustrating.candidates import candidate
from composer.illustrating.fit import NEAR, fit
from composer.illustrating.mentions import without_names
from composer.illustrating.nouns import (
    Words,
    content_words,
    lemma,
    nouns,
    shares_meaning,
    without_short_forms,
    words_in,
    words_of,
    words_of_name,
)
from composer.illustrating.queries import Query
from retrieval.base import Hit
from retrieval.encoders import Vectors, english_names, shared_text_encoder
from retrieval.errors import EncoderUnavailable

log = logging.getLogger(__name__)

SAME_SUBJECT = (
    0.65  # cosine of two pictures' words from which an article shows one of them: octopus and squid have 0.69
)
GROUNDED = 0.55  # cosine of a thing and a word of the paragraph from which the paragraph speaks of that thing
MEANINGS = 2  # of a Chinese word that a picture's English words are compared with: the further ones are seldom meant
_LONGEST_NAME = 16  # words of a picture's caption that are compared
_OF_A_PERSON_TEXT = """
human eye ear nose mouth tongue leg foot
t-shirt shirt jean trouser shorts dress overcoat scarf hat cap shoe boot glove mitten sock necktie eyeglass
"""
_OF_A_PERSON = frozenset(_OF_A_PERSON_TEXT.split())  # parts of a body, and what it wears
_MEASURE = re.compile(
    "^(?:[一几两][摞杯碗罐瓶盒锅片枝棵座滴颗](?=.)|(?:bowl|cup|drops|ear|glass|pan|pot|slice|sprig|stack) of )"
)
_WORD = re.compile(r"[^\W\d_]+")
_PARTS = re.compile(r"\s+·\s+")  # between the languages of a caption
_WORD_BEHIND = re.compile(r"(?!ing|ist|ers|less|like|man|men)[a-z]{3,}")  # not a guitarist's, behind the guitar
_DOES = re.compile(r"(?:person|man|woman|people|two people) (\w+ing)")  # in a picture's name: a person swimming
_DOES_ZH = re.compile(r"(.+?)(?:的人|者)")
_LIGHT = re.compile(r"light|shine|beam|ray|rise|set|burn")
_HAN_RUN = re.compile(f"[{HAN_RANGES}]+")


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph as evidence is gathered for it."""

    id: str
    text: str  # plain
    language: Language
    title: str  # of the article
    names: frozenset[str] = frozenset()  # that the article gives somebody
    is_foreign: bool = False  # neither English nor Chinese, so that its words are not known: a German Tag is no tag

    @property
    def nameless(self) -> str:
        """The text with pronouns for names and titles of works."""
        return without_names(self.text, self.names)

    @property
    def words(self) -> Words:
        """What a picture's words are compared with."""
        return Words(frozenset()) if self.is_foreign else words_in(self.nameless, self.language)


def name_in(caption: str, language: Language) -> str:
    """What a picture is called in this language, else in whichever there is: "octopus · 章鱼" -> octopus."""
    parts = _PARTS.split(caption)
    fitting = [part for part in parts if is_chinese(part) == (language == "zh")]
    return (fitting or parts)[0].strip()


def words_met(caption: str, words: Words) -> tuple[tuple[str, ...], float]:
    """The words of a caption that a text has, and their share of the caption's words, 0..1.

    A word that only says which other thing is meant is met beside that one: "fish sauce" meets fish sauce, and no fish.
    Of a quantity counts what there is so much of: a cup of tea (一杯茶) is tea. Of "mother and son" a text that has
    only one has nothing: a lamb has a mother too.

    A caption in several languages has the share of the one that has most, and all of it where a Chinese word of the
    text means the same: 公共汽车 is a bus, as 公交车.
    """
    if meant := _meant(caption, words):
        return (meant,), 1.0
    best: tuple[tuple[str, ...], float] = ((), 0.0)
    for part in _PARTS.split(caption):
        thing = _MEASURE.sub("", part)
        own = [*_HAN_RUN.findall(thing), *words_of_name(thing)][:_LONGEST_NAME]
        met = {word: share for word in own if (share := _met(word, own, words))}
        is_one_of_two = " and " in part and len(met) < len(own) == 2
        if own and not is_one_of_two and sum(met.values()) / len(own) > best[1]:
            best = tuple(met), sum(met.values()) / len(own)
    return best


def _meant(caption: str, words: Words) -> str:
    """The Chinese word of a text that means a picture's English name and ends as its Chinese one does, or "". 海龟 and
    乌龟 are turtles, while a mouse (鼠标) is no mouse (老鼠)."""
    noun = words.english.get(name_in(caption, "en").lower(), "")
    return noun if noun and noun[-1] == name_in(caption, "zh")[-1:] else ""


def _met(word: str, name: Sequence[str], words: Words) -> float:
    """How much of a word of a name the text has, 0..1."""
    if not words.parts.get(word, frozenset()).isdisjoint(name):
        return 1.0
    return max((_same(word, other) for other in words.things), default=0.0)


def _same(word: str, other: str) -> float:
    """How much of the word the other one says, 0..1.

    The end of a Chinese noun says what it is: 大熊猫 says all of 熊猫, 日出 half of 海上日出. Where it means something
    else, as in 河马 (hippopotamus), it says nothing of 马 (horse).
    """
    if word == other:
        return 1.0
    if not (is_chinese(word) and is_chinese(other)):
        return 0.0
    if other == f"{word}儿":  # 鸟儿 is 鸟
        return 1.0
    short, long = sorted((word, other), key=len)
    is_end = long.endswith(short) and (len(short) > 1 or len(long) == 2) and shares_meaning(long, short)
    return min(1.0, len(other) / len(word)) if is_end else 0.0


def _is_place(caption: str, words: Words) -> bool:
    """Whether the text says with a picture's words only where something is."""
    own = {word for part in _PARTS.split(caption) for word in words_of(part)}
    return not words.places.isdisjoint(own) and words.things.isdisjoint(own - words.places)


def _is_first_part(name: str, query: str) -> bool:
    """Whether the one word of a query only begins with a picture's: a parrotfish is no parrot, a pancake no pan. What
    gives light is seen with it: the sun, for sunlight."""
    rest = query.removeprefix(name)
    return bool(_WORD_BEHIND.fullmatch(rest)) and rest != query and not _LIGHT.match(rest) and lemma(query) != name


def _says_which(caption: str, query: str) -> bool:
    """Whether a picture's words only say in a query which other thing is meant: a shield volcano is no shield, and a
    peach blossom (桃花) no peach (桃)."""
    if is_chinese(query):
        name = name_in(caption, "zh")
        return query.startswith(name) and not query.endswith(name)
    *before, thing = words_of(query) or [""]
    own = content_words(name_in(caption, "en"))
    return bool(own) and thing not in own and frozenset(own) <= frozenset(before)


def _is_mentioned_in_passing(name: str, query: Query, paragraph: Paragraph) -> bool:
    """Whether a drawing shows no more than a part of a body or what it wears, and the title says nothing of it, nor the
    paragraph much. Whoever looks or walks in a text has eyes, legs and shoes, and nobody wants to see one alone."""
    shown = frozenset(content_words(name))
    if not shown or not _OF_A_PERSON.issuperset(shown):
        return False
    said = [lemma(word) for word in _WORD.findall(paragraph.text)].count(lemma(query.text))
    is_titled = not shown.isdisjoint(content_words(paragraph.title)) or query.text in paragraph.title
    is_subject = query.named and max(said, paragraph.text.lower().count(query.text.lower())) > 1
    return not (is_titled or is_subject)


def _is_titled(caption: str, title: Words, text: str) -> bool:
    """Whether a title speaks of a picture: by all of its words, or by what somebody does in it. text: the title."""
    if words_met(caption, title)[1] == 1.0:
        return True
    done, done_zh = _DOES.fullmatch(name_in(caption, "en")), _DOES_ZH.fullmatch(name_in(caption, "zh"))
    if done is None:
        return False
    return lemma(done[1]) in title.deeds or (done_zh is not None and done_zh[1] in text)


def _is_titled_by_another_name(hit: Hit, query: str, similarity: float | None, title: Words) -> bool:
    """Whether an English title has the other name of a picture that found it: a tortoise is a 乌龟, which is a turtle.
    Not a moon, although some satellites (卫星) are: that means something else."""
    if similarity is None or similarity < GROUNDED or lemma(query) not in title.things:
        return False
    names = english_names(name_in(hit.caption, "zh")) if is_chinese(hit.caption) else []
    return len(names) == 1 and lemma(query) in map(lemma, names[0][:MEANINGS])


def gather(
    paragraph: Paragraph,
    found: Sequence[tuple[Query, Sequence[Hit]]],
    title_words: Words,
    vectors: "TextVectors",
) -> list[Candidate]:
    """A candidate for each picture found, with its evidence but for the model's opinion; likeliest first.

    found: the paragraph's queries with what the gallery gave for each, best first.
    """
    cosines = _cosines(found, vectors)
    words = without_short_forms(paragraph.words, title_words.english.values())
    often = Counter(map(lemma, _WORD.findall(paragraph.text)))
    best: dict[str, tuple[float, Candidate]] = {}
    for query, hits in found:
        for rank, hit in enumerate(hits):
            name = name_in(hit.caption, "en")
            met, share = words_met(hit.caption, words)
            only_says_which = not met and _says_which(hit.caption, query.text)
            in_passing = hit.drawing and _is_mentioned_in_passing(name, query, paragraph)
            if only_says_which or in_passing or _is_first_part(name, query.text):
                continue
            near = cosines.get((query.text, hit.id))
            evidence = Evidence(
                query=query.text,
                named=query.named,
                rank=rank,
                words=met,
                share=round(share, 3),
                similarity=near,
                of_title=_is_titled(hit.caption, title_words, paragraph.title)
                or _is_titled_by_another_name(hit, query.text, near, title_words),
                of_place=_is_place(hit.caption, words),
                language=paragraph.language,
            )
            strength = promise(evidence)
            known = best.get(hit.id)
            if known is None or strength > known[0]:
                best[hit.id] = strength, candidate(hit, evidence)

    def order(entry: tuple[float, Candidate]) -> tuple[float, int, str]:
        """Of equals, what the paragraph speaks of more often: of birds, and not of the monkeys that come first."""
        strength, each = entry
        met = each.evidence.words if each.evidence else ()
        mentions = sum(often[word] or paragraph.text.count(word) for word in met)
        return -round(strength, 2), -mentions, each.id

    return [each for _, each in sorted(best.values(), key=order)]


def grounded(things: Sequence[str], paragraph: Paragraph, own: Sequence[Query], vectors: "TextVectors") -> list[str]:
    """The things that the paragraph or the title speaks of: by a word of theirs, or by one that means nearly the same.

    own: the paragraph's own words. What a small model names beyond them is guessed: a car, for a railway ticket. All
    where the text encoder is not installed, or where the words' meanings are not known.
    """
    things_said = paragraph.words.things | frozenset(
        (*content_words(paragraph.title), *nouns(paragraph.title, paragraph.language))
    )
    parts = paragraph.words.parts
    meanings = list(dict.fromkeys(meaning for query in own for meaning in _in_english(query.text)))
    known = vectors([*things, *meanings]) if meanings else {}
    return [
        thing
        for thing in things
        if not known
        or any(_same(word, other) for word in words_of(thing) for other in things_said)
        or (
            not all(word in parts for word in words_of(thing))
            and max(float(known[thing] @ known[meaning]) for meaning in meanings) >= GROUNDED
        )
    ]


def with_evidence(paragraph: Paragraph, query: str, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Candidates that a query of the model found, in their order, with what the words say for each."""
    cosines = _cosines([(Query(query, named=True), candidates)], TextVectors())
    words, weighed = paragraph.words, []
    for rank, each in enumerate(candidates):
        met, share = words_met(each.caption, replace(words, things=words.things | frozenset(words_of(query))))
        evidence = Evidence(
            query=query,
            named=True,
            rank=rank,
            words=met,
            share=round(share, 3),
            similarity=cosines.get((query, each.id)),
            of_place=_is_place(each.caption, words),
            language=paragraph.language,
        )
        weighed.append(replace(each, evidence=evidence, fit=fit(evidence)))
    return weighed


def promise(evidence: Evidence) -> float:
    """A rough order of candidates before the model is asked: what the words say, 0 to about 2."""
    similarity = 0.4 if evidence.similarity is None else evidence.similarity
    return (
        0.6 * max(similarity, 0.9 * evidence.share)
        + 0.3 * evidence.share
        + 0.2 * evidence.named
        + 0.1 * evidence.of_title  # an article about owls shows an owl before a bird
        - 0.01 * evidence.rank
    )


def same_subject(one: Candidate, other: Candidate, vectors: "TextVectors | None" = None) -> bool:
    """Whether two pictures show the same thing: they share a word, their words mean nearly the same, or one was found
    in place of the other: a bird, for "owl". What the text names apart, a cat here and a dog there, is not the same.

    vectors: where the pictures' words may be encoded already; None: each is encoded alone, so that the answer is the
    same whatever was asked before.
    """
    if one.id == other.id:
        return True
    mine, theirs = name_in(one.caption, "en"), name_in(other.caption, "en")
    if not mine or not theirs:
        return False
    if frozenset(words_of(mine)) & frozenset(words_of(theirs)) or _stands_for(one, theirs) or _stands_for(other, mine):
        return True
    if _named_apart(one, other):
        return False
    if vectors is None:
        one_vector, other_vector = _name_vector(mine), _name_vector(theirs)
    else:
        known = vectors([mine, theirs])
        one_vector, other_vector = known.get(mine), known.get(theirs)
    if one_vector is None or other_vector is None:
        return False
    return float(one_vector @ other_vector) >= SAME_SUBJECT


def _named_apart(one: Candidate, other: Candidate) -> bool:
    """Whether the paragraphs have all words of both pictures, and other words for each."""
    mine, theirs = one.evidence, other.evidence
    if mine is None or theirs is None or not mine.words or not theirs.words:
        return False
    return mine.share == theirs.share == 1 and not set(mine.words) & set(theirs.words)


def _stands_for(candidate: Candidate, name: str) -> bool:
    """Whether a picture is not what it was searched for, and another one, of this name, is."""
    evidence = candidate.evidence
    if evidence is None or evidence.similarity is None or evidence.similarity >= NEAR:
        return False
    return words_of(evidence.query) == words_of(name)


def _cosines(
    found: Sequence[tuple[Query, Sequence[Hit | Candidate]]], known: "TextVectors"
) -> dict[tuple[str, str], float]:
    """(query, picture) -> cosine of the query and the picture's English words; nothing for Chinese queries that the
    dictionary does not know."""
    asked = [(query.text, _in_english(query.text), hits) for query, hits in found]
    captions = {hit.id: name_in(hit.caption, "en") for _, _, hits in asked for hit in hits}
    readable = {key: text for key, text in captions.items() if text and not is_chinese(text)}
    vectors = known(list(dict.fromkeys((*(text for _, texts, _ in asked for text in texts), *readable.values()))))
    return {
        (query, hit.id): round(max(float(vectors[text] @ vectors[readable[hit.id]]) for text in texts), 3)
        for query, texts, hits in asked
        for hit in hits
        if texts and hit.id in readable and readable[hit.id] in vectors
    }


@lru_cache(maxsize=2000)
def _in_english(query: str) -> tuple[str, ...]:
    """What a query may be called in English: itself, or the first meanings of its Chinese words."""
    if not is_chinese(query):
        return (query,)
    words = english_names(query)
    return words[0][:MEANINGS] if len(words) == 1 else tuple(filter(None, [", ".join(word[0] for word in words)]))


@lru_cache(maxsize=2000)
def _name_vector(name: str) -> Vectors | None:
    """(dim,), encoded alone; None where the text encoder is not installed."""
    return TextVectors()([name]).get(name)


class TextVectors:
    """The vectors of phrases, which come again and again within an article.

    Kept for one article only: the last digits of a vector depend on the texts that are encoded with it, and so an
    article's figures would depend on those before it.
    """

    def __init__(self) -> None:
        self._known: dict[str, Vectors] = {}

    def __call__(self, texts: Sequence[str]) -> dict[str, Vectors]:
        """Text -> unit vector (dim,). Empty where the text encoder is not installed."""
        absent = [text for text in dict.fromkeys(texts) if text not in self._known]
        if absent:
            try:
                encoded = shared_text_encoder().encode_texts(absent)
            except EncoderUnavailable as error:
                log.info("Pictures are judged without a text encoder: %s", error)
                return {}
            self._known.update(zip(absent, encoded, strict=True))
        return {text: self._known[text] for text in texts}
