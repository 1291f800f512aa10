"""Where a gallery's facts, words and vectors lie, and how they are searched.

Knows SQLite, FAISS and vectors of encoders; no folders, no files of pictures, no pages.
"""

from retrieval.index.catalogue import Catalogue, Slots, Vectors
from retrieval.index.files import (
    KnownFile,
    assign_file,
    forget_files,
    known_files,
    note_file,
    note_unseen,
    read_file_again,
)
from retrieval.index.fulltext import WIDER, find_names
from retrieval.index.fusion import NEAR_DUPLICATE_BITS, alike_in_colour, differing_bits, fuse
from retrieval.index.likely import evidence, is_likely, judged, words_table
from retrieval.index.query import Query, in_both_languages, other_language, parse_query, query_vectors
from retrieval.index.read_texts import read_count, store_text, unread
from retrieval.index.search import (
    CHARACTERS_WEIGHT,
    DENSE_WEIGHT,
    DEPTH,
    MOST_UNWANTED,
    NAMES_WEIGHT,
    WORDS_WEIGHT,
    Searcher,
)
from retrieval.index.tokenizer import STOP_WORDS, stored_words, wanted_words
from retrieval.index.vectors import MANIFEST, VectorIndex, near_groups, needs_file

__all__ = [
    "CHARACTERS_WEIGHT",
    "DENSE_WEIGHT",
    "DEPTH",
    "MANIFEST",
    "MOST_UNWANTED",
    "NAMES_WEIGHT",
    "NEAR_DUPLICATE_BITS",
    "STOP_WORDS",
    "WIDER",
    "WORDS_WEIGHT",
    "Catalogue",
    "KnownFile",
    "Query",
    "Searcher",
    "Slots",
    "VectorIndex",
    "Vectors",
    "alike_in_colour",
    "assign_file",
    "differing_bits",
    "evidence",
    "find_names",
    "forget_files",
    "fuse",
    "in_both_languages",
    "is_likely",
    "judged",
    "known_files",
    "near_groups",
    "needs_file",
    "note_file",
    "note_unseen",
    "other_language",
    "parse_query",
    "query_vectors",
    "read_count",
    "read_file_again",
    "store_text",
    "stored_words",
    "unread",
    "wanted_words",
    "words_table",
]
