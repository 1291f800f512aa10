"""Word stems for Milvus Lite, which has none of its own: those of SQLite's full text, as in a local gallery."""

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing


def with_stems(texts: Sequence[str]) -> list[str]:
    """The texts, each with the stems of its words behind it that it does not have itself: "two dogs" -> "two dogs dog".

    Accents are dropped, too: "café" -> "café cafe". Chinese stays as it is.
    """
    found: dict[int, list[str]] = defaultdict(list)
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(
            'CREATE VIRTUAL TABLE texts USING fts5(words, tokenize = "porter unicode61 remove_diacritics 2")'
        )
        connection.execute("CREATE VIRTUAL TABLE terms USING fts5vocab(texts, instance)")
        connection.executemany("INSERT INTO texts (rowid, words) VALUES (?, ?)", enumerate(texts))
        for number, term in connection.execute("SELECT doc, term FROM terms ORDER BY doc, offset"):
            found[number].append(term)
    return [_joined(text, found[number]) for number, text in enumerate(texts)]


def _joined(text: str, terms: Sequence[str]) -> str:
    own = set(text.lower().split())
    return " ".join([text, *(term for term in dict.fromkeys(terms) if term not in own)])
