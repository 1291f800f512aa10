"""The endpoints for programs, their arguments, and what is answered to a bad call.

Knows composers, conversations and galleries through the studio; nothing of the page's tabs but the model's queue.
"""

from ui.api.endpoints import add_endpoints
from ui.api.requests import MAX_BODY, CheckCalls

__all__ = ["MAX_BODY", "CheckCalls", "add_endpoints"]
