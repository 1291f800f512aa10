"""Opens pictures of strangers safely: one way in for uploads, folders and model inputs.

Knows formats and what can be wrong with a file; not galleries, and nothing of what a picture is used for.
"""

from retrieval.pictures.drawing import BEGINNING, DRAWING_SIDE, drawing_text, is_drawing
from retrieval.pictures.opening import (
    FORMATS,
    MAX_BYTES,
    MAX_PIXELS,
    PILLOW_ERRORS,
    SUFFIXES,
    load_picture,
    open_picture,
)

__all__ = [
    "BEGINNING",
    "DRAWING_SIDE",
    "FORMATS",
    "MAX_BYTES",
    "MAX_PIXELS",
    "PILLOW_ERRORS",
    "SUFFIXES",
    "drawing_text",
    "is_drawing",
    "load_picture",
    "open_picture",
]
