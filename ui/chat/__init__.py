"""The Chat tab: the conversation as it is shown, streamed, stopped and read back from a page.

Knows the composer's conversation and Gradio's Chatbot; nothing of articles.
"""

from ui.chat.shown import read_turns
from ui.chat.tab import build_chat_tab, escape_markdown, escape_tags, history, take_over

__all__ = ["build_chat_tab", "escape_markdown", "escape_tags", "history", "read_turns", "take_over"]
