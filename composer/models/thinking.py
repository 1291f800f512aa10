"""What a model thinks aloud before it answers: leaves it out of replies, and closes it in prompts.

Thoughts stand between tags (<think> … </think> and its like) or in the channels of gpt-oss. Knows the marks, no engine.
"""

import re
from collections.abc import Iterator

_NAMES = r"think|thinking|thought|reasoning|seed:think"
OPENING = re.compile(rf"<(?:{_NAMES})>|\[THINK\]|◁think▷", re.IGNORECASE)
_CLOSING = re.compile(rf"</(?:{_NAMES})>|\[/THINK\]|◁/think▷", re.IGNORECASE)
_UNQUOTED_CLOSING = re.compile(rf"(?<![`'\"“‘(])(?:{_CLOSING.pattern})", re.IGNORECASE)
_THOUGHT = re.compile(rf"\s*(?:{OPENING.pattern}).*?(?:{_CLOSING.pattern})\s*", re.IGNORECASE | re.DOTALL)
# gpt-oss; where its marks are not printed: "analysisThe user wants …assistantfinalThe octopus …"
_CHANNELS = re.compile(r"\s*(?:<\|(?:channel|start)\|>.*?)?<\|channel\|>\s*final[^<]*<\|message\|>", re.DOTALL)
_BARE_CHANNELS = re.compile(r"\s*analysis(?=[A-Z\"“]).*?assistant(?:<\|channel\|>)?final", re.DOTALL)
_OPENED = re.compile(rf"(?i:{OPENING.pattern})|<\|channel\|>|<\|start\|>assistant|analysis(?=[A-Z\"“])")
_END_MARKS = re.compile(r"<\|(?:end|return)\|>")
_HALF_END_MARK = re.compile(r"<(?:\|[a-z]*\|?)?$")
# where a reply still may become one of these, it is waited for
_MARKS = (
    *(f"<{name}>" for name in _NAMES.split("|")),
    "[THINK]", "◁think▷", "<|channel|>", "<|start|>assistant", "analysis",
)  # fmt: skip
_CHANNEL = "<|channel|>"
_GPT_OSS_TURN, _GPT_OSS_ANSWER = "<|start|>assistant", f"{_CHANNEL}final<|message|>"


class ThoughtFilter:
    """Takes a reply in pieces and gives the answer in pieces, without the thought before it."""

    def __init__(self) -> None:
        self._held = ""  # what may be, or is, a thought
        self._thought_ended = self._answering = False
        self._in_channels = False  # gpt-oss: its end marks are no words

    def feed(self, piece: str) -> str:
        """What of the reply so far can be shown."""
        if not self._answering:
            self._held += piece
            while thought := _THOUGHT.match(self._held):
                self._held, self._thought_ended = self._held[thought.end() :], True
            if self._thought_ended:
                self._held = self._held.lstrip()
            if channels := _CHANNELS.match(self._held) or _BARE_CHANNELS.match(self._held):
                self._held, self._in_channels = self._held[channels.end() :], True
            elif self._may_be_thought():
                return ""
            self._answering, piece, self._held = True, self._held, ""
        if not self._in_channels:
            return piece
        text = _END_MARKS.sub("", self._held + piece)
        self._held = match[0] if (match := _HALF_END_MARK.search(text)) else ""
        return text[: len(text) - len(self._held)]

    def _may_be_thought(self) -> bool:
        start = self._held.lstrip()
        return bool(_OPENED.match(start)) or any(mark.startswith((start, start.lower())) for mark in _MARKS)

    def finish(self) -> str:
        """What is left at the end of a reply: nothing where it ended in the middle of a thought."""
        held, self._held = self._held, ""
        return "" if not self._answering and _OPENED.match(held.lstrip()) else held


def without_thoughts(pieces: Iterator[str]) -> Iterator[str]:
    """The pieces of a reply without the thought before the answer."""
    thoughts = ThoughtFilter()
    for piece in pieces:
        if shown := thoughts.feed(piece):
            yield shown
    if rest := thoughts.finish():
        yield rest


def answer_in(reply: str) -> str:
    """A whole reply without the thought before the answer, also where the model's template had opened it."""
    shown = "".join(without_thoughts(iter([reply])))
    end = end_of_opened_thought(shown)
    return shown if end is None else shown[end:]


def end_of_opened_thought(text: str) -> int | None:
    """Where the answer begins in a reply whose thought the model's template had opened; None where nothing says so."""
    closing = _UNQUOTED_CLOSING.search(text)
    if closing is None or OPENING.search(text[: closing.start()]):  # a text that speaks of both
        return None
    return closing.end() + len(text[closing.end() :]) - len(text[closing.end() :].lstrip())


def may_think(template: str) -> bool:
    """Whether a chat template knows of thoughts."""
    return bool(_CLOSING.search(template)) or _CHANNEL in template


def empty_thought(reply: str) -> str:
    """What to put before the reply of a model that begins its replies like this one: a thought without words, or
    nothing where this one does not begin with a thought."""
    opened = OPENING.match(reply.lstrip())
    return f"{opened[0]}\n\n{_closing_of(opened[0])}\n\n" if opened else ""


def with_thought_closed(prompt: str) -> str:
    """The prompt, going on behind the thought that its template has opened, or in gpt-oss's channel for answers."""
    text = prompt.rstrip()
    if text.endswith(_GPT_OSS_TURN):
        return text + _GPT_OSS_ANSWER
    opened = next((match[0] for match in OPENING.finditer(text) if match.end() == len(text)), None)
    return prompt if opened is None else f"{text}\n\n{_closing_of(opened)}\n\n"


def _closing_of(opening: str) -> str:
    return f"{opening[0]}/{opening[1:]}"
