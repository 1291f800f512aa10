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

    def __init__(self, layers: int, rows: int, capacity: int, *, of: "KeyValues | None" = None) -> None:
        """of: the buffers are the first rows of that one's."""
        self.rows, self.capacity, self.length = rows, capacity, 0
        self._layers: list[Layer | None] = [None] * layers
        self._of = of
        self.fixed_slot: torch.Tensor | None = None  # [1] int64: set while a step of fixed shape is computed

    def update(self, keys: torch.Tensor, values: torch.Tensor, layer: int, *args: Any, **kwargs: Any) -> Layer:
        """Stores keys, values [rows, heads, n, width] after what is there; returns all that attention must see."""
        held = self._buffers(layer, keys)
        if self.fixed_slot is not None:
            held[0].index_copy_(2, self.fixed_slot, keys)
            held[1].index_copy_(2, self.fixed_slot, values)
            return held
        end = self.length + keys.shape[2]
        held[0][:, :, self.length : end] = keys
        held[1][:, :, self.length : end] = values
        return held[0][:, :, :end], held[1][:, :, :end]

    def _buffers(self, layer: int, like: torch.Tensor) -> Layer:
        """Those of a layer, made at first use; like [any, heads, any, width]."""
        held = self._layers[layer]
        if held is None:
            if self._of is not None:
                keys, values = self._of._buffers(layer, like)
                held = (keys[: self.rows], values[: self.rows])
            else:
                shape = (self.rows, like.shape[1], self.capacity, like.shape[3])
                # zeros, not empty: a slot not yet written is masked, and 0 * NaN would still be NaN
                held = (like.new_zeros(shape), like.new_zeros(shape))
            self._layers[layer] = held
        return held

    def first(self, rows: int) -> "KeyValues":
        """The first rows alone, in the same buffers, empty; `spread` then gives them to all."""
        return KeyValues(len(self._layers), rows, self.capacity, of=self)

    def spread(self, rows: int, length: int) -> None:
        """The first `rows` rows, filled up to `length`, become all rows, each repeated in place."""
        times = self.rows // rows
        for held in self._layers:
            for buffer in held or ():
                filled = buffer[:, :, :length]
                for row in reversed(range(rows)):  # a row's copies lie behind it, where nothing is needed any more
                    target = filled[max(row * times, 1) : (row + 1) * times]
                    target.copy_(filled[row : row + 1].expand_as(target))
        self.length = length

    def advance(self, count: int) -> None:
        self.length += count

    def begin_with(self, other: "KeyValues", length: int) -> None:
        """Takes over the first `length` slots of the only row of `other`, into every row here."""
        for number, held in enumerate(other._layers):
            if held is not None and length:
                for new, old in zip(self._buffers(number, held[0]), held, strict=True):
                    new[:, :, :length] = old[:, :, :length]
        self.length = length

    def reorder(self, order: torch.Tensor, start: int = 0) -> None:
        """Row i becomes what row order[i] was; the buffers keep their addresses. order [rows] int64.

        start: slots before it are alike in the rows that are exchanged, and stay.
        """
        if start >= self.length:
            return
        for held in self._layers:
            if held is not None:
                for buffer in held:
                    differing = buffer[:, :, start : self.length]
                    differing.copy_(differing.index_select(0, order.to(buffer.device)))

    @property
    def bytes(self) -> int:
        """Memory of all buffers."""
        return sum(b.numel() * b.element_size() for held in self._layers if held for b in held)
