"""Chooses tokens from the scores of a network, one for each sequence of a batch at a time, and makes them text."""

import threading
from collections.abc import Generator, Sequence
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
from composer.models.transformers_vlm.network import Batch, Network

TOP_K = 40  # tokens that sampling considers, as with the other engines
_UNFINISHED = "\ufffd"  # what a tokenizer writes for the first bytes of a character


def generate(
    network: Network, batch: Batch, sampling: Sampling, room: int, ends: frozenset[int], stop: threading.Event | None
) -> Generator[list[int | None], Sequence[int] | None, None]:
    """The tokens of each sequence, a list at a time; None for a sequence that has ended.

    room: tokens for which the context has place. ends: tokens that end a sequence; they are not given. The caller may
    send the indices of sequences that need no more tokens.
    """
    rules, draws = _rules(sampling, batch.ids.device)
    device = batch.logits.device
    generator = torch.Generator(device)
    if sampling.seed is not None:
        generator.manual_seed(sampling.seed % 2**63)
    else:
        generator.seed()
    running = [True] * batch.logits.shape[0]
    batch = network.faster(batch)
    try:
        for number in range(min(sampling.max_tokens, room)):
            if stop is not None and stop.is_set():
                return
            scores = rules(batch.ids.to(device), batch.logits)
            if draws:
                tokens = torch.multinomial(scores.softmax(dim=-1), 1, generator=generator)[:, 0]
            else:
                tokens = scores.argmax(dim=-1)
            ids = tokens.tolist()
            running = [still and token not in ends for still, token in zip(running, ids, strict=True)]
            network.count_generated(sum(running))
            if not any(running):
                return
            ended: Sequence[int] | None = yield [
                token if still else None for token, still in zip(ids, running, strict=True)
            ]
            for row in ended or ():
                running[row] = False
            if not any(running) or number + 1 == min(sampling.max_tokens, room):
                return
            network.step(batch, tokens)
    finally:
        network.release(batch)


def _rules(sampling: Sampling, device: torch.device) -> tuple[Any, bool]:
    """The rules that change scores before a token is chosen, and whether it is drawn."""
    rules = LogitsProcessorList()
    if sampling.repetition_penalty != 1.0:
        rules.append(RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty))
    if sampling.temperature <= 0:
        return rules, False
    rules.append(TemperatureLogitsWarper(sampling.temperature))
    rules.append(TopKLogitsWarper(TOP_K))
    if sampling.top_p < 1.0:
        rules.append(TopPLogitsWarper(max(sampling.top_p, 1e-4)))
    return rules, True


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
