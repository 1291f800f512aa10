"""Prompts of token ids and picture vectors -> scores of the next token; a shared prefix is computed once.

Rows of different length are padded on the left. Positions do not count the padding, so that a row has the same scores
alone and in a batch (the published code counts it and is used with one row).
"""

import threading
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, Protocol

import torch

from common.messages import _
from composer.errors import InputError
from composer.models.xcomposer.checkpoint import XComposerConfig
from composer.models.xcomposer.decoding.cache import KeyValues
from composer.models.xcomposer.network import MAX_POSITIONS

Part = Sequence[int] | torch.Tensor  # token ids, or vectors [n, H] that stand for n positions
MIN_SHARED = 16  # a common prefix of at least so many positions is computed separately
SPARE_POSITIONS = 512  # kept free after a shared prefix: short questions about it need no copy of its cache


@dataclass(frozen=True, eq=False)
class Prompt:
    """What the decoder reads: ids and vectors in order. Equal `keys` mean equal input."""

    parts: tuple[Part, ...]

    @cached_property
    def keys(self) -> tuple[Hashable, ...]:
        """One key for each position."""
        found: list[Hashable] = []
        for part in self.parts:
            # vectors are equal where the tensor is the same object: the caller keeps one tensor for each picture
            found += [(id(part), i) for i in range(len(part))] if isinstance(part, torch.Tensor) else part
        return tuple(found)

    def __len__(self) -> int:
        return len(self.keys)

    def cut(self, start: int, end: int | None = None) -> "Prompt":
        """The prompt of positions start..end."""
        kept: list[Part] = []
        at, end = 0, len(self) if end is None else end
        for part in self.parts:
            first, last = max(start - at, 0), min(end - at, len(part))
            if first < last:
                kept.append(part if (first, last) == (0, len(part)) else part[first:last])
            at += len(part)
        return Prompt(tuple(kept))

    def extended(self, ids: Sequence[int]) -> "Prompt":
        """The prompt followed by the ids."""
        return Prompt((*self.parts, list(ids))) if ids else self


@dataclass(eq=False)
class SharedPrefix:
    """A prompt whose keys and values are kept, in one row. The slots after them may be overwritten at any time."""

    prompt: Prompt
    cache: KeyValues


@dataclass(eq=False)
class State:
    """Rows that are being continued, token by token."""

    cache: KeyValues
    valid: torch.Tensor  # [rows, capacity] bool: slots that attention may look at
    position: torch.Tensor  # [rows] int64: position of the next token
    logits: torch.Tensor  # [rows, last, vocabulary] float32: of the last positions of the prompts
    fast: bool | None = None  # whether FastStep continues it; None before the first step


def common_length(first: Sequence[Hashable], second: Sequence[Hashable]) -> int:
    """Length of the common prefix."""
    return next(
        (i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second))
    )


def _reusable_length(prompts: Sequence[Prompt], prefix: SharedPrefix | None, last: int) -> int:
    """How many positions of all prompts `prefix` holds; the `last` ones do not count, as their logits are wanted."""
    if prefix is None:
        return 0
    return max(0, min(min(common_length(prefix.prompt.keys, p.keys), len(p) - last) for p in prompts))


def _check_length(tokens: int, room: int) -> None:
    if not 0 < tokens <= MAX_POSITIONS - room:
        raise InputError(
            _(
                "The prompt has {tokens:,} tokens and {room:,} are to follow; together they can be 1 to "
                "{max_positions:,}.",
                tokens=tokens,
                room=room,
                max_positions=MAX_POSITIONS,
            )
        )


def _row_layout(prompt: int, tails: Sequence[Sequence[int]], width: int) -> tuple[list[int], list[int]]:
    """(the number of the option that a slot belongs to, its position) for each of the `width` slots of a row.

    The prompt's slots, which all options continue, have number 0, padding has -1.
    """
    owners = [0] * prompt + [number for number, tail in enumerate(tails, 1) for _ in tail]
    positions = [*range(prompt), *(prompt + i for tail in tails for i in range(len(tail)))]
    padding = width - len(owners)
    return owners + [-1] * padding, positions + [0] * padding


def _option_logprobs(logits: torch.Tensor, options: Sequence[Sequence[Sequence[int]]]) -> list[list[list[float]]]:
    """logits: of each prompt one row that predicts the first tokens of its options, then those of their tails."""
    rows, first = list[int](), 0
    for each in options:
        after = first + 1
        for ids in each:
            rows += [first, *range(after, after + len(ids) - 1)]
            after += len(ids) - 1
        first = after
    tokens = [token for each in options for ids in each for token in ids]
    logprobs = iter((logits[rows, tokens] - logits.logsumexp(-1)[rows]).tolist())
    return [[list(islice(logprobs, len(ids))) for ids in each] for each in options]


class FastStep(Protocol):
    """A faster way of computing one step, where it can be used (CUDA graphs)."""

    def capacity(self, positions: int) -> int:
        """The capacity of a cache for so many positions."""
        ...

    def cache(self, rows: int, capacity: int) -> KeyValues | None:
        """A cache whose steps are fast, for one answer at a time; None while another answer has it."""
        ...

    def forget(self) -> None:
        """Frees the cache, unless an answer has it."""
        ...

    def release(self) -> None:
        """Gives the cache back."""
        ...

    def begin(self, state: State) -> bool:
        """Whether this state can be continued in this way. If so, only `step` may continue it, until `end`."""
        ...

    def step(self, state: State, tokens: torch.Tensor) -> torch.Tensor:
        """As `Engine.step`."""
        ...

    def end(self, state: State) -> None:
        """The state will not be continued; gives its cache back."""
        ...


class Engine:
    """Runs the Llama decoder over prompts. Several threads may each have a state; their steps take turns."""

    def __init__(self, language: Any, config: XComposerConfig) -> None:
        self.language, self.config = language, config
        embedding = language.model.embed_tokens.weight
        self.device, self.dtype = embedding.device, embedding.dtype
        self.prefilled = self.reused = self.generated = 0
        self.fast: FastStep | None = None  # set where everything is on one CUDA card
        self._lock = threading.RLock()

    def prompt(self, parts: Sequence[Part]) -> Prompt:
        """A prompt of the parts that are not empty."""
        return Prompt(tuple(part for part in parts if len(part)))

    @torch.inference_mode()
    def embed(self, prompt: Prompt) -> torch.Tensor:
        """The vectors [n, H] of the prompt's positions."""
        rows = [
            part.to(self.device, self.dtype)
            if isinstance(part, torch.Tensor)
            else self.language.model.embed_tokens(torch.tensor(list(part), device=self.device))
            for part in prompt.parts
        ]
        return torch.cat(rows) if rows else torch.empty(0, self.config.width, device=self.device, dtype=self.dtype)

    def capacity(self, positions: int) -> int:
        """Positions that a row takes in memory when it needs so many."""
        return self.fast.capacity(positions) if self.fast else positions

    @torch.inference_mode()
    def compute_prefix(self, prompt: Prompt) -> SharedPrefix:
        """Computes the keys and values of a prompt that others begin with. Raises InputError as `prefill`."""
        _check_length(len(prompt), 0)
        with self._lock:
            if self.fast:
                self.fast.forget()  # the memory planned has no room for both
            cache = KeyValues(self.config.layers, 1, len(prompt) + SPARE_POSITIONS)
            self._run_prompts([prompt], 0, None, 1, cache)
        return SharedPrefix(prompt, cache)

    @torch.inference_mode()
    def prefill(
        self,
        prompts: Sequence[Prompt],
        *,
        room: int,
        prefix: SharedPrefix | None = None,
        last: int = 1,
        repeats: int = 1,
    ) -> State:
        """Computes the prompts as one batch.

        room: tokens that can follow. last: how many of the last positions' logits are wanted. repeats: rows of each
        prompt in the state (beams). What the prompts share with `prefix`, or all with one another, is computed once.
        Raises InputError for a prompt that is empty or too long.
        """
        shortest, longest = min(map(len, prompts)), max(map(len, prompts))
        _check_length(longest if shortest else 0, room)
        with self._lock:
            start, base = _reusable_length(prompts, prefix, last), prefix.cache if prefix else None
            if len(prompts) > 1:
                first = prompts[0].keys
                shared = min(min(common_length(first, other.keys) for other in prompts[1:]), shortest - last)
                if shared >= start + MIN_SHARED:
                    base = self._cache_after(prefix, start, shared)
                    self._run_prompts([prompts[0].cut(start, shared)], start, None, 1, base, keep=False)
                    start = shared
            remaining = [prompt.cut(start) for prompt in prompts]
            rows, capacity = len(prompts), longest + room
            fast_cache = self.fast.cache(rows * repeats, capacity) if self.fast and room else None
            try:
                cache = fast_cache or KeyValues(self.config.layers, rows * repeats, capacity)
                return self._run_prompts(remaining, start, base, last, cache)
            except BaseException:
                if fast_cache and self.fast:
                    self.fast.release()
                raise

    def score(
        self, prompt: Prompt, options: Sequence[Sequence[int]], prefix: SharedPrefix | None = None
    ) -> list[float]:
        """The log-probability of each option (ids, not empty) as the continuation of the prompt."""
        return [sum(tokens) for tokens in self.score_tokens([prompt], [options], prefix)[0]]

    @torch.inference_mode()
    def score_tokens(
        self,
        prompts: Sequence[Prompt],
        options: Sequence[Sequence[Sequence[int]]],
        prefix: SharedPrefix | None = None,
    ) -> list[list[list[float]]]:
        """For each prompt the log-probability of each token of each of its options (ids, not empty).

        A prompt and its options are one row of a batch: each option attends to the prompt and to itself. Raises
        InputError as `prefill`.
        """
        tails = [[ids[:-1] for ids in each] for each in options]
        longest = max(max(map(len, each)) for each in tails)
        _check_length(max(map(len, prompts)) if all(map(len, prompts)) else 0, longest)
        rows = [
            prompt.extended([token for tail in each for token in tail])
            for prompt, each in zip(prompts, tails, strict=True)
        ]
        width = max(map(len, rows))
        with self._lock:
            start = _reusable_length(prompts, prefix, 1)
            cache = self._rows_after(prefix, start, len(rows), width)
            # shorter rows are padded on the right, where nothing that counts attends to
            embeds = torch.zeros(
                len(rows), width - start, self.config.width, device=self.device, dtype=self.dtype
            )  # [rows, T, H]
            for number, row in enumerate(rows):
                embeds[number, : len(row) - start] = self.embed(row.cut(start))
            layout = [_row_layout(len(prompt), each, width) for prompt, each in zip(prompts, tails, strict=True)]
            owner = torch.tensor([owners for owners, _positions in layout], device=self.device)  # [rows, width]
            positions = torch.tensor([positions for _owners, positions in layout], device=self.device)
            key = torch.arange(width, device=self.device)
            attended = (owner == 0)[:, None, :] | (owner[:, None, :] == owner[:, start:, None])
            mask = (key <= key[start:, None]) & attended  # [rows, T, width]
            hidden = self._hidden_states(embeds, mask[:, None], positions[:, start:], cache)
            self.prefilled += sum(len(row) - start for row in rows)
            self.reused += start * len(rows)
            wanted = [
                hidden[number, len(prompt) - 1 - start : len(row) - start]
                for number, (prompt, row) in enumerate(zip(prompts, rows, strict=True))
            ]
            logits = self.language.lm_head(torch.cat(wanted)).float().to(self.device)
        return _option_logprobs(logits, options)

    def _rows_after(self, prefix: SharedPrefix | None, start: int, rows: int, end: int) -> KeyValues:
        """Rows that each hold the first `start` positions of `prefix`, with a capacity of at least `end`."""
        if rows == 1:
            return self._cache_after(prefix, start, end)
        cache = KeyValues(self.config.layers, rows, end)
        if prefix and start:
            cache.copy_prefix(prefix.cache, start)
        return cache

    def _cache_after(self, prefix: SharedPrefix | None, start: int, end: int) -> KeyValues:
        """One row with the first `start` positions of `prefix` and a capacity of at least `end`.

        It is the prefix's own row where all of it is used and its spare slots suffice, else a copy.
        """
        if prefix and start == len(prefix.prompt) and end <= prefix.cache.capacity:
            return prefix.cache
        cache = KeyValues(self.config.layers, 1, end)
        if prefix and start:
            cache.copy_prefix(prefix.cache, start)
        return cache

    def _hidden_states(
        self, embeds: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor, cache: KeyValues
    ) -> torch.Tensor:
        """The last layer's output for vectors [rows, T, H] after those in `cache`, which stores the new ones too."""
        output: torch.Tensor = self.language.model(
            inputs_embeds=embeds, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True
        ).last_hidden_state
        return output

    def _run_prompts(
        self,
        remaining: list[Prompt],
        start: int,
        base: KeyValues | None,
        last: int,
        final: KeyValues,
        *,
        keep: bool = True,
    ) -> State:
        """Computes the remaining parts of prompts after the first `start` positions of `base`, into `final`.

        keep: whether the cache counts the new positions as filled; if not, they may be overwritten.
        """
        rows, width = len(remaining), max(map(len, remaining))
        repeats = final.rows // rows
        # all beams of a prompt begin with it: it is computed once and then repeated
        cache = final if repeats == 1 else final.first_rows(rows)
        if base and start:
            cache.copy_prefix(base, start)
        device = self.device
        embeds = torch.zeros(rows, width, self.config.width, device=device, dtype=self.dtype)
        valid = torch.ones(rows, final.capacity, dtype=torch.bool, device=device)
        for row, rest in enumerate(remaining):
            embeds[row, width - len(rest) :] = self.embed(rest)
            valid[row, start : start + width - len(rest)] = False
        visible = valid[:, : start + width]
        positions = (visible.cumsum(1) - 1).clamp_(min=0)[:, start:]  # [rows, width]
        hidden = self._hidden_states(embeds, self._mask(visible, start), positions, cache)
        if keep:
            cache.advance(width)
        self.prefilled += sum(map(len, remaining))
        self.reused += start * rows
        logits = self.language.lm_head(hidden[:, -last:]).float().to(device)
        if cache is not final:
            final.repeat_rows(rows, cache.length)
        per_prompt = (valid, positions[:, -1] + 1, logits)
        valid, position, logits = (each.repeat_interleave(repeats, 0) if repeats > 1 else each for each in per_prompt)
        return State(final, valid, position, logits)

    @staticmethod
    def _mask(visible: torch.Tensor, start: int) -> torch.Tensor:
        """[rows, 1, T, start + T] bool: causal, no padding. Padding attends to itself, as an empty row gives NaN."""
        total = visible.shape[1]
        query = torch.arange(start, total, device=visible.device)[:, None]
        key = torch.arange(total, device=visible.device)[None]
        allowed = (key <= query)[None] & visible[:, None, :] | (key == query)[None]
        return allowed[:, None]

    @torch.inference_mode()
    def step(self, state: State, tokens: torch.Tensor) -> torch.Tensor:
        """Appends tokens [rows]; returns the logits of the next ones, [rows, vocabulary] float32."""
        with self._lock:
            self.generated += tokens.shape[0]
            if state.fast is None:
                state.fast = self.fast is not None and self.fast.begin(state)
            if state.fast and self.fast is not None:
                return self.fast.step(state, tokens)
            return self._step(state, tokens)

    def _step(self, state: State, tokens: torch.Tensor) -> torch.Tensor:
        embeds = self.language.model.embed_tokens(tokens[:, None].to(self.device))
        visible = state.valid[:, None, None, : state.cache.length + 1]
        hidden = self._hidden_states(embeds, visible, state.position[:, None], state.cache)
        state.cache.advance(1)
        state.position = state.position + 1
        logits: torch.Tensor = self.language.lm_head(hidden[:, -1]).float().to(self.device)
        return logits

    def finish(self, state: State) -> None:
        """The state will not be continued."""
        if state.fast and self.fast is not None:
            with self._lock:
                self.fast.end(state)
                state.fast = False
