"""Full-text search over the catalogue's table of words. Knows its SQL; no vectors, no files."""

import json
import sqlite3
from collections.abc import Iterable, Sequence

from common.decoding import well_formed
from common.language import is_chinese
from retrieval.encoders import is_word
from retrieval.index.tokenizer import match_expression, name_expression, pairs, wanted_words
from retrieval.records import Filters

LISTED = "(SELECT value FROM json_each(?))"
WIDER = 4  # times as many are looked at before a filter
MANY = 20_000  # pictures with a word
ENOUGH = 2500  # pictures whose words are weighed, at least: about two milliseconds
# captions are written for the picture, tags chosen for it, file names often neither
_BEST = "ORDER BY bm25(words, 4.0, 3.0, 1.0) LIMIT ?"


def find_words(
    connection: sqlite3.Connection, query: str, limit: int, filters: Filters | None
) -> tuple[list[int], list[int]]:
    """Numbers of pictures by their words, best first: (by words and pairs, by single Chinese characters)."""
    strong, weak = ([match_expression([word]) for word in words] for words in wanted_words(well_formed(query)))
    return _best(connection, strong, limit, filters), _best(connection, weak, limit, filters)


def find_all_words(connection: sqlite3.Connection, phrase: str, limit: int) -> list[int]:
    """Numbers of pictures that have all words of a phrase, the newest first."""
    words = wanted_words(well_formed(phrase))[0]
    wanted = " AND ".join(f"({match_expression([word])})" for word in words)
    rows = connection.execute(
        "SELECT rowid FROM words WHERE words MATCH ? ORDER BY rowid DESC LIMIT ?", (wanted, limit)
    )
    return [int(row[0]) for row in rows] if words else []


def find_captions(
    connection: sqlite3.Connection, phrases: Sequence[str], limit: int, filters: Filters | None
) -> list[int]:
    """Numbers of pictures with one of these captions; capitals of English do not count."""
    captions = listed(map(well_formed, phrases))
    rows = connection.execute(
        f"SELECT number FROM pictures WHERE caption COLLATE NOCASE IN {LISTED} ORDER BY number LIMIT ?",
        (captions, limit if filters is None else -1),
    )
    found = [int(row[0]) for row in rows]
    kept = set(found) if filters is None else passing(connection, found, filters)
    return [number for number in found if number in kept][:limit]


def find_names(
    connection: sqlite3.Connection, things: Sequence[Sequence[str]], limit: int, filters: Filters | None = None
) -> list[int]:
    """Numbers of pictures by the names of things, best first; each thing has any of several names.

    Pictures of all things, or where there are none of the rarest things. Where more than ENOUGH pictures have the
    names, the newest are taken, which says as much about them and takes no time. A Chinese name of one character does
    not count inside a longer word: a book not in a bookshop.
    """
    expressions = [name_expression(names) for names in things]
    if not expressions:
        return []
    wanted = " AND ".join(f"({one})" for one in expressions)
    count = _count(connection, wanted, ENOUGH + 1)
    if not count and len(expressions) > 1:
        wanted = _rarest(connection, expressions, ENOUGH)
        count = _count(connection, wanted, ENOUGH + 1)
    order = _BEST if count <= ENOUGH else "ORDER BY rowid DESC LIMIT ?"

    def best(among: str, values: Sequence[object], most: int) -> list[int]:
        rows = connection.execute(
            f"SELECT rowid FROM words WHERE words MATCH ? {among} {order}", (wanted, *values, most)
        )
        return _alone(connection, things, [int(row[0]) for row in rows])

    condition, values = filters.where() if filters is not None else ("", [])
    if not condition or filters is None:
        return best("", (), limit)
    kept = passing(connection, wide := best("", (), WIDER * limit), filters)
    if len(kept) >= limit or count <= WIDER * limit:
        return [number for number in wide if number in kept][:limit]
    return best(f"AND +rowid IN (SELECT p.number FROM pictures p WHERE {condition})", values, limit)


def _alone(connection: sqlite3.Connection, things: Sequence[Sequence[str]], numbers: list[int]) -> list[int]:
    """The pictures without those that have names of one Chinese character inside longer words only."""
    names = [name for names in things for name in names]
    if not any(len(name) == 1 and is_chinese(name) for name in names):
        return numbers
    query = f"SELECT rowid, caption || ' ' || tags || ' ' || names FROM words WHERE rowid IN {LISTED}"
    alone = {row[0] for row in connection.execute(query, (listed(numbers),)) if _stands_alone(names, row[1])}
    return [number for number in numbers if number in alone]


def _stands_alone(names: Sequence[str], stored: str) -> bool:
    """Whether one of the names is in a text, in its stored form, as a word of its own."""
    words = set(stored.split())
    for name in names:
        if len(name) > 1 and is_chinese(name) and words.issuperset(pairs(name)):
            return True
        if name in words and not any(len(word) == 2 and name in word and is_word(word) for word in words):
            return True
    return False


def met(connection: sqlite3.Connection, numbers: Iterable[int], things: Sequence[Sequence[str]]) -> set[int]:
    """Which of these pictures have each of the things among their words, by any of its names."""
    if not things:
        return set()
    wanted = " AND ".join(f"({name_expression(names)})" for names in things)
    # "+": these pictures are looked for among those with the words, which is faster than each by itself in the index,
    # unless very many have the words
    among = "rowid" if _count(connection, wanted, MANY + 1) > MANY else "+rowid"
    query = f"SELECT rowid FROM words WHERE words MATCH ? AND {among} IN {LISTED}"
    rows = connection.execute(query, (wanted, listed(numbers)))
    return set(_alone(connection, things, [int(row[0]) for row in rows]))


def passing(connection: sqlite3.Connection, numbers: Iterable[int], filters: Filters) -> set[int]:
    """Which of these pictures pass the filters."""
    condition, values = filters.where(few=True)
    query = f"SELECT p.number FROM pictures p WHERE p.number IN {LISTED} AND {condition or '1'}"
    return {int(row[0]) for row in connection.execute(query, (listed(numbers), *values))}


def listed(values: Iterable[int | str]) -> str:
    """Any number of values as one of SQL's, for LISTED."""
    return json.dumps(list(values))


def _best(connection: sqlite3.Connection, wanted_all: list[str], limit: int, filters: Filters | None) -> list[int]:
    """The best pictures for FTS5 expressions, of which as many as possible should hold."""
    if not wanted_all:
        return []
    condition, values = filters.where() if filters is not None else ("", [])
    among, wanted = "", " OR ".join(wanted_all)
    if condition and filters is not None:
        # most filters keep many pictures, and then enough of the best without one
        wide = _best(connection, wanted_all, WIDER * limit, None)
        kept = passing(connection, wide, filters)
        if len(kept) >= limit or len(wide) == _count(connection, wanted):
            return [number for number in wide if number in kept][:limit]
    # "+": the condition is asked of the words found, not full text of each picture that fulfils it
    if condition:
        among = f"AND +rowid IN (SELECT p.number FROM pictures p WHERE {condition})"
    elif len(wanted_all) > 1:
        everything = " AND ".join(f"({one})" for one in wanted_all)
        if _count(connection, everything) >= limit:
            wanted = everything
        else:
            among, values = (
                "AND +rowid IN (SELECT rowid FROM words WHERE words MATCH ?)",
                [_rarest(connection, wanted_all)],
            )
    rows = connection.execute(f"SELECT rowid FROM words WHERE words MATCH ? {among} {_BEST}", (wanted, *values, limit))
    return [int(row[0]) for row in rows]


def _rarest(connection: sqlite3.Connection, expressions: list[str], most: int = -1) -> str:
    """An expression for the pictures with one of the rarest words, as many words as are needed for ENOUGH pictures;
    at most `most` pictures of each are counted.

    To weigh every picture with any of the words takes the time of a search where one of them is in a sixth of all
    captions; a picture with none but the most frequent of them is seldom among the best.
    """
    counts = {expression: _count(connection, expression, most) for expression in expressions}
    chosen: list[str] = []
    for expression in sorted(expressions, key=counts.__getitem__):
        if sum(counts[one] for one in chosen) >= ENOUGH:
            break
        chosen.append(expression)
    return " OR ".join(chosen)


def _count(connection: sqlite3.Connection, expression: str, most: int = -1) -> int:
    """How many pictures an expression finds; -1: all of them are counted."""
    query = "SELECT COUNT(*) FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT ?)"
    return int(connection.execute(query, (expression, most)).fetchone()[0])
