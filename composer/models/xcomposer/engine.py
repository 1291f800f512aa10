"""Prompts of token ids and picture vectors -> scores of the next token, with shared beginnings computed once.

Rows of different length stand flush right. Positions count only what is there, so that a row gives the same scores
alone and in a batch (the published code counts the padding too and is used with one row).
"""

import threading
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, Protocol

import torch

from composer.errors import InputError
from composer.models.xcomposer.cache import KeyValues
from composer.models.xcomposer.config import XComposerConfig
from composer.models.xcomposer.language import MAX_POSITIONS

Part = Sequence[int] | torch.Tensor  # token ids, or vectors [n, H] that stand for n positions
SHARED = 16  # a common beginning of so many positions is worth computing apart
SPARE = 512  # positions kept free behind a beginning, so that short questions about it are read without copying it


@dataclass(frozen=True, eq=False)
class Prompt:
    """What the decoder reads: ids and vectors in order. Equal `keys` mean equal input."""

    parts: tuple[Part, ...]

    @cached_property
    def keys(self) -> tuple[Hashable, ...]:
        found: list[Hashable] = []
        for part in self.parts:
            # vectors are the same where the tensor object is: the caller keeps one tensor a picture
            found += [(id(part), i) for i in range(len(part))] if isinstance(part, torch.Tensor) else part
        return tuple(found)

    def __len__(self) -> int:
        return len(self.keys)

    def cut(self, start: int, end: int | None = None) -> "Prompt":
        """Positions start..end."""
        kept: list[Part] = []
        at, end = 0, len(self) if end is None else end
        for part in self.parts:
            first, last = max(start - at, 0), min(end - at, len(part))
            if first < last:
                kept.append(part if (first, last) == (0, len(part)) else part[first:last])
            at += len(part)
        return Prompt(tuple(kept))

    def plus(self, ids: Sequence[int]) -> "Prompt":
        return Prompt((*self.parts, list(ids))) if ids else self


@dataclass(eq=False)
class Held:
    """A beginning whose keys and values are kept: one row. What stands behind them in the cache belongs to nobody."""

    prompt: Prompt
    cache: KeyValues


@dataclass(eq=False)
class State:
    """Rows in the middle of being continued."""

    cache: KeyValues
    valid: torch.Tensor  # [rows, capacity] bool: slots that attention may look at
    position: torch.Tensor  # [rows] int64: position of the next token
    logits: torch.Tensor  # [rows, kept, vocabulary] float32
    fast: bool | None = None  # whether the fast way continues it; None before the first step


def common(first: Sequence[Hashable], second: Sequence[Hashable]) -> int:
    """Length of the common beginning."""
    return next(
        (i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second))
    )


def _shared(prompts: Sequence[Prompt], held: Held | None, kept: int) -> int:
    """Positions that `held` has of all prompts, but for the last `kept`, whose logits are wanted."""
    if held is None:
        return 0
    return max(0, min(min(common(held.prompt.keys, p.keys), len(p) - kept) for p in prompts))


def _check_length(tokens: int, room: int) -> None:
    if not 0 < tokens <= MAX_POSITIONS - room:
        raise InputError(
            reason_en=f"The prompt has {tokens:,} tokens and {room:,} are to follow; "
            f"together they can be 1 to {MAX_POSITIONS:,}.",
            reason_zh=f"提示有 {tokens:,} 个词元，还要生成 {room:,} 个；总数须为 1 到 {MAX_POSITIONS:,}。",
        )


class FastStep(Protocol):
    """A way of doing one step that is faster where it can be used (CUDA graphs)."""

    def capacity(self, positions: int) -> int:
        """What a cache for so many positions has room for."""
        ...

    def cache(self, rows: int, capacity: int) -> KeyValues | None:
        """A cache for it, for one answer at a time; None while it is taken."""
        ...

    def forget(self) -> None:
        """Frees the cache of the last answer, if no answer has it."""
        ...

    def release(self) -> None:
        """Gives that cache back."""
        ...

    def begin(self, state: State) -> bool:
        """Whether this state can be continued so; it then belongs to the fast way until `end`."""
        ...

    def step(self, state: State, tokens: torch.Tensor) -> torch.Tensor: ...

    def end(self, state: State) -> None: ...


class Engine:
    """Runs the Llama decoder over prompts. Several threads may have states of their own; steps take turns."""

    def __init__(self, language: Any, config: XComposerConfig) -> None:
        self.language, self.config = language, config
        embedding = language.model.embed_tokens.weight
        self.device, self.dtype = embedding.device, embedding.dtype
        self.prefilled = self.reused = self.generated = 0
        self.fast: FastStep | None = None  # set on CUDA
        self._turn = threading.RLock()

    def prompt(self, parts: Sequence[Part]) -> Prompt:
        return Prompt(tuple(part for part in parts if len(part)))

    @torch.inference_mode()
    def embed(self, prompt: Prompt) -> torch.Tensor:
        """[n, H]"""
        rows = [
            part.to(self.device, self.dtype)
            if isinstance(part, torch.Tensor)
            else self.language.model.embed_tokens(torch.tensor(list(part), device=self.device))
            for part in prompt.parts
        ]
        return torch.cat(rows) if rows else torch.empty(0, self.config.width, device=self.device, dtype=self.dtype)

    def capacity(self, positions: int) -> int:
        """Positions that a row takes in memory where so many are asked for."""
        return self.fast.capacity(positions) if self.fast else positions

    @torch.inference_mode()
    def hold(self, prompt: Prompt) -> Held:
        """Computes the keys and values of a beginning once. Raises InputError as `prefill`."""
        _check_length(len(prompt), 0)
        with self._turn:
            if self.fast:
                self.fast.forget()  # the plan has no room for both
            cache = KeyValues(self.config.layers, 1, len(prompt) + SPARE)
            self._read([prompt], 0, None, 1, cache)
        return Held(prompt, cache)

    @torch.inference_mode()
    def prefill(
        self, prompts: Sequence[Prompt], *, room: int, held: Held | None = None, kept: int = 1, repeats: int = 1
    ) -> State:
        """Reads the prompts as one batch; `room` tokens can follow. `kept`: last positions whose logits are wanted.
        `repeats`: rows of each prompt in the state (beams).

        Beginnings that are in `held`, or common to all prompts, are computed once. Raises InputError for a prompt that
        is empty or too long.
        """
        shortest, longest = min(map(len, prompts)), max(map(len, prompts))
        _check_length(longest if shortest else 0, room)
        with self._turn:
            start, base = _shared(prompts, held, kept), held.cache if held else None
            if len(prompts) > 1:
                first = prompts[0].keys
                together = min(min(common(first, other.keys) for other in prompts[1:]), shortest - kept)
                if together >= start + SHARED:
                    base = self._behind(held, start, together)
                    self._read([prompts[0].cut(start, together)], start, None, 1, base, keep=False)
                    start = together
            rests = [prompt.cut(start) for prompt in prompts]
            rows, capacity = len(prompts), longest + room
            taken = self.fast.cache(rows * repeats, capacity) if self.fast and room else None
            try:
                final = taken or KeyValues(self.config.layers, rows * repeats, capacity)
                return self._read(rests, start, base, kept, final)
            except BaseException:
                if taken and self.fast:
                    self.fast.release()
                raise

    @torch.inference_mode()
    def score(self, prompt: Prompt, options: Sequence[Sequence[int]], held: Held | None = None) -> list[float]:
        """Log probability of each option (ids, not empty) as what follows the prompt.

        All options are read in one row: each looks at the prompt and at itself. Raises InputError as `prefill`.
        """
        tails = [ids[:-1] for ids in options]
        _check_length(len(prompt), max(map(len, tails)))
        whole = prompt.plus([token for tail in tails for token in tail])
        with self._turn:
            start = _shared([prompt], held, 1)
            cache = self._behind(held, start, len(whole))
            key = torch.arange(len(whole), device=self.device)
            # number of the option that a position belongs to, 0 for the prompt
            owners = [0] * len(prompt) + [number for number, tail in enumerate(tails, 1) for _ in tail]
            owner = torch.tensor(owners, device=self.device)
            mask = (key <= key[start:, None]) & ((owner == 0) | (owner == owner[start:, None]))
            places = [*range(start, len(prompt)), *(len(prompt) + i for tail in tails for i in range(len(tail)))]
            hidden = self._hidden(
                self.embed(whole.cut(start))[None], mask[None, None], torch.tensor([places], device=self.device), cache
            )
            self.prefilled += len(whole) - start
            self.reused += start
            logits = self.language.lm_head(hidden[0, len(prompt) - 1 - start :]).float().to(self.device)
        # row 0 foretells every option's first token, the rows of its tail the others
        behind, rows = 1, list[int]()
        for tail in tails:
            rows += [0, *range(behind, behind + len(tail))]
            behind += len(tail)
        tokens = [token for ids in options for token in ids]
        shares = iter((logits[rows, tokens] - logits.logsumexp(-1)[rows]).tolist())
        return [sum(islice(shares, len(ids))) for ids in options]

    def _behind(self, held: Held | None, start: int, end: int) -> KeyValues:
        """One row that begins with the first `start` positions of `held` and has room up to `end`: the row itself where
        that is free behind them, else a copy."""
        if held and start == len(held.prompt) and end <= held.cache.capacity:
            return held.cache
        cache = KeyValues(self.config.layers, 1, end)
        if held and start:
            cache.begin_with(held.cache, start)
        return cache

    def _hidden(
        self, embeds: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor, cache: KeyValues
    ) -> torch.Tensor:
        """What the last layer says of vectors [rows, T, H] that stand behind `cache`, which takes them in."""
        output: torch.Tensor = self.language.model(
            inputs_embeds=embeds, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True
        ).last_hidden_state
        return output

    def _read(
        self, rests: list[Prompt], start: int, base: KeyValues | None, kept: int, final: KeyValues, *, keep: bool = True
    ) -> State:
        """Reads what is left of the prompts behind the first `start` positions of `base`, into `final`.

        keep: whether what was read counts as there; if not, it may be overwritten.
        """
        rows, width = len(rests), max(map(len, rests))
        repeats = final.rows // rows
        # beams begin alike: a prompt is read once, into the rows of its beams
        cache = final if repeats == 1 else final.first(rows)
        if base and start:
            cache.begin_with(base, start)
        device = self.device
        embeds = torch.zeros(rows, width, self.config.width, device=device, dtype=self.dtype)
        valid = torch.ones(rows, final.capacity, dtype=torch.bool, device=device)
        for row, rest in enumerate(rests):
            embeds[row, width - len(rest) :] = self.embed(rest)
            valid[row, start : start + width - len(rest)] = False
        seen = valid[:, : start + width]
        positions = (seen.cumsum(1) - 1).clamp_(min=0)[:, start:]  # [rows, width]
        hidden = self._hidden(embeds, self._mask(seen, start), positions, cache)
        if keep:
            cache.advance(width)
        self.prefilled += sum(map(len, rests))
        self.reused += start * rows
        logits = self.language.lm_head(hidden[:, -kept:]).float().to(device)
        if cache is not final:
            final.spread(rows, cache.length)
        again = (valid, positions[:, -1] + 1, logits)
        valid, position, logits = (each.repeat_interleave(repeats, 0) if repeats > 1 else each for each in again)
        return State(final, valid, position, logits)

    @staticmethod
    def _mask(seen: torch.Tensor, start: int) -> torch.Tensor:
        """[rows, 1, T, start + T] bool: causal, without padding. Padding looks at itself: a row of nothing is NaN."""
        total = seen.shape[1]
        query = torch.arange(start, total, device=seen.device)[:, None]
        key = torch.arange(total, device=seen.device)[None]
        allowed = (key <= query)[None] & seen[:, None, :] | (key == query)[None]
        return allowed[:, None]

    @torch.inference_mode()
    def step(self, state: State, tokens: torch.Tensor) -> torch.Tensor:
        """Appends tokens [rows]; logits of the next ones [rows, vocabulary] float32."""
        with self._turn:
            self.generated += tokens.shape[0]
            if state.fast is None:
                state.fast = self.fast is not None and self.fast.begin(state)
            if state.fast and self.fast is not None:
                return self.fast.step(state, tokens)
            return self._step(state, tokens)

    def _step(self, state: State, tokens: torch.Tensor) -> torch.Tensor:
        embeds = self.language.model.embed_tokens(tokens[:, None].to(self.device))
        seen = state.valid[:, None, None, : state.cache.length + 1]
        hidden = self._hidden(embeds, seen, state.position[:, None], state.cache)
        state.cache.advance(1)
        state.position = state.position + 1
        logits: torch.Tensor = self.language.lm_head(hidden[:, -1]).float().to(self.device)
        return logits

    def done(self, state: State) -> None:
        """The state will not be continued."""
        if state.fast and self.fast is not None:
            with self._turn:
                self.fast.end(state)
                state.fast = False
