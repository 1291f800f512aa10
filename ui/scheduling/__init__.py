"""One model for several people: whose turn it is, who waits, and for about how long.

Knows pieces of work, their owners and the calls of a model; nothing of articles, conversations or the page.
"""

from ui.scheduling.line import Job, Line, Place
from ui.scheduling.sharing import shared_judge, shared_model

__all__ = ["Job", "Line", "Place", "shared_judge", "shared_model"]
