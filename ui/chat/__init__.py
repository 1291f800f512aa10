"""The Chat tab: the conversation as it is shown, streamed, stopped, kept, and read back from a page.

Knows the composer's conversations and Gradio's Chatbot; nothing of articles.
"""

from ui.chat.escaping import escape_markdown, escape_tags
from ui.chat.showing import history, rows
from ui.chat.shown import read_shown
from ui.chat.tab import build_chat_tab, settings_of
from ui.chat.talking import take_over
from ui.chat.view import talk_message

__all__ = [
    "build_chat_tab",
    "escape_markdown",
    "escape_tags",
    "history",
    "read_shown",
    "rows",
    "settings_of",
    "take_over",
    "talk_message",
]
