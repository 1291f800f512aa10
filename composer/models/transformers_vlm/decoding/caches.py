"""Keys and values that were computed once and are continued in several ways.

A fork shares the tensors of its origin: the layers of a dynamic cache never write into what they hold, they put a
longer tensor in its place. Layers that do write (linear attention and others) are copied. Knows transformers' caches
and prompts; computes nothing.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import DynamicCache, StaticCache
from transformers.cache_utils import DummyLayer, DynamicLayer, DynamicSlidingWindowLayer, StaticLayer

from composer.models.transformers_vlm.prompts import Prompt

_SHARED = (DynamicLayer, DynamicSlidingWindowLayer, DummyLayer)  # these very classes, not what is derived from them


def new_cache(config: Any) -> Any:
    """An empty cache for a model of that configuration."""
    return DynamicCache(config=config.get_text_config(decoder=True))


def fork(cache: Any, rows: int = 1) -> Any:
    """A cache that goes on from this one, which stays as it is. rows: of the batch; `cache` has one."""
    twin = copy.copy(cache)
    twin.layers = [copy.copy(each) if type(each) in _SHARED else copy.deepcopy(each) for each in cache.layers]
    if rows > 1:
        for layer in twin.layers:
            if isinstance(layer, DynamicLayer) and type(layer) in _SHARED:
                if layer.get_seq_length() > 0:
                    layer.keys = layer.keys.expand(rows, -1, -1, -1)
                    layer.values = layer.values.expand(rows, -1, -1, -1)
            else:
                layer.reorder_cache(torch.zeros(rows, dtype=torch.long))
    return twin


def can_crop(cache: Any) -> bool:
    """Whether the last tokens of the cache can be taken away: not from a state that sums up all tokens, nor from a
    window that has lost the tokens before it."""
    return all(
        type(layer) in (DynamicLayer, DummyLayer)
        or (type(layer) is DynamicSlidingWindowLayer and layer.get_seq_length() < layer.sliding_window)
        for layer in cache.layers
    )


def crop(cache: Any, tokens: int) -> None:
    """Takes the last tokens away; for a fork of a cache that `can_crop`."""
    if tokens > 0:
        cache.crop(-tokens)


def allows_gaps(cache: Any) -> bool:
    """Whether padding may stand between kept tokens and new ones: where every token is looked at by itself, and the
    mask can leave it out. Sums over all tokens and windows counted in tokens would see it."""
    return all(type(layer) in (DynamicLayer, DummyLayer) for layer in cache.layers)


def joined(parts: Sequence[Any], tokens: Sequence[int]) -> Any:
    """The rows of several caches in one, padded on their left. tokens: in each. All of them `allows_gaps`."""
    twin, longest = copy.copy(parts[0]), max(tokens)
    twin.layers = [copy.copy(next((each for each in column if _tokens(each)), column[0])) for column in _columns(parts)]
    for layer, column in zip(twin.layers, _columns(parts), strict=True):
        if _tokens(layer):
            layer.keys, layer.values = (
                torch.cat([_padded(getattr(each, name), getattr(layer, name), longest) for each in column])
                for name in ("keys", "values")
            )
    return twin


def _tokens(layer: Any) -> int:
    """How many a layer holds that keeps each of them; 0 for others."""
    return int(layer.get_seq_length()) if type(layer) is DynamicLayer else 0


def _columns(parts: Sequence[Any]) -> list[tuple[Any, ...]]:
    return list(zip(*(part.layers for part in parts), strict=True))


def _padded(values: torch.Tensor | None, like: torch.Tensor, tokens: int) -> torch.Tensor:
    """[B, H, T, D] with zeros before it, so that it has so many tokens; one row of zeros for what is empty."""
    if values is None or values.numel() == 0:
        return like.new_zeros((1, like.shape[1], tokens, like.shape[3]))
    return torch.nn.functional.pad(values, (0, 0, tokens - values.shape[-2], 0))


def selected(cache: Any, rows: torch.Tensor, columns: torch.Tensor | None) -> Any:
    """Some rows of a cache that `allows_gaps`. columns: the tokens that somebody looks at; None: all."""
    twin = copy.copy(cache)
    twin.layers = [copy.copy(each) for each in cache.layers]
    for layer in twin.layers:
        if _tokens(layer):
            for name in ("keys", "values"):
                values = getattr(layer, name)
                values = values.index_select(0, rows.to(values.device))
                if columns is not None:
                    values = values.index_select(2, columns.to(values.device))
                setattr(layer, name, values)
    return twin


def cut_to(cache: Any, tokens: int) -> None:
    """Takes away what a step that failed has put into some layers behind so many tokens. The cache `allows_gaps`."""
    for layer in cache.layers:
        if _tokens(layer) > tokens:
            layer.keys, layer.values = layer.keys[:, :, :tokens], layer.values[:, :, :tokens]


@torch.no_grad()
def fill_static(static: Any, cache: Any) -> bool:
    """Puts what a dynamic cache holds into an empty static one of the same model; False where that is not possible."""
    pairs = list(zip(static.layers, cache.layers, strict=True))
    if not all(type(to) is StaticLayer and type(source) is DynamicLayer for to, source in pairs):
        return False
    static.reset()
    for to, source in pairs:
        to.update(source.keys, source.values)
    return True


@torch.no_grad()
def from_static(static: Any, config: Any, tokens: int) -> Any:
    """A dynamic cache with the first tokens of a static one."""
    cache = new_cache(config)
    for to, source in zip(cache.layers, static.layers, strict=True):
        to.update(source.keys[:, :, :tokens], source.values[:, :, :tokens])
    return cache


def can_compile(model: Any) -> bool:
    """Whether its steps can be compiled: all on one device, and neither architecture nor packing stands against it."""
    quantizer = getattr(model, "hf_quantizer", None)
    return (
        len(set(getattr(model, "hf_device_map", {}).values())) <= 1
        and bool(getattr(model, "_can_compile_fullgraph", False))
        and (quantizer is None or bool(quantizer.is_compileable))
    )


def new_static(config: Any, tokens: int) -> Any:
    """An empty static cache that holds so many tokens."""
    return StaticCache(config=config.get_text_config(decoder=True), max_cache_len=tokens)


@dataclass(frozen=True, slots=True)
class Read:
    """A prompt, or its beginning, that the network has read."""

    ids: tuple[int, ...]
    hashes: tuple[str, ...]  # of the pictures in it
    cache: Any
    logits: torch.Tensor  # [V] of the next token, float32
    last_position: torch.Tensor | None  # [..., 1, 1]

    def common(self, prompt: Prompt) -> int:
        """How many tokens of the prompt are in this cache, at most all but one; 0 where it cannot be used.

        Tokens that stand for pictures are the same for all pictures; which they are decides.
        """
        length = 0
        for mine, other in zip(self.ids, prompt.ids[:-1], strict=False):
            if mine != other:
                break
            length += 1
        hashes = prompt.hashes
        same = next((at for at, (a, b) in enumerate(zip(self.hashes, hashes, strict=False)) if a != b), None)
        first_new = min(len(self.hashes), len(hashes)) if same is None else same
        if first_new < len(hashes):
            if prompt.spans is None:
                return 0
            length = min(length, prompt.spans[first_new][0])
        for first, end in prompt.spans or ():
            if first < length < end:
                length = first
        if prompt.spans is None and prompt.pictures and length < len(self.ids):
            return 0
        return length if length == len(self.ids) or (length and can_crop(self.cache)) else 0
