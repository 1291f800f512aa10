"""A decoding step as a captured CUDA graph: the CPU launches one graph per token instead of a thousand kernels.

Keys and values are in a cache with fixed addresses and a rounded capacity. It belongs to one answer at a time and is
used again for the next answer of the same size. A second answer that is written meanwhile takes plain steps.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from composer.models.xcomposer.decoding.cache import KeyValues
from composer.models.xcomposer.decoding.engine import Engine, State

log = logging.getLogger(__name__)

BUCKET = 256  # capacities are multiples of this, so that answers of similar length share a graph
WARM_UP = 2  # steps before capturing, in which libraries choose algorithms and allocate workspaces


@dataclass(eq=False)
class _Slot:
    """The static inputs and outputs of the step for a number of rows and a capacity."""

    rows: int
    capacity: int
    cache: KeyValues
    tokens: torch.Tensor  # [rows] int64
    position: torch.Tensor  # [rows] int64
    slot_index: torch.Tensor  # [1] int64: the slot for the new keys and values
    valid: torch.Tensor  # [rows, capacity] bool
    numbers: torch.Tensor  # [capacity] int64
    logits: torch.Tensor  # [rows, vocabulary] float32
    replay: Callable[[], None] | None = field(default=None)


class GraphSteps:
    """FastStep of the engine, for one CUDA device. On the CPU it computes the same steps uncaptured (for tests)."""

    def __init__(self, engine: Engine, *, compiled: bool = False) -> None:
        """compiled: torch.compile also fuses the small operations (a minute at the first answer of each size)."""
        self._engine, self._compiled = engine, compiled
        self._slot: _Slot | None = None
        self._busy = False

    # -- the cache ---------------------------------------------------------------------------------------------------

    def capacity(self, positions: int) -> int:
        """The capacity of a cache for so many positions."""
        return -(-positions // BUCKET) * BUCKET

    def cache(self, rows: int, capacity: int) -> KeyValues | None:
        """An empty cache whose steps can be replayed; None while another answer has it. `release` gives it back."""
        if self._busy:
            return None
        capacity = self.capacity(capacity)
        if self._slot is None or (self._slot.rows, self._slot.capacity) != (rows, capacity):
            self._slot = None  # freed before the next is allocated
            self._slot = self._new_slot(rows, capacity)
        self._slot.cache.length = 0
        self._busy = True
        return self._slot.cache

    def forget(self) -> None:
        """Frees cache and graph, unless an answer has them."""
        if not self._busy:
            self._slot = None

    def release(self) -> None:
        """Gives the cache back."""
        self._busy = False

    def _new_slot(self, rows: int, capacity: int) -> _Slot:
        config, device = self._engine.config, self._engine.device
        integers = {"dtype": torch.int64, "device": device}
        return _Slot(
            rows,
            capacity,
            KeyValues(config.layers, rows, capacity),
            tokens=torch.zeros(rows, **integers),
            position=torch.zeros(rows, **integers),
            slot_index=torch.zeros(1, **integers),
            valid=torch.ones(rows, capacity, dtype=torch.bool, device=device),
            numbers=torch.arange(capacity, device=device),
            logits=torch.zeros(rows, config.vocabulary, device=device),
        )

    # -- steps -------------------------------------------------------------------------------------------------------

    def begin(self, state: State) -> bool:
        """Whether the state has this cache, so that `step` can continue it."""
        slot = self._slot
        if slot is None or state.cache is not slot.cache:
            return False
        slot.valid.fill_(True)
        slot.valid[:, : state.valid.shape[1]] = state.valid
        return True

    def step(self, state: State, tokens: torch.Tensor) -> torch.Tensor:
        """The logits of the next tokens, [rows, vocabulary]; the next step overwrites them."""
        slot = self._slot
        assert slot is not None  # `begin` returned True
        slot.tokens.copy_(tokens)
        slot.position.copy_(state.position)
        slot.slot_index.fill_(slot.cache.length)
        if slot.replay is None:
            slot.replay = self._capture(slot)
        slot.replay()
        slot.cache.advance(1)
        state.position = state.position + 1
        return slot.logits

    def end(self, state: State) -> None:
        """Gives the state's cache back."""
        if self._slot is not None and state.cache is self._slot.cache:
            self.release()

    def _capture(self, slot: _Slot) -> Callable[[], None]:
        forward = self._forward(slot)
        if self._engine.device.type != "cuda":
            return forward
        # warming up writes the same keys into the same slot each time, which changes nothing
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch leaves it so
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                forward()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        # other threads may encode pictures meanwhile; only the work of this thread is captured
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            forward()
        return graph.replay

    def _forward(self, slot: _Slot) -> Callable[[], None]:
        language: Any = self._engine.language

        def logits(
            tokens: torch.Tensor, position: torch.Tensor, slot_index: torch.Tensor, valid: torch.Tensor
        ) -> torch.Tensor:
            embeds = language.model.embed_tokens(tokens[:, None])
            # as numbers: each layer would convert a boolean mask, in three kernels
            mask = torch.where(valid & (slot.numbers <= slot_index), 0.0, -torch.inf).to(embeds.dtype)
            hidden = language.model(
                inputs_embeds=embeds,
                attention_mask=mask[:, None, None],  # [rows, 1, 1, capacity]
                position_ids=position[:, None],
                past_key_values=slot.cache,
                use_cache=True,
            ).last_hidden_state
            return language.lm_head(hidden[:, -1]).float()  # type: ignore[no-any-return]  # transformers is untyped

        run: Callable[..., torch.Tensor] = logits
        if self._compiled:
            torch.compiler.reset()  # the compiler keeps only a few sizes, and the step of the last one is gone
            run = torch.compile(logits, fullgraph=True, dynamic=False)

        def forward() -> None:
            slot.cache.fixed_slot = slot.slot_index
            try:
                slot.logits.copy_(run(slot.tokens, slot.position, slot.slot_index, slot.valid))
            finally:
                slot.cache.fixed_slot = None

        return forward
