"""The Gallery tab: what its script asks of Python and the answers.

Knows galleries by their protocols; nothing of articles.
"""

from ui.gallery.tab import build_gallery_tab, gallery_message

__all__ = ["build_gallery_tab", "gallery_message"]
