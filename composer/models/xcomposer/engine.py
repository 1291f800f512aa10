"""Prompts of token ids and picture vectors -> scores of the next token, with shared beginnings computed once.

Rows of different length stand flush right. Positions count only what is there, so that a row gives the same scores
alone and in a batch (the published code counts the padding too and is used with one row).
"""

import threading
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import torch

from composer.errors import InputError
from composer.models.xcomposer.cache import KeyValues
from composer.models.xcomposer.config import XComposerConfig
from composer.models.xcomposer.language import MAX_POSITIONS

Part = Sequence[int] | torch.Tensor  # token ids, or vectors [n, H] that stand for n positions
SHARED = 16  # a common beginning of so many positions is worth computing apart


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
    """A beginning whose keys and values are kept: one row."""

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


class FastStep(Protocol):
    """A way of doing one step that is faster where it can be used (CUDA graphs)."""

    def cache(self, rows: int, capacity: int) -> KeyValues | None:
        """A cache for it, for one answer at a time; None while it is taken."""
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

    def hold(self, prompt: Prompt, held: Held | None = None) -> Held:
        """Computes the keys and values of a beginning once; `held` may already have a part of it."""
        return Held(prompt, self.prefill([prompt], room=0, held=held).cache)

    @torch.inference_mode()
    def prefill(
        self, prompts: Sequence[Prompt], *, room: int, held: Held | None = None, kept: int = 1, repeats: int = 1
    ) -> State:
        """Reads the prompts as one batch; `room` tokens can follow. `kept`: last positions whose logits are wanted.
        `repeats`: rows of each prompt in the state (beams).

        Beginnings that are in `held`, or common to all prompts, are computed once. Raises InputError for a prompt that
        is empty or too long.
        """
        longest = max(map(len, prompts))
        if not min(map(len, prompts)) or longest + room > MAX_POSITIONS:
            raise InputError(
                reason_en=f"The prompt has {longest:,} tokens and {room:,} are to follow; "
                f"together they can be 1 to {MAX_POSITIONS:,}.",
                reason_zh=f"提示有 {longest:,} 个词元，还要生成 {room:,} 个；总数须为 1 到 {MAX_POSITIONS:,}。",
            )
        with self._turn:
            start = self._shared(prompts, held, kept)
            if len(prompts) > 1:
                first = prompts[0].keys
                together = min(min(common(first, other.keys) for other in prompts[1:]), min(map(len, prompts)) - kept)
                if together >= start + SHARED:
                    held = self.hold(prompts[0].cut(0, together), held)
                    start = together
            rests = [prompt.cut(start) for prompt in prompts]
            rows, capacity = len(prompts), longest + room
            taken = self.fast.cache(rows * repeats, capacity) if self.fast and room else None
            try:
                final = taken or KeyValues(self.config.layers, rows * repeats, capacity)
                return self._read(rests, start, held, kept, final)
            except BaseException:
                if taken and self.fast:
                    self.fast.release()
                raise

    @staticmethod
    def _shared(prompts: Sequence[Prompt], held: Held | None, kept: int) -> int:
        if held is None:
            return 0
        # the positions whose logits are wanted must be computed anew
        return max(0, min(min(common(held.prompt.keys, p.keys), len(p) - kept) for p in prompts))

    def _read(self, rests: list[Prompt], start: int, held: Held | None, kept: int, final: KeyValues) -> State:
        rows, width = len(rests), max(map(len, rests))
        repeats = final.rows // rows
        # beams begin alike: a prompt is read once, into the rows of its beams
        cache = final if repeats == 1 else final.first(rows)
        if held and start:
            cache.begin_with(held.cache, start)
        device = self.device
        embeds = torch.zeros(rows, width, self.config.width, device=device, dtype=self.dtype)
        valid = torch.ones(rows, final.capacity, dtype=torch.bool, device=device)
        for row, rest in enumerate(rests):
            embeds[row, width - len(rest) :] = self.embed(rest)
            valid[row, start : start + width - len(rest)] = False
        seen = valid[:, : start + width]
        positions = (seen.cumsum(1) - 1).clamp_(min=0)[:, start:]  # [rows, width]
        hidden = self.language.model(
            inputs_embeds=embeds,
            attention_mask=self._mask(seen, start),
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
        ).last_hidden_state
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
        end = state.cache.length + 1
        hidden = self.language.model(
            inputs_embeds=self.language.model.embed_tokens(tokens[:, None].to(self.device)),
            attention_mask=state.valid[:, None, None, :end],
            position_ids=state.position[:, None],
            past_key_values=state.cache,
            use_cache=True,
        ).last_hidden_state
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
