"""Keys and values of a decoder in buffers of fixed size: written in place, forked from a shared beginning, reordered.

What transformers' own caches lack here: several rows starting from one prefix, in-place reordering (the addresses stay,
as a captured CUDA graph needs), and cutting back to a common beginning.
"""

from typing import Any

import torch

Layer = tuple[torch.Tensor, torch.Tensor]


class KeyValues:
    """Keys and values [rows, heads, capacity, head width] of every layer; the first `length` slots are filled.

    The Llama decoder of transformers calls `update` once a layer; the caller `advance`s after each forward pass.
    """

    is_compileable = True

    def __init__(self, layers: int, rows: int, capacity: int) -> None:
        self.rows, self.capacity, self.length = rows, capacity, 0
        self._layers: list[Layer | None] = [None] * layers
        self.fixed_slot: torch.Tensor | None = None  # [1] int64: set while a step of fixed shape is computed

    def update(self, keys: torch.Tensor, values: torch.Tensor, layer: int, *args: Any, **kwargs: Any) -> Layer:
        """Stores keys, values [rows, heads, n, width] after what is there; returns all that attention must see."""
        held = self._layers[layer]
        if held is None:
            shape = (self.rows, keys.shape[1], self.capacity, keys.shape[3])
            # zeros, not empty: a slot not yet written is masked, and 0 * NaN would still be NaN
            held = self._layers[layer] = (keys.new_zeros(shape), values.new_zeros(shape))
        if self.fixed_slot is not None:
            held[0].index_copy_(2, self.fixed_slot, keys)
            held[1].index_copy_(2, self.fixed_slot, values)
            return held
        end = self.length + keys.shape[2]
        held[0][:, :, self.length : end] = keys
        held[1][:, :, self.length : end] = values
        return held[0][:, :, :end], held[1][:, :, :end]

    def advance(self, count: int) -> None:
        self.length += count

    def begin_with(self, other: "KeyValues", length: int) -> None:
        """Takes over the first `length` slots of `other`: its only row into every row here, or its n rows into n times
        as many, each repeated."""
        for number, held in enumerate(other._layers):
            if held is None or not length:
                continue
            mine = self._layers[number]
            if mine is None:
                shape = (self.rows, held[0].shape[1], self.capacity, held[0].shape[3])
                mine = self._layers[number] = (held[0].new_zeros(shape), held[1].new_zeros(shape))
            for new, old in zip(mine, held, strict=True):
                # one copy, no repeated temporary: [rows of other, repeats, heads, length, width]
                new.view(other.rows, -1, *new.shape[1:])[:, :, :, :length] = old[:, None, :, :length]
        self.length = length

    def reorder(self, order: torch.Tensor) -> None:
        """Row i becomes what row order[i] was; the buffers keep their addresses. order [rows] int64."""
        for held in self._layers:
            if held is not None:
                for buffer in held:
                    filled = buffer[:, :, : self.length]
                    filled.copy_(filled.index_select(0, order.to(buffer.device)))

    @property
    def bytes(self) -> int:
        """Memory of all buffers."""
        return sum(b.numel() * b.element_size() for held in self._layers if held for b in held)
