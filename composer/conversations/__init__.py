"""Conversations that last: a tree of questions and answers, kept with its pictures, listed, searched, exported.

Knows SQLite, files and the forms of export; no models, no galleries and no pages.
"""

from composer.conversations.forms import LARGEST_DOCUMENT, read_document, to_document, to_markdown
from composer.conversations.records import KeptConversation, Material, Parameters, Recovered, Summary
from composer.conversations.store import Conversations, ConversationStore, new_id
from composer.conversations.tree import Exchange, Tree, answers, wordings

__all__ = [
    "LARGEST_DOCUMENT",
    "ConversationStore",
    "Conversations",
    "Exchange",
    "KeptConversation",
    "Material",
    "Parameters",
    "Recovered",
    "Summary",
    "Tree",
    "answers",
    "new_id",
    "read_document",
    "to_document",
    "to_markdown",
    "wordings",
]
