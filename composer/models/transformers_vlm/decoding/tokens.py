"""Chooses tokens from the scores of a network, and makes them text."""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from composer.models.base import Sampling

TOP_K = 40  # tokens that sampling considers, as with the other engines
_UNFINISHED = "\ufffd"  # what a tokenizer writes for the first bytes of a character


class Chooser:
    """Chooses the tokens of one sequence."""

    def __init__(self, sampling: Sampling, number: int = 0) -> None:
        """number: of the sequence among those that are drawn with the same seed."""
        self._rules = LogitsProcessorList()
        self._draws = sampling.temperature > 0
        self._seed = None if sampling.seed is None else (sampling.seed + number) % 2**63
        self._generator: torch.Generator | None = None  # on the device of the scores, once there are some
        if sampling.repetition_penalty != 1.0:
            self._rules.append(RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty))
        if self._draws:
            self._rules.append(TemperatureLogitsWarper(sampling.temperature))
            self._rules.append(TopKLogitsWarper(TOP_K))
            if sampling.top_p < 1.0:
                self._rules.append(TopPLogitsWarper(max(sampling.top_p, 1e-4)))

    @property
    def is_plain(self) -> bool:
        """Whether it takes the likeliest token, whatever was written before."""
        return not self._rules

    def choose(self, ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """The next token [1]. ids: [1, T] of the sequence; scores: [1, V]."""
        scores = self._rules(ids.to(scores.device), scores)
        if not self._draws:
            return scores.argmax(dim=-1)
        if self._generator is None:
            self._generator = torch.Generator(scores.device)
            if self._seed is None:
                self._generator.seed()
            else:
                self._generator.manual_seed(self._seed)
        return torch.multinomial(scores.softmax(dim=-1), 1, generator=self._generator)[:, 0]


class TextReader:
    """Takes the tokens of one reply and gives its text in pieces."""

    def __init__(self, tokenizer: Any, stops: Sequence[str] = ()) -> None:
        self._tokenizer, self._stops = tokenizer, [stop for stop in stops if stop]
        self._ids: list[int] = []
        self._start = self._read = 0  # tokens before `_read` are text already; decoding begins at `_start`
        self._held = ""  # text that may begin a stop text
        self.ended = False  # a stop text came
        self.text = ""  # all that was given

    def feed(self, token: int) -> str:
        """The text that this token adds. Nothing once a stop text has come."""
        if self.ended:
            return ""
        self._ids.append(token)
        before = self._decode(self._ids[self._start : self._read])
        now = self._decode(self._ids[self._start :])
        if len(now) <= len(before) or now.endswith(_UNFINISHED):
            return ""
        self._start, self._read = self._read, len(self._ids)
        return self._give(now[len(before) :], final=False)

    def finish(self) -> str:
        """What is left at the end of the reply."""
        if self.ended:
            return ""
        before = self._decode(self._ids[self._start : self._read])
        rest = self._decode(self._ids[self._start :])[len(before) :].rstrip(_UNFINISHED)
        self._start = self._read = len(self._ids)
        return self._give(rest, final=True)

    def _give(self, piece: str, *, final: bool) -> str:
        text = self._held + piece
        ends = [at for stop in self._stops if (at := text.find(stop)) >= 0]
        if ends:
            text, self._held, self.ended = text[: min(ends)], "", True
        elif not final:
            kept = max((n for stop in self._stops for n in range(1, len(stop)) if text.endswith(stop[:n])), default=0)
            text, self._held = text[: len(text) - kept], text[len(text) - kept :]
        else:
            self._held = ""
        self.text += text
        return text

    def _decode(self, ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))
