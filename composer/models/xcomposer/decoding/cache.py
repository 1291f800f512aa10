"""The keys and values of a decoder in buffers of fixed size, which are filled and reordered in place.

The caches of transformers lack what is needed here: several rows that start from one prefix, reordering in place (a
captured CUDA graph needs fixed addresses), and cutting back to a common prefix.
"""

from typing import Any

import torch

Layer = tuple[torch.Tensor, torch.Tensor]


class KeyValues:
    """Keys and values [rows, heads, capacity, head width] of every layer; the first `length` slots are filled.

    The Llama decoder of transformers calls `update` once a layer; the caller `advance`s after each forward pass.
    """

    is_compileable = True

    def __init__(self, layers: int, rows: int, capacity: int, *, base: "KeyValues | None" = None) -> None:
        """base: use the first rows of that cache's buffers instead of new ones."""
        self.rows, self.capacity, self.length = rows, capacity, 0
        self._layers: list[Layer | None] = [None] * layers
        self._base = base
        self.fixed_slot: torch.Tensor | None = None  # [1] int64: set while a step of fixed shape is computed

    def update(self, keys: torch.Tensor, values: torch.Tensor, layer: int, *args: Any, **kwargs: Any) -> Layer:
        """Stores keys, values [rows, heads, n, width] after the filled slots; returns those that attention needs."""
        buffers = self._buffers(layer, keys)
        if self.fixed_slot is not None:
            buffers[0].index_copy_(2, self.fixed_slot, keys)
            buffers[1].index_copy_(2, self.fixed_slot, values)
            return buffers
        end = self.length + keys.shape[2]
        buffers[0][:, :, self.length : end] = keys
        buffers[1][:, :, self.length : end] = values
        return buffers[0][:, :, :end], buffers[1][:, :, :end]

    def _buffers(self, layer: int, like: torch.Tensor) -> Layer:
        """The buffers of a layer, created at first use for tensors like this one, [any, heads, any, width]."""
        buffers = self._layers[layer]
        if buffers is None:
            if self._base is not None:
                keys, values = self._base._buffers(layer, like)
                buffers = (keys[: self.rows], values[: self.rows])
            else:
                shape = (self.rows, like.shape[1], self.capacity, like.shape[3])
                # zeros, not empty: a slot not yet written is masked, and 0 * NaN would still be NaN
                buffers = (like.new_zeros(shape), like.new_zeros(shape))
            self._layers[layer] = buffers
        return buffers

    def first_rows(self, rows: int) -> "KeyValues":
        """An empty cache of the first rows, in the same buffers; `repeat_rows` then copies them to all rows."""
        return KeyValues(len(self._layers), rows, self.capacity, base=self)

    def repeat_rows(self, rows: int, length: int) -> None:
        """Repeats the first `rows` rows, filled up to `length`, into all rows; each stands next to its copies."""
        times = self.rows // rows
        for buffers in self._layers:
            for buffer in buffers or ():
                filled = buffer[:, :, :length]
                for row in reversed(range(rows)):  # copies go to later rows, which have been copied already
                    target = filled[max(row * times, 1) : (row + 1) * times]
                    target.copy_(filled[row : row + 1].expand_as(target))
        self.length = length

    def advance(self, count: int) -> None:
        """Counts `count` more slots as filled."""
        self.length += count

    def copy_prefix(self, other: "KeyValues", length: int) -> None:
        """Copies the first `length` slots of the only row of `other` into every row here."""
        for number, buffers in enumerate(other._layers):
            if buffers is not None and length:
                for new, old in zip(self._buffers(number, buffers[0]), buffers, strict=True):
                    new[:, :, :length] = old[:, :, :length]
        self.length = length

    def reorder(self, order: torch.Tensor, start: int = 0) -> None:
        """Row i becomes what row order[i] was; the buffers keep their addresses. order: [rows] int64.

        start: the slots before it are equal in the rows that are exchanged, and are not copied.
        """
        if start >= self.length:
            return
        for buffers in self._layers:
            if buffers is not None:
                for buffer in buffers:
                    differing = buffer[:, :, start : self.length]
                    differing.copy_(differing.index_select(0, order.to(buffer.device)))

    @property
    def bytes(self) -> int:
        """Memory of all buffers."""
        return sum(b.numel() * b.element_size() for buffers in self._layers if buffers for b in buffers)
