"""Keeps what people make in a folder of this machine: one SQLite file that survives kills and damage, and pictures
beside it by their content.

Knows SQL, files and what can be wrong with them; not what is kept: drafts and conversations bring their tables.
"""

from composer.keeping.database import os_reason
from composer.keeping.files import KeptFiles
from composer.keeping.layout import Layout
from composer.keeping.storage import KEEP_DELETED, Storage, mended
from composer.keeping.words import LONGEST_NAME, count_words, folded, one_line

__all__ = [
    "KEEP_DELETED",
    "LONGEST_NAME",
    "KeptFiles",
    "Layout",
    "Storage",
    "count_words",
    "folded",
    "mended",
    "one_line",
    "os_reason",
]
