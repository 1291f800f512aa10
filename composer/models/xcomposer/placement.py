"""Plans on which device each part of InternLM-XComposer goes and what memory it takes, before anything is loaded.

Arithmetic over the shapes in config.json: weights as they will be in memory (LoRA merged, 4 bits packed), keys
and values for the longest context and all beams, and the largest temporaries. Takes a folder, not a name, and does not
import torch.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

from common.messages import Text, _
from composer.errors import OutOfMemory, SettingsError
from composer.models.xcomposer.checkpoint import ATTENTION_LINEARS, MLP_LINEARS, XComposerConfig, tensor_specs

GIB = 1024**3
DTYPE_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
CUDA_CONTEXT = int(0.5 * GIB)  # allowance for driver, kernels and library workspaces of one process on one card
PICTURE_BATCH = 32  # pictures encoded at once
NF4_BLOCK, NF4_OUTER = 64, 256  # values per scale, scales per second scale (bitsandbytes' double quantization)
QUANTIZATIONS = ("nf4",)
_UNITS = {"": 1, "B": 1, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "KB": 10**3, "MB": 10**6, "GB": 10**9, "G": 2**30}


def parse_bytes(text: str | int) -> int:
    """ "24GiB", "24GB", "24576 MiB" or a number of bytes -> bytes. Raises SettingsError."""
    found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*", str(text))
    if not found or found[2].upper() not in _UNITS:
        raise SettingsError(name="memory", value=str(text), reason=_("it is an amount of memory, e.g. 24GiB."))
    return int(float(found[1]) * _UNITS[found[2].upper()])


def show_bytes(count: int) -> str:
    """The amount for people: "13.20 GiB", "3.0 MiB"."""
    return f"{count / GIB:.2f} GiB" if count >= GIB // 10 else f"{count / 2**20:.1f} MiB"


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of the network that stays together on one device."""

    module: str  # its name in the network: "vision", "language.model.layers.7"
    weights: int  # bytes
    cache: int  # bytes of keys and values
    device: int | str  # number of the card, or "cpu"


@dataclass(frozen=True, slots=True)
class Card:
    """A card, or main memory, and what the plan puts there."""

    device: int | str
    weights: int
    cache: int
    temporaries: int  # the largest that exist at the same time
    capacity: int | None  # bytes of the card, where known

    @property
    def needed(self) -> int:
        """Bytes that the process allocates there, without the driver's own share."""
        return self.weights + self.cache + self.temporaries

    @property
    def total(self) -> int:
        """Bytes with the driver's share."""
        return self.needed + (0 if self.device == "cpu" else CUDA_CONTEXT)

    @property
    def fits(self) -> bool:
        return self.capacity is None or self.total <= self.capacity


@dataclass(frozen=True, slots=True)
class Plan:
    """The device of every part, and the expected memory of every card."""

    name: str
    units: tuple[Unit, ...]
    cards: tuple[Card, ...]
    dtype: str
    quantization: str  # "", "gptq-4bit", "nf4"
    context_tokens: int
    rows: int  # beams that have room over the whole context

    @property
    def fits(self) -> bool:
        return all(card.fits for card in self.cards)

    @property
    def device_map(self) -> dict[str, int | str]:
        """Name of a module -> device, as accelerate reads it."""
        return {unit.module: unit.device for unit in self.units}

    def text(self) -> str:
        """The plan as a table for a person."""
        lines = [
            f"{self.name}: {self.quantization or self.dtype}, "
            f"{self.context_tokens:,} tokens of context, {self.rows} beams"
        ]
        for card in self.cards:
            where = "main memory" if card.device == "cpu" else f"GPU {card.device}"
            driver = "" if card.device == "cpu" else f" + driver {show_bytes(CUDA_CONTEXT)}"
            room = (
                ""
                if card.capacity is None
                else f" of {show_bytes(card.capacity)}" + ("" if card.fits else "  TOO LITTLE")
            )
            lines.append(
                f"{where}: weights {show_bytes(card.weights)} + keys and values {show_bytes(card.cache)}"
                f" + working {show_bytes(card.temporaries)}{driver} = {show_bytes(card.total)}{room}"
            )
            lines.append("  " + ", ".join(_ranges([u.module for u in self.units if u.device == card.device])))
        return "\n".join(lines)


def _ranges(modules: Sequence[str]) -> list[str]:
    """The names with consecutive layers joined: "language.model.layers.0-15"."""
    names: list[str] = []
    for module in modules:
        stem, _, number = module.rpartition(".")
        if number.isdigit() and names and (found := re.fullmatch(rf"{re.escape(stem)}\.(\d+)(?:-(\d+))?", names[-1])):
            names[-1] = f"{stem}.{found[1]}-{number}"
        else:
            names.append(module)
    return names


def plan(
    folder: str | Path,
    *,
    num_gpus: int = 1,
    memory: str | int | Sequence[int] | None = None,
    dtype: str = "float16",
    quantization: str | None = None,
    context_tokens: int | None = None,
    beams: int = 5,
    offload: bool = False,
) -> Plan:
    """The plan for the checkpoint in `folder`; reads config.json only.

    num_gpus: 0 is the CPU. memory: of one card ("24GiB"), of each card, or None (no check; Plan.fits is then True). The
    layers stay in order, and the fullest card is as empty as possible; with `offload`, what does not fit stays in main
    memory. Raises SettingsError, ModelFilesMissing, ModelFilesBroken.
    """
    config = XComposerConfig.read(folder)
    _check(num_gpus, dtype, quantization, beams, context_tokens, config)
    context = config.positions if context_tokens is None else context_tokens
    sizes = _module_sizes(config, DTYPE_BYTES[dtype], quantization, context * beams)
    capacities = _capacities(memory, num_gpus)
    temporaries = _temporary_bytes(config, DTYPE_BYTES[dtype], context, beams, quantization)
    if num_gpus == 0:
        devices: list[int | str] = ["cpu"] * len(sizes)
    else:
        rooms = [None if c is None else c - CUDA_CONTEXT - temporaries for c in capacities]
        devices = _fill_in_order(sizes, rooms) if offload else _balance(sizes, num_gpus)
    units = tuple(
        Unit(module, weights, cache, device) for (module, weights, cache), device in zip(sizes, devices, strict=True)
    )
    cards = []
    for device in dict.fromkeys([*(range(num_gpus) or ["cpu"]), *devices]):
        own = [unit for unit in units if unit.device == device]
        capacity = capacities[device] if isinstance(device, int) else (capacities[0] if num_gpus == 0 else None)
        weights, cache = sum(u.weights for u in own), sum(u.cache for u in own)
        cards.append(Card(device, weights, cache, temporaries, capacity))
    packed = "gptq-4bit" if config.gptq else quantization or ""
    return Plan(Path(folder).name, units, tuple(cards), dtype, packed, context, beams)


def does_not_fit(plan: Plan) -> OutOfMemory:
    """The error for a plan that does not fit: it shows the plan and the way out."""
    tight = max(plan.cards, key=lambda card: card.total - (card.capacity or card.total))
    where = "the CPU" if tight.device == "cpu" else f"GPU {tight.device}"
    return out_of_memory(plan, where, tight.total, tight.capacity or 0)


def out_of_memory(plan: Plan, where: str, needed: int, free: int) -> OutOfMemory:
    """The error for a device with too little memory; it shows the plan and the way out."""
    lines = "; ".join(plan.text().splitlines()[1::2])
    if plan.quantization:
        way_out = _("The plan: {plan}. Use more cards (--num_gpus), fewer beams.", plan=lines)
    else:
        way_out = _(
            "The plan: {plan}. Use more cards (--num_gpus), fewer beams, or 4 bits: --quantization nf4, or the folder "
            "of internlm/internlm-xcomposer-7b-4bit.",
            plan=lines,
        )
    return OutOfMemory(name=plan.name, needed=show_bytes(needed), device=where, free=show_bytes(free), way_out=way_out)


def _check(
    num_gpus: int, dtype: str, quantization: str | None, beams: int, context: int | None, config: XComposerConfig
) -> None:
    def refuse(name: str, value: object, reason: Text) -> SettingsError:
        return SettingsError(name=name, value=str(value), reason=reason)

    if num_gpus < 0 or num_gpus > config.layers + 2:
        raise refuse("num_gpus", num_gpus, _("it is 0 (CPU) or a number of cards."))
    if dtype not in DTYPE_BYTES:
        raise refuse("dtype", dtype, _("it is one of {known}.", known=list(DTYPE_BYTES)))
    for name, value in (("beams", beams), ("context", context)):
        if value is not None and value < 1:
            raise refuse(name, value, _("it is at least 1."))
    if quantization is not None and quantization not in QUANTIZATIONS:
        raise refuse("quantization", quantization, _("it can be nf4, or be left out."))
    if quantization and config.gptq:
        raise refuse("quantization", quantization, _("this checkpoint is packed in 4 bits already."))


def _capacities(memory: str | int | Sequence[int] | None, num_gpus: int) -> list[int | None]:
    count = max(num_gpus, 1)
    if memory is None:
        return [None for _ in range(count)]
    if isinstance(memory, (str, int)):
        return [parse_bytes(memory) for _ in range(count)]
    known: list[int | None] = [*memory]
    return known[:count]


def _module_sizes(
    config: XComposerConfig, size: int, quantization: str | None, slots: int
) -> list[tuple[str, int, int]]:
    """(module, bytes of weights, bytes of keys and values) in the order of computation. slots: tokens * rows."""
    weights: dict[str, int] = {"vision": 0, "language.model.embed_tokens": 0}
    weights |= {f"language.model.layers.{i}": 0 for i in range(config.layers)}
    weights |= {"language.model.norm": 0, "language.lm_head": 0}
    for name, tensor in tensor_specs(config).items():
        if tensor.ignored or ".lora_" in name or (not tensor.required and not name.endswith(".g_idx")):
            continue
        weights[_module_of(name)] += _stored_bytes(name, prod(tensor.shape), size, quantization)
    weights["vision"] += config.vision.depth * config.vision.width * size  # zeros: the bias of the keys
    cache = 2 * config.width * slots * size
    return [(module, count, cache if ".layers." in module else 0) for module, count in weights.items()]


def _module_of(name: str) -> str:
    """The part of the network that a tensor of the checkpoint belongs to."""
    if not name.startswith("internlm_model."):
        return "vision"
    parts = ("language." + name.removeprefix("internlm_model.")).split(".")
    return ".".join(parts[:4] if parts[2:3] == ["layers"] else parts[:-1])


def _stored_bytes(name: str, count: int, size: int, quantization: str | None) -> int:
    """Bytes of a tensor of `count` values in memory. size: bytes of a float."""
    if name.endswith((".qweight", ".qzeros", ".g_idx")):
        return count * 4
    linear = ".layers." in name and name.endswith(tuple(f"{x}.weight" for x in ATTENTION_LINEARS + MLP_LINEARS))
    if quantization == "nf4" and linear and name.startswith("internlm_model."):
        return count // 2 + count // NF4_BLOCK + 4 * count // (NF4_BLOCK * NF4_OUTER)
    return count * size


def _temporary_bytes(config: XComposerConfig, size: int, context: int, rows: int, quantization: str | None) -> int:
    """The largest temporaries: of reading a whole context, encoding a batch of pictures, or choosing a token."""
    reading = context * (3 * config.mlp + 6 * config.width) * size + context * context * (1 + size)
    if config.gptq or quantization:
        # one weight is unpacked at a time; without the fused product GPTQ holds 32-bit nibbles beside the bytes
        reading += config.mlp * config.width * (5 + size if config.gptq else size)
    positions = PICTURE_BATCH * config.vision.positions
    encoding = positions * (2 * config.vision.mlp + 6 * config.vision.width) * size
    choosing = rows * config.vocabulary * 4 * 5
    reordering = 2 * config.width * context * rows * size
    return max(reading, encoding, choosing + reordering)


def _balance(modules: Sequence[tuple[str, int, int]], count: int) -> list[int | str]:
    """Gives each card consecutive modules, so that the fullest card is as empty as possible."""
    sizes = [weights + cache for _, weights, cache in modules]
    low, high = max(sizes), sum(sizes)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if max(_assign_in_order(sizes, middle)) < count else (middle + 1, high)
    return list(_assign_in_order(sizes, low))


def _assign_in_order(sizes: Sequence[int], limit: int) -> list[int]:
    """The card of each size, when every card is filled up to `limit` before the next."""
    found: list[int] = []
    card, used = 0, 0
    for size in sizes:
        if used + size > limit:
            card, used = card + 1, 0
        used += size
        found.append(card)
    return found


def _fill_in_order(modules: Sequence[tuple[str, int, int]], rooms: Sequence[int | None]) -> list[int | str]:
    """Fills the cards in order; the rest goes to main memory."""
    found: list[int | str] = []
    card, used = 0, 0
    for _module, weights, cache in modules:
        while card < len(rooms) and (room := rooms[card]) is not None and used + weights + cache > room:
            card, used = card + 1, 0
        used += weights + cache
        found.append(card if card < len(rooms) else "cpu")
    return found
