"""The Write tab: the form, the running composition and what a person does in the article view.

Knows the composer's events and the view's messages; no engine and no gallery.
"""

from ui.write.actions import delayed_message
from ui.write.drafting import draft_at_arrival
from ui.write.own import recall_own_form
from ui.write.restoring import taken_over
from ui.write.tab import (
    AT_ONCE,
    LONG_WORK,
    SHORT_WORK,
    build_write_tab,
    labels_operation,
    model_defaults,
    remembered_settings,
    title_problem,
)

__all__ = [
    "AT_ONCE",
    "LONG_WORK",
    "SHORT_WORK",
    "build_write_tab",
    "delayed_message",
    "draft_at_arrival",
    "labels_operation",
    "model_defaults",
    "recall_own_form",
    "remembered_settings",
    "taken_over",
    "title_problem",
]
