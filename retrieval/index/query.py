"""A query taken apart into what should be there and what should not, and its vectors."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from common.decoding import well_formed
from common.language import is_chinese
from retrieval.encoders import Encoder, Vectors, chinese_names, english_names, readable, understood, unit
from retrieval.index.tokenizer import wanted_words

_LATIN = re.compile(r"[A-Za-z]{2}")
_TERM = re.compile(r"(?:^|(?<=\s))([+\-\u2212\u2013])\s+")  # a sign between blanks: "dog + beach - people"


@dataclass(frozen=True, slots=True)
class Query:
    """A query taken apart: what should be there and what should not."""

    plus: tuple[str, ...]
    minus: tuple[str, ...] = ()


def parse_query(query: str) -> Query:
    """ "dog + beach - people" -> plus (dog, beach), minus (people). Without such signs the query is one phrase."""
    query = well_formed(query)
    parts = _TERM.split(query.strip())
    signed = list(zip(["+", *parts[1::2]], parts[0::2], strict=True))
    plus = tuple(text.strip() for sign, text in signed if sign == "+" and text.strip())
    minus = tuple(text.strip() for sign, text in signed if sign != "+" and text.strip())
    return Query(plus, minus) if plus else Query((query.strip(),))


def _roughly_in_english(query: Query) -> Query:
    def translated(phrases: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(filter(None, (readable(phrase, ("en",)) for phrase in phrases)))

    return Query(translated(query.plus), translated(query.minus))


def query_vectors(queries: Sequence[Query], encoder: Encoder, reading: Callable[[str], str] = str) -> list[Vectors]:
    """One vector (dim,) for each query that the encoder can read: what is wanted less what is not.

    `reading` gives the encoder's version of a phrase.
    """
    languages = encoder.query_languages
    clear = [query for query in queries if all(understood(p, languages) for p in (*query.plus, *query.minus))]
    if not clear:  # a phrasing in the encoder's own language says it better than a word-by-word translation
        clear = [query for query in (_roughly_in_english(query) for query in queries) if query.plus]
    flat = [reading(phrase) for query in clear for phrase in (*query.plus, *query.minus)]
    encoded = iter(encoder.encode_texts(flat))
    vectors = []
    for query in clear:
        total = sum((next(encoded) for _ in query.plus), np.zeros(encoder.dim, dtype=np.float32))
        total = total - sum((next(encoded) for _ in query.minus), np.zeros(encoder.dim, dtype=np.float32))
        vectors.append(unit(total))
    return vectors


def in_both_languages(phrasings: Sequence[str]) -> bool:
    """Whether a query that may have several phrasings is in Chinese and in English already."""
    text = " ".join(phrasings)
    return is_chinese(text) and _LATIN.search(text) is not None


def other_language(phrase: str) -> list[tuple[str, ...]]:
    """For each thing that a phrase names, what it may be called in the other language, Chinese or English."""
    return english_names(phrase) if is_chinese(phrase) else chinese_names(wanted_words(phrase)[0])
