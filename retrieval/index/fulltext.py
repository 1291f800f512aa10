"""Full-text search over the catalogue's table of words. Knows its SQL; no vectors, no files."""

import json
import sqlite3
from collections.abc import Iterable

from common.decoding import well_formed
from retrieval.index.tokenizer import match_expression, wanted_words
from retrieval.records import Filters

LISTED = "(SELECT value FROM json_each(?))"
WIDER = 4  # times as many are looked at before a filter
ENOUGH = 2500  # pictures whose words are weighed, at least: about two milliseconds
# captions are written for the picture, tags chosen for it, file names often neither
_BEST = "ORDER BY bm25(words, 4.0, 3.0, 1.0) LIMIT ?"


def find_words(
    connection: sqlite3.Connection, query: str, limit: int, filters: Filters | None
) -> tuple[list[int], list[int]]:
    """Numbers of pictures by their words, best first: (by words and pairs, by single Chinese characters)."""
    strong, weak = wanted_words(well_formed(query))
    return _best(connection, strong, limit, filters), _best(connection, weak, limit, filters)


def passing(connection: sqlite3.Connection, numbers: Iterable[int], filters: Filters) -> set[int]:
    """Which of these pictures pass the filters."""
    condition, values = filters.where(few=True)
    query = f"SELECT p.number FROM pictures p WHERE p.number IN {LISTED} AND {condition or '1'}"
    return {int(row[0]) for row in connection.execute(query, (listed(numbers), *values))}


def listed(values: Iterable[int | str]) -> str:
    """Any number of values as one of SQL's, for LISTED."""
    return json.dumps(list(values))


def _best(connection: sqlite3.Connection, words: list[str], limit: int, filters: Filters | None) -> list[int]:
    if not words:
        return []
    condition, values = filters.where() if filters is not None else ("", [])
    among, wanted = "", match_expression(words)
    if condition and filters is not None:
        # most filters keep many pictures, and then enough of the best without one
        wide = _best(connection, words, WIDER * limit, None)
        kept = passing(connection, wide, filters)
        if len(kept) >= limit or len(wide) == _count(connection, wanted):
            return [number for number in wide if number in kept][:limit]
    # "+": the condition is asked of the words found, not full text of each picture that fulfils it
    if condition:
        among = f"AND +rowid IN (SELECT p.number FROM pictures p WHERE {condition})"
    elif len(words) > 1:
        everything = " AND ".join(map(match_expression, ([word] for word in words)))
        if _count(connection, everything) >= limit:
            wanted = everything
        else:
            among, values = "AND +rowid IN (SELECT rowid FROM words WHERE words MATCH ?)", [_rarest(connection, words)]
    rows = connection.execute(f"SELECT rowid FROM words WHERE words MATCH ? {among} {_BEST}", (wanted, *values, limit))
    return [int(row[0]) for row in rows]


def _rarest(connection: sqlite3.Connection, words: list[str]) -> str:
    """An expression for the pictures with one of the rarest words, as many words as are needed for ENOUGH pictures.

    To weigh every picture with any of the words takes the time of a search where one of them is in a sixth of all
    captions; a picture with none but the most frequent of them is seldom among the best.
    """
    counts = {word: _count(connection, match_expression([word])) for word in words}
    chosen: list[str] = []
    for word in sorted(words, key=counts.__getitem__):
        if sum(counts[one] for one in chosen) >= ENOUGH:
            break
        chosen.append(word)
    return match_expression(chosen)


def _count(connection: sqlite3.Connection, expression: str) -> int:
    row = connection.execute("SELECT COUNT(*) FROM words WHERE words MATCH ?", (expression,)).fetchone()
    return int(row[0])
