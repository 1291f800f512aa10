"""Which of the pictures found are likely what was asked for: a search fills its places, however far-fetched.

Two facts speak for a picture: it has all words of a thing that is asked for ("a dog running in the park" asks for a
dog; see `things`), and its vector is near the query's. How near it must be is data of the encoder
(`configs/likely.json`), tuned on one half of labelled queries by `python -m benchmarks.retrieval.likely --fit` and
measured on the other. An encoder that was not measured is compared with itself: how much nearer than everyday words is
the query, in standard deviations of their cosines with the same picture?
"""

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np

from common.language import is_chinese
from common.resources import resource_folder
from retrieval.encoders import Encoder, Vectors, readable, understood
from retrieval.index.catalogue import Catalogue
from retrieval.index.fulltext import met
from retrieval.index.query import Query, other_language, parse_query, query_vectors
from retrieval.index.tokenizer import pieces, things, wanted_words
from retrieval.records import Picture

OTHER = "other"  # encoders that were not measured


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for a picture: facts, not a judgement."""

    near: float | None  # of query and picture, best of the phrasings: cosine, or deviations; None: nothing is known
    met: bool = False  # it has all words of a thing that is asked for
    perhaps: bool = False  # it has a part of a word that is asked for, or what a dictionary calls the thing
    pixels: bool = False  # its vector was made of its pixels, not of its words


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How near a picture must be, by what its words say."""

    met: float
    perhaps: float
    alone: float  # its words have nothing of what is asked for

    def passed_by(self, evidence: Evidence) -> bool:
        if evidence.near is None:
            return evidence.met
        wanted = [self.alone, *([self.met] if evidence.met else []), *([self.perhaps] if evidence.perhaps else [])]
        return evidence.near >= min(wanted)


def judged(
    catalogue: Catalogue,
    phrasings: Sequence[str],
    found: Sequence[tuple[Picture, float]],
    encoder: Encoder,
    reading: Callable[[str], str] = str,
) -> list[tuple[Picture, float, bool]]:
    """Pictures of the catalogue found, with their scores, and whether each is likely what a phrasing asks for.

    `reading` gives the encoder's version of a phrase, as for the search.
    """
    pictures = [picture for picture, _ in found]
    own = catalogue.vectors_of([picture.number or 0 for picture in pictures], encoder.dim)
    facts = evidence(catalogue.connection, pictures, own, phrasings, encoder, reading)
    return [(picture, score, is_likely(facts[picture.number or 0], encoder)) for picture, score in found]


def is_likely(facts: Evidence, encoder: Encoder) -> bool:
    """Whether the facts, gathered with this encoder, make a picture a likely one."""
    if facts.near is None and not facts.met and not encoder.words_first:
        return True  # its looks were not compared with the query: nothing speaks against it
    return thresholds(encoder.name, facts.pixels).passed_by(facts)


def evidence(
    connection: sqlite3.Connection,
    pictures: Sequence[Picture],
    own: Mapping[int, Vectors],
    phrasings: Sequence[str],
    encoder: Encoder,
    reading: Callable[[str], str] = str,
) -> dict[int, Evidence]:
    """number -> what speaks for that picture. `own`: number -> vectors (V, dim); `connection`: the table of words."""
    queries = [parse_query(phrasing) for phrasing in phrasings]
    numbers = {picture.number or 0 for picture in pictures}
    asked = query_vectors(queries, encoder, reading)
    words: set[int] = set().union(
        *(_having(connection, numbers, query, partial(_own_words, connection, numbers)) for query in queries)
    )
    perhaps: set[int] = set().union(*(_having(connection, numbers, query, _uncertain_names) for query in queries))
    alone = {phrase for query in queries for part in query.plus for phrase in things(part) if len(phrase) == 1}
    near = _nearness(own, asked, encoder)
    if perhaps and (senses := _senses(connection, perhaps, queries, encoder)):
        further = _nearness({number: own[number] for number in perhaps if number in own}, senses, encoder)
        near |= {number: max(value, near.get(number, value)) for number, value in further.items()}
    found = {}
    for picture in pictures:
        number = picture.number or 0
        stands_alone = bool(alone) and not alone.isdisjoint(pieces(f"{picture.caption}, {picture.tags}"))
        found[number] = Evidence(
            near.get(number),
            number in words or stands_alone,
            number in perhaps,
            picture.approximate or not encoder.words_first,
        )
    return found


def exactly(phrasings: Sequence[str]) -> Callable[[Picture], bool]:
    """Whether the caption of a picture, in one of its languages, is one of the phrasings word by word."""
    queries = [parse_query(phrasing) for phrasing in phrasings]
    asked = [words for query in queries if len(query.plus) == 1 and (words := pieces(query.plus[0]))]

    def called(picture: Picture) -> bool:
        plain = picture.caption.lower()
        # most captions need not be cut into words to see that they are others
        near = [words for words in asked if words[0] in plain and words[-1] in plain]
        return (
            bool(near) and not picture.approximate and any(pieces(one) in near for one in (plain, *plain.split(" / ")))
        )

    return called


def _senses(
    connection: sqlite3.Connection, numbers: set[int], queries: Sequence[Query], encoder: Encoder
) -> list[Vectors]:
    """Vectors (dim,) of the further meanings of queries that are one Chinese word, which the encoder gets in the first:
    a dictionary calls a unicycle a wheelbarrow, too. Only of meanings that are among the words of these pictures."""
    if understood("\u4e00", encoder.query_languages):
        return []
    named = [other_language(query.plus[0]) for query in queries if len(query.plus) == 1 and is_chinese(query.plus[0])]
    further = [name for things_named in named if len(things_named) == 1 for name in things_named[0][1:]]
    further = [name for name in further if met(connection, numbers, [[name]])]
    return list(encoder.encode_texts(further)) if further else []


def _nearness(own: Mapping[int, Vectors], asked: Sequence[Vectors], encoder: Encoder) -> dict[int, float]:
    """number -> how near the nearest of its vectors (V, dim) is to the nearest of `asked`, each (dim,); pictures of
    which that says nothing are left out."""
    if not own or not asked:
        return {}
    rows = np.concatenate(list(own.values()))  # (rows, dim)
    starts = np.cumsum([0, *map(len, own.values())])[:-1]
    cosines = np.maximum.reduceat((rows @ np.stack(asked).T).max(1), starts)  # (pictures,)
    if is_measured(encoder.name):
        return dict(zip(own, cosines.tolist(), strict=True))
    usual = np.maximum.reduceat(rows @ everyday_vectors(encoder).T, starts)  # (pictures, words)
    spread = usual.std(1)
    deviations = (cosines - usual.mean(1)) / np.maximum(spread, 1e-6)
    return {number: float(one) for number, one, wide in zip(own, deviations, spread, strict=True) if wide > 1e-6}


# -- words -----------------------------------------------------------------------------------------


Things = Iterable[Sequence[Sequence[str]]]  # each: what must be there, by any of several names


def _having(
    connection: sqlite3.Connection, numbers: set[int], query: Query, named: Callable[[str], Things]
) -> set[int]:
    """Which pictures have one of the things of each part of the query."""
    if not any(map(things, query.plus)):
        return set()
    for part in query.plus:
        numbers = set().union(*(met(connection, numbers, thing) for thing in named(part)))
    return numbers


def _own_words(connection: sqlite3.Connection, numbers: set[int], part: str) -> Things:
    """The things as they are called in the query, and in English."""
    for thing in things(part):
        english = _in_english(connection, numbers, thing) if is_chinese(thing) else ""
        for phrase in (thing, english):
            if len(phrase) > 1:
                yield [[word] for word in wanted_words(phrase)[0]]


def _in_english(connection: sqlite3.Connection, numbers: set[int], thing: str) -> str:
    """A Chinese thing in its first meaning, of which the dictionary may know several, that these pictures have."""
    named = other_language(thing)
    if len(named) != 1:
        return readable(thing, ("en",))
    return next((name for name in named[0] if met(connection, numbers, [[name]])), named[0][0])


def _uncertain_names(part: str) -> Things:
    """Single characters, which may be a part of a longer word, and all that the dictionary calls a thing."""
    for thing in things(part):
        if len(thing) == 1:
            yield [[thing]]
        yield other_language(thing)


def words_table(words: Mapping[int, str]) -> sqlite3.Connection:
    """A table of words in memory as `evidence` takes it, for pictures whose catalogue is no SQLite file."""
    connection = sqlite3.connect(":memory:")
    connection.execute(
        'CREATE VIRTUAL TABLE words USING fts5(caption, tags, names, tokenize = "porter unicode61 remove_diacritics 2")'
    )
    connection.executemany("INSERT INTO words (rowid, caption, tags, names) VALUES (?, ?, '', '')", words.items())
    return connection


# -- data ------------------------------------------------------------------------------------------


def is_measured(encoder_name: str) -> bool:
    """Whether cosines of the encoder have thresholds of their own."""
    return encoder_name in _data()["encoders"]


@cache
def thresholds(encoder_name: str, pixels: bool) -> Thresholds:
    encoders = _data()["encoders"]
    kinds = encoders.get(encoder_name, encoders[OTHER])
    return Thresholds(**(kinds.get("pixels" if pixels else "words") or next(iter(kinds.values()))))


def reread() -> None:
    """Reads the thresholds anew: they were measured again."""
    _data.cache_clear()
    thresholds.cache_clear()


@cache
def _data() -> dict[str, Any]:
    data: dict[str, Any] = json.loads((resource_folder("configs") / "likely.json").read_text(encoding="utf-8"))
    return data


_everyday: dict[str, Vectors] = {}  # by the encoder's identity


def everyday_vectors(encoder: Encoder) -> Vectors:
    """(words, dim) of everyday words, encoded once a process."""
    key = hashlib.sha256(json.dumps(encoder.identity, sort_keys=True).encode()).hexdigest()
    if key not in _everyday:
        _everyday[key] = encoder.encode_texts(_data()["everyday"])
    return _everyday[key]
