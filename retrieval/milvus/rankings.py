"""Rankings of a collection's pictures for a query in words: by vector, by BM25 over the words, by single Chinese
characters, and by what things are called in the other language. Knows rows, no hits and no folders.
"""

from collections.abc import Collection, Sequence
from contextlib import closing

from retrieval.encoders import Encoder
from retrieval.index import (
    CHARACTERS_WEIGHT,
    DENSE_WEIGHT,
    MOST_UNWANTED,
    NAMES_WEIGHT,
    WIDER,
    WORDS_WEIGHT,
    find_names,
    in_both_languages,
    other_language,
    parse_query,
    query_vectors,
    wanted_words,
    words_table,
)
from retrieval.milvus.collection import MilvusCollection
from retrieval.milvus.schema import filter_expression
from retrieval.records import Filters

Ranking = tuple[list[str], float]  # ids, best first; its weight


def text_rankings(
    collection: MilvusCollection,
    phrasings: Sequence[str],
    encoder: Encoder,
    depth: int,
    exclude: Collection[str],
    filters: Filters | None,
) -> list[Ranking]:
    """The rankings of at most `depth` pictures each that a search fuses, for several phrasings of one query."""
    queries = [parse_query(phrasing) for phrasing in phrasings]
    expression = filter_expression(exclude, filters)
    vectors = [row.tolist() for row in query_vectors(queries, encoder)]
    rankings = [(ids, DENSE_WEIGHT) for ids in collection.nearest_ids("dense", vectors, depth, expression)]
    translated = not in_both_languages(phrasings)
    for query in queries:
        barred = set(exclude)
        for phrase in query.minus:
            barred.update(_named(collection, other_language(phrase), MOST_UNWANTED, expression))
        unwanted = [word for phrase in query.minus for word in wanted_words(phrase)[0]]
        narrowed = filter_expression(barred, filters, " ".join(collection.indexed_words([" ".join(unwanted)])).split())
        strong, weak = wanted_words(" ".join(query.plus))
        for words, weight in ((strong, WORDS_WEIGHT), (weak, CHARACTERS_WEIGHT)):
            found = collection.nearest_ids("sparse", [" ".join(words)] if words else [], depth, narrowed)
            rankings += [(ids, weight) for ids in found]
        if translated:
            things = [names for phrase in query.plus for names in other_language(phrase)]
            rankings.append((_named(collection, things, WIDER * depth, narrowed)[:depth], NAMES_WEIGHT))
    return rankings


def _named(collection: MilvusCollection, things: Sequence[Sequence[str]], most: int, expression: str) -> list[str]:
    """Ids of pictures by the names of things, best first; each thing has any of several names.

    Milvus gives the `most` pictures with the rarest words of the names; which of them have the names, and which are the
    best, the index's own `find_names` says, as in a local gallery.
    """
    words = dict.fromkeys(word for names in things for name in names for word in wanted_words(name)[0])
    if not words:
        return []
    rows = collection.nearest_rows("sparse", [" ".join(words)], most, expression, ("words",))[0]
    ids = [str(row["id"]) for row in reversed(rows)]  # of too many the newest are taken, those of the highest numbers
    with closing(words_table({number: str(row["words"]) for number, row in enumerate(reversed(rows))})) as table:
        return [ids[number] for number in find_names(table, things, most)]
