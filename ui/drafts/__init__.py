"""What a visitor writes, kept as drafts: saved with each change, opened, undone, listed.

Knows the store of drafts, the session of a tab, and how lists in the browser ask for what is a person's own; not how an
article is made.
"""

from ui.drafts.composing import Composition
from ui.drafts.keeping import begin_draft, draft_operation, keep
from ui.drafts.listing import thumbnail_address
from ui.drafts.opening import (
    attach,
    edit_draft,
    follow,
    is_written_elsewhere,
    open_draft,
    restore_version,
    step_back,
    step_forward,
)
from ui.drafts.owners import owner_of, proof_of
from ui.drafts.requests import Answer, NameRequest, OneRequest, OwnRequest, SearchRequest, answer
from ui.drafts.saved_articles import SUFFIX, opened_article
from ui.drafts.sidebar import build_sidebar, drafts_message

__all__ = [
    "SUFFIX",
    "Answer",
    "Composition",
    "NameRequest",
    "OneRequest",
    "OwnRequest",
    "SearchRequest",
    "answer",
    "attach",
    "begin_draft",
    "build_sidebar",
    "draft_operation",
    "drafts_message",
    "edit_draft",
    "follow",
    "is_written_elsewhere",
    "keep",
    "open_draft",
    "opened_article",
    "owner_of",
    "proof_of",
    "restore_version",
    "step_back",
    "step_forward",
    "thumbnail_address",
]
