"""Drafts: articles that last. Every change is a step that can be undone, and the pictures in use are kept beside it.

Knows articles, SQLite and files; no models, no galleries and no pages.
"""

from composer.drafts.difference import Piece, SectionChange, compare, difference
from composer.drafts.drafts import Drafts, DraftStore
from composer.drafts.records import Draft, Recovered, Summary, Version

__all__ = [
    "Draft",
    "DraftStore",
    "Drafts",
    "Piece",
    "Recovered",
    "SectionChange",
    "Summary",
    "Version",
    "compare",
    "difference",
]
