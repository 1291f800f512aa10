"""The words that travel with a picture: beside it, inside it, in its name.

Each source has a small reader of its own; `reading.py` knows their order. Knows files, nothing of galleries.
"""

from retrieval.ingest.metadata.names import caption_from_name, path_words, readable_name
from retrieval.ingest.metadata.reading import read_metadata
from retrieval.ingest.metadata.record import WORD_FIELDS, Metadata
from retrieval.ingest.metadata.sidecars import SUFFIXES as SIDECAR_SUFFIXES
from retrieval.ingest.metadata.sidecars import Beside
from retrieval.ingest.metadata.text_file import sidecar_lines

# Grows when a reader finds other words in the same file, or more formats are read: the next indexing reads the words of
# known files again, and those that were left out.
WORDS_VERSION = "4"

__all__ = [
    "SIDECAR_SUFFIXES",
    "WORDS_VERSION",
    "WORD_FIELDS",
    "Beside",
    "Metadata",
    "caption_from_name",
    "path_words",
    "read_metadata",
    "readable_name",
    "sidecar_lines",
]
