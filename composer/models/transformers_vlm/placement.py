"""Where a transformers model goes, planned before anything is loaded. Knows the devices of this machine."""

import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import psutil
import torch

from common.messages import Text, _
from composer.errors import OutOfMemory, SettingsError
from composer.models.cards import too_few_cards
from composer.models.transformers_vlm.folder import ModelFolder
from composer.models.transformers_vlm.memory import (
    CONTEXT_TOKENS,
    CONVERSATIONS,
    DRIVER,
    GIB,
    NUMBERS,
    memory_needed,
    trained_context,
)

MIN_CONTEXT_TOKENS = 2048
DTYPES = ("bfloat16", "float16", "float32")
QUANTIZATIONS = ("nf4", "int8")
_HEADROOM = GIB // 4  # of main memory left to the rest of the machine


@dataclass(frozen=True, slots=True)
class Placement:
    """Devices, sizes and the expected memory."""

    cards: int  # 0: the CPU
    dtype: str
    quantization: str  # by which the weights are packed while they load: "nf4", "int8" or ""
    context_tokens: int
    weights: int  # bytes
    cache: int  # bytes of keys and values
    working: int  # bytes of the largest temporaries
    free: tuple[int, ...]  # bytes on each of the devices
    offload: bool = False
    conversations: int = CONVERSATIONS  # whose keys and values `cache` holds

    @property
    def needed(self) -> int:
        """Bytes on all devices together."""
        return self.weights + self.cache + self.working * max(self.cards, 1) + DRIVER * self.cards

    @property
    def fits(self) -> bool:
        spare = self.offload and psutil.virtual_memory().available - _HEADROOM
        return self.needed <= sum(self.free) + spare

    def loading_options(self) -> dict[str, Any]:
        """What `from_pretrained` is told about devices and numbers."""
        options: dict[str, Any] = {"dtype": getattr(torch, self.dtype)}
        if self.quantization:
            options["quantization_config"] = self._packing()
        if self.cards == 1 and not self.offload:
            options["device_map"] = {"": 0}
        elif self.cards:
            reserve = self.working + DRIVER + self.cache // self.cards
            options["device_map"] = "auto"
            options["max_memory"] = {number: max(0, free - reserve) for number, free in enumerate(self.free)}
            if self.offload:
                options["max_memory"]["cpu"] = max(0, psutil.virtual_memory().available - _HEADROOM)
        elif self.quantization:
            options["device_map"] = {"": "cpu"}
        return options

    def _packing(self) -> Any:
        from transformers import BitsAndBytesConfig

        if self.quantization == "int8":
            return BitsAndBytesConfig(load_in_8bit=True)
        return BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=getattr(torch, self.dtype),
        )


def plan(
    folder: ModelFolder,
    *,
    name: str,
    num_gpus: int | None = None,
    dtype: "str | torch.dtype | None" = None,
    quantization: str | None = None,
    offload: bool = False,
    context_tokens: int | None = None,
    conversations: int = CONVERSATIONS,
) -> Placement:
    """The placement on this machine: on as few cards as hold the model, else on the CPU where there is no card.

    conversations: with room for keys and values at the same time, where the cards have it.
    Raises SettingsError, OutOfMemory.
    """
    kind = _checked_dtype(dtype)
    _check_quantization(folder, quantization)
    available = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if num_gpus is not None and num_gpus > available:
        raise too_few_cards(num_gpus, available)
    counts = [num_gpus] if num_gpus is not None else list(range(1, available + 1)) or [0]
    tried: list[Placement] = []
    for count in counts:
        for each in [kind] if kind else _dtypes(count):
            for context in _contexts(folder, context_tokens):
                offloads = offload and count > 0 and count == counts[-1]
                tried.append(_placement(folder, count, each, quantization or "", context, offloads))
                if tried[-1].fits:
                    return _roomy(tried[-1], conversations)
    raise out_of_memory(name, min(tried, key=lambda each: each.needed - sum(each.free)))


def out_of_memory(name: str, placement: Placement, free: int | None = None) -> OutOfMemory:
    """The error for a model that does not fit. free: bytes now, where it failed while working."""
    where = "the CPU" if not placement.cards else ", ".join(f"GPU {number}" for number in range(placement.cards))
    parts: dict[str, object] = {
        "weights": _shown(placement.weights),
        "cache": _shown(placement.cache),
        "working": _shown(placement.working),
        "tokens": placement.context_tokens,
    }
    if placement.quantization:
        way_out = _(
            "Weights {weights}, keys and values for {tokens:,} tokens {cache}, working space {working}. Use more cards "
            "(--num_gpus), a shorter context (setting context_tokens) or a smaller model.",
            **parts,
        )
    else:
        way_out = _(
            "Weights {weights}, keys and values for {tokens:,} tokens {cache}, working space {working}. Use 4 bits "
            "(--quantization nf4), more cards (--num_gpus), a shorter context (setting context_tokens) or a smaller "
            "model.",
            **parts,
        )
    return OutOfMemory(
        name=name,
        needed=_shown(placement.needed),
        device=where,
        free=_shown(sum(placement.free) if free is None else free),
        way_out=way_out,
    )


def free_bytes(cards: int) -> tuple[int, ...]:
    """Free bytes of the first cards, or of main memory for 0."""
    if cards:
        return tuple(torch.cuda.mem_get_info(number)[0] for number in range(cards))
    return (max(0, psutil.virtual_memory().available - _HEADROOM),)


def _placement(
    folder: ModelFolder, cards: int, dtype: str, quantization: str, context: int, offload: bool
) -> Placement:
    needs = memory_needed(folder, NUMBERS[dtype], quantization, context)
    free = free_bytes(cards)
    return Placement(cards, dtype, quantization, context, needs.weights, needs.cache, needs.working, free, offload)


def _roomy(placement: Placement, conversations: int) -> Placement:
    """The placement with room for as many conversations on the cards as are wanted and fit."""
    each = placement.cache // placement.conversations
    for count in range(conversations, placement.conversations, -1):
        wider = replace(placement, cache=each * count, conversations=count)
        if placement.cards and not placement.offload and wider.fits:
            return wider
    return placement


def _dtypes(cards: int) -> Sequence[str]:
    """The first that is right there: a CPU computes fastest in 32 bits, in 16 where they do not fit."""
    if cards:
        return ("bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16",)
    return ("float32", "bfloat16")


def _contexts(folder: ModelFolder, wanted: int | None) -> Sequence[int]:
    first = min(wanted or CONTEXT_TOKENS, trained_context(folder))
    if wanted is not None:
        return (first,)
    return tuple(dict.fromkeys(max(first >> halvings, min(first, MIN_CONTEXT_TOKENS)) for halvings in range(3)))


def _checked_dtype(dtype: "str | torch.dtype | None") -> str | None:
    if dtype is None:
        return None
    kind = str(dtype).removeprefix("torch.")
    if kind not in DTYPES:
        raise SettingsError(name="dtype", value=kind, reason=_("it is one of {known}.", known=list(DTYPES)))
    return kind


def _check_quantization(folder: ModelFolder, quantization: str | None) -> None:
    if quantization is None:
        return
    reason: Text | None = None
    if quantization not in QUANTIZATIONS:
        reason = _("it can be {known}, or be left out.", known=list(QUANTIZATIONS))
    elif folder.quantization:
        reason = _("the model is quantized already ({packed}); leave it out.", packed=folder.quantization)
    elif not package_is_here("bitsandbytes"):
        reason = _("it needs the package bitsandbytes: pip install bitsandbytes. Without it, leave it out.")
    if reason is not None:
        raise SettingsError(name="quantization", value=quantization, reason=reason)


def package_is_here(name: str) -> bool:
    return name in sys.modules or importlib.util.find_spec(name) is not None


def _shown(count: int) -> str:
    return f"{count / GIB:.2f} GiB" if count >= GIB // 10 else f"{count / 2**20:.0f} MiB"
