"""Opens pictures of strangers safely: one way in for uploads, folders and model inputs.

Knows formats and what can be wrong with a file; not galleries, and nothing of what a picture is used for.
"""

from retrieval.pictures.drawing import BEGINNING, DRAWING_SIDE, drawing_text, is_drawing
from retrieval.pictures.formats import FORMATS, RAW_SUFFIXES, SUFFIXES, UNREAD_SUFFIXES, suffix_of
from retrieval.pictures.opening import (
    MAX_BYTES,
    MAX_PIXELS,
    PILLOW_ERRORS,
    check_readable,
    load_picture,
    open_picture,
)
from retrieval.pictures.raw import raw_size
from retrieval.pictures.text_reader import TEXT_SIDE, TextReader

__all__ = [
    "BEGINNING",
    "DRAWING_SIDE",
    "FORMATS",
    "MAX_BYTES",
    "MAX_PIXELS",
    "PILLOW_ERRORS",
    "RAW_SUFFIXES",
    "SUFFIXES",
    "TEXT_SIDE",
    "UNREAD_SUFFIXES",
    "TextReader",
    "check_readable",
    "drawing_text",
    "is_drawing",
    "load_picture",
    "open_picture",
    "raw_size",
    "suffix_of",
]
