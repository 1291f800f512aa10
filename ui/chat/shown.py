"""A conversation that only the browser has, because the program was restarted under an open tab: read from what the
Chat tab shows. The pictures of its questions went with the program that was ended; only that they were there is kept.
"""

import re
from collections.abc import Sequence
from typing import Any

from common.decoding import without_halves
from composer.chat import Turn

LONGEST_MESSAGE = 200_000  # characters
MOST_TURNS = 1000
PLACEHOLDERS = ("", "…")  # what stands where an answer has not begun

_PICTURES = re.compile(r"(?:!\[[^\]\n]{0,200}\]\([^()\s]{0,500}\)(?:\n\n|$))+")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")


def read_turns(shown: object) -> tuple[tuple[Turn, ...], dict[int, str]]:
    """The turns that a Chatbot shows, and the Markdown of the pictures of those that had some, by the turn's number.

    What does not have the form of a conversation is passed over: it comes from a browser.
    """
    turns: list[Turn] = []
    pictures: dict[int, str] = {}
    for message in without_halves(shown) if isinstance(shown, list) else []:
        content = _content(message)
        role = message.get("role") if isinstance(message, dict) else None
        if role == "user" and len(turns) < MOST_TURNS:
            found = _PICTURES.match(content)
            if found:
                pictures[len(turns)] = found[0].strip()
            turns.append(Turn(plain_words(content[found.end() :] if found else content), finished=True))
        elif role == "assistant" and turns and content not in PLACEHOLDERS:  # the last one: before it a note may stand
            turns[-1] = Turn(turns[-1].question, answer=plain_answer(content), finished=True)
    return tuple(turns), pictures


def plain_words(shown: str) -> str:
    """What a person typed, from the Markdown that shows it."""
    return _ESCAPED.sub(r"\1", shown).replace("\u00a0", " ")


def plain_answer(shown: str) -> str:
    """What a model answered, from the Markdown in which tags are text."""
    return shown.replace("\\<", "<")


def _content(message: object) -> str:
    """The text of a message: a string, or the list of parts that Gradio makes of it."""
    content: Any = message.get("content") if isinstance(message, dict) else ""
    parts: Sequence[Any] = content if isinstance(content, list) else [content]
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
    return "\n\n".join(text for text in texts if isinstance(text, str))[:LONGEST_MESSAGE]
