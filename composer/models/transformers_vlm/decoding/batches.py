"""Sequences that are continued together: joined with others, and taken apart again.

Knows tensors; computes nothing with the network. A row that is shorter than the others has places on its left, or
between what was kept and what was read, that the mask leaves out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from composer.models.transformers_vlm.decoding import caches
from composer.models.transformers_vlm.decoding.caches import Read
from composer.models.transformers_vlm.prompts import Prompt


@dataclass(slots=True)
class Batch:
    """Sequences that are being continued."""

    cache: Any
    logits: torch.Tensor  # [B, V], float32
    ids: torch.Tensor  # [B, T] of the whole prompts, padded
    mask: torch.Tensor | None  # [B, T], None where nothing is padded
    positions: torch.Tensor | None  # [..., B, 1] of the last token
    types: tuple[str, ...]  # PER_TOKEN names that the network reads
    is_static: bool = False
    origin: Any = None  # the dynamic cache that the static one was filled from, until its first step has worked

    def ids_of(self, row: int) -> torch.Tensor:
        """The tokens [1, T] of one sequence, without padding."""
        ids = self.ids[row : row + 1]
        return ids if self.mask is None else ids[:, self.mask[row].bool()]

    @property
    def can_join(self) -> bool:
        """Whether other sequences can be put beside these, and single ones be taken out."""
        return not self.is_static and caches.allows_gaps(self.cache)


def alike(one: Batch, other: Batch) -> bool:
    """Whether both count positions in the same way, so that they can be joined."""
    if one.positions is None or other.positions is None:
        return one.positions is other.positions
    return one.positions.shape[:-2] == other.positions.shape[:-2]


def joined(batches: Sequence[Batch]) -> Batch:
    """One batch of all rows, in order. All of them `can_join` and are `alike`."""
    if len(batches) == 1:
        return batches[0]
    lengths = [int(batch.ids.shape[1]) for batch in batches]
    longest = max(lengths)

    def padded(values: torch.Tensor) -> torch.Tensor:  # [B, T] -> [B, longest]
        return torch.nn.functional.pad(values, (longest - values.shape[1], 0))

    masks = [torch.ones_like(batch.ids) if batch.mask is None else batch.mask for batch in batches]
    mask = torch.cat([padded(each) for each in masks])
    positions = [batch.positions for batch in batches if batch.positions is not None]
    return Batch(
        cache=caches.joined([batch.cache for batch in batches], lengths),
        logits=torch.cat([batch.logits for batch in batches]),
        ids=torch.cat([padded(batch.ids) for batch in batches]),
        mask=None if bool(mask.all()) else mask,
        positions=torch.cat(positions, dim=-2) if positions else None,
        types=tuple(dict.fromkeys(name for batch in batches for name in batch.types)),
    )


def kept(batch: Batch, rows: Sequence[int]) -> Batch:
    """These rows alone, without places that none of them looks at. Several rows of a batch that `can_join`."""
    if batch.logits.shape[0] == len(rows) == 1:
        return batch
    index = torch.tensor(list(rows), device=batch.ids.device)
    mask = None if batch.mask is None else batch.mask[index]
    columns = None
    if mask is not None and not bool((seen := mask.any(dim=0)).all()):
        columns = seen.nonzero()[:, 0]
        mask = mask[:, columns]
    ids = batch.ids[index]
    positions = batch.positions
    return replace(
        batch,
        cache=caches.selected(batch.cache, index, columns),
        logits=batch.logits[index.to(batch.logits.device)],
        ids=ids if columns is None else ids[:, columns],
        mask=None if mask is None or bool(mask.all()) else mask,
        positions=None if positions is None else positions.index_select(-2, index.to(positions.device)),
    )


def read_of(batch: Batch, row: int, prompt: Prompt, written: Sequence[int] = ()) -> Read:
    """One sequence, with what was written after its prompt, as if it had been alone."""
    one = kept(batch, [row])
    length = int(one.cache.get_seq_length())
    return Read((*prompt.ids, *written)[:length], prompt.hashes, one.cache, one.logits[0], one.positions)


def last(positions: torch.Tensor | None) -> torch.Tensor | None:
    """The positions [..., B, 1] of the last tokens."""
    return None if positions is None else positions[..., -1:]
