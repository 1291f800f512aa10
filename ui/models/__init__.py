"""The Models tab: what is loaded, what it can do, and another model in its place.

Knows models by their protocol, and which ones suit this machine; nothing of articles or conversations.
"""

from ui.models.changing import ModelChange, Wanted
from ui.models.tab import build_models_tab, models_message

__all__ = ["ModelChange", "Wanted", "build_models_tab", "models_message"]
