"""What a visitor writes, kept as drafts: saved with each change, opened, undone, listed.

Knows the store of drafts and the session of a tab; not how an article is made.
"""

from ui.drafts.continuing import Composition, go_on
from ui.drafts.keeping import draft_operation, keep
from ui.drafts.listing import thumbnail_address
from ui.drafts.opening import attach, follow, open_draft, restore_version, step_back, step_forward
from ui.drafts.owners import owner_of, proof_of, proven
from ui.drafts.sidebar import build_sidebar, drafts_message

__all__ = [
    "Composition",
    "attach",
    "build_sidebar",
    "draft_operation",
    "drafts_message",
    "follow",
    "go_on",
    "keep",
    "open_draft",
    "owner_of",
    "proof_of",
    "proven",
    "restore_version",
    "step_back",
    "step_forward",
    "thumbnail_address",
]
