"""The Write tab: the form, the running composition and what a person does in the article view.

Knows the composer's events and the view's messages; no engine and no gallery.
"""

from ui.write.actions import delayed_message
from ui.write.arriving import draft_at_arrival
from ui.write.own import recall_own_form
from ui.write.restoring import taken_over
from ui.write.tab import LONGEST_TITLE, MODEL_QUEUE, build_write_tab, labels_operation, model_defaults, title_problem

__all__ = [
    "LONGEST_TITLE",
    "MODEL_QUEUE",
    "build_write_tab",
    "delayed_message",
    "draft_at_arrival",
    "labels_operation",
    "model_defaults",
    "recall_own_form",
    "taken_over",
    "title_problem",
]
