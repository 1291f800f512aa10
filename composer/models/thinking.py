"""Leaves out what a model thinks aloud before it answers: <think> … </think>, and the channels of gpt-oss."""

import re
from collections.abc import Iterator

OPENINGS = ("<think>", "<thinking>", "<|channel|>")
_THOUGHT = re.compile(r"\s*<(think|thinking)>.*?</\1>\s*", re.DOTALL)
_CHANNELS = re.compile(r"\s*(?:<\|channel\|>.*?)?<\|channel\|>final[^<]*<\|message\|>", re.DOTALL)
_END_MARKS = re.compile(r"<\|(?:end|return)\|>")
UNOPENED_END = re.compile(r"</think(?:ing)?>\s*")  # the template of some models has opened it


class ThoughtFilter:
    """Takes a reply in pieces and gives the answer in pieces, without the thought before it."""

    def __init__(self) -> None:
        self._held = ""  # what may be, or is, a thought
        self._answering = False

    def feed(self, piece: str) -> str:
        """What of the reply so far can be shown."""
        if self._answering:
            return _END_MARKS.sub("", piece)
        self._held += piece
        start = self._held.lstrip()
        for pattern in (_THOUGHT, _CHANNELS):
            if match := pattern.match(self._held):
                self._answering = True
                return _END_MARKS.sub("", self._held[match.end() :])
        if any(start.startswith(opening) or opening.startswith(start) for opening in OPENINGS):
            return ""
        self._answering = True
        return self._held

    def finish(self) -> str:
        """What is left at the end of a reply: nothing where it ended in the middle of a thought."""
        held, self._held = self._held, ""
        thinking = any(held.lstrip().startswith(opening) for opening in OPENINGS)
        return "" if self._answering or thinking else held


def without_thoughts(pieces: Iterator[str]) -> Iterator[str]:
    """The pieces of a reply without the thought before the answer."""
    thoughts = ThoughtFilter()
    for piece in pieces:
        if shown := thoughts.feed(piece):
            yield shown
    if rest := thoughts.finish():
        yield rest
