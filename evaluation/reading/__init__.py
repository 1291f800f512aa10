"""Reads the files of benchmarks and of predictions; says with file and line what is wrong with them.

Knows formats (tables, JSON, logs of other harnesses); no benchmark and no rule.
"""

from evaluation.reading.files import find_picture, item_unusable, items, no_data, read_json
from evaluation.reading.predictions import Given, read_given
from evaluation.reading.questions import options_of, read_picture_table, right_letter
from evaluation.reading.records import Record, unusable
from evaluation.reading.tables import TABLES, read_table

__all__ = [
    "TABLES",
    "Given",
    "Record",
    "find_picture",
    "item_unusable",
    "items",
    "no_data",
    "options_of",
    "read_given",
    "read_json",
    "read_picture_table",
    "read_table",
    "right_letter",
    "unusable",
]
