"""A conversation that only the browser has, because the program was restarted under an open tab: read from what the
Chat tab shows. The pictures of its questions went with the program that was ended; only that they were there is kept.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from common.decoding import without_halves
from composer.conversations import Exchange, Tree
from ui.chat.escaping import plain_answer, plain_words

LONGEST_MESSAGE = 200_000  # characters
MOST_TURNS = 1000
PLACEHOLDERS = ("", "…")  # what stands where an answer has not begun

_PICTURES = re.compile(r"(?:!\[[^\]\n]{0,200}\]\([^()\s]{0,500}\)(?: |\n\n|$))+")


def read_shown(shown: object) -> tuple[Tree, dict[int, str]]:
    """The conversation that a Chatbot shows, and the Markdown of the pictures of those questions that had some, by the
    exchange's id.

    What does not have the form of a conversation is passed over: it comes from a browser.
    """
    tree, pictures = Tree(), dict[int, str]()
    for message in without_halves(shown) if isinstance(shown, list) else []:
        content = _content(message)
        role = message.get("role") if isinstance(message, dict) else None
        if role == "user" and len(tree.exchanges) < MOST_TURNS:
            found = _PICTURES.match(content)
            words = plain_words(content[found.end() :] if found else content)
            tree = tree.with_exchange(Exchange(words, parent=tree.last, finished=True))
            if found:
                pictures[tree.last] = found[0].strip()
        elif role == "assistant" and tree.exchanges and content not in PLACEHOLDERS:  # before the last a note may stand
            tree = tree.with_exchange(replace(tree.exchanges[-1], answer=plain_answer(content)))
    return tree, pictures


def _content(message: object) -> str:
    """The text of a message: a string, or the list of parts that Gradio makes of it."""
    content: Any = message.get("content") if isinstance(message, dict) else ""
    parts: Sequence[Any] = content if isinstance(content, list) else [content]
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
    return "\n\n".join(text for text in texts if isinstance(text, str))[:LONGEST_MESSAGE]
