"""Where the parts of InternLM-XComposer go and what memory they take, before anything is loaded.

Arithmetic over the shapes in config.json: weights as they will lie in memory (LoRA merged, packed where packed), keys
and values for the longest context and all beams, and the largest temporaries. Does not import torch.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Annotated

import typer

from composer.errors import ComposerError, OutOfMemory, SettingsError
from composer.models.xcomposer.config import ATTENTION_LINEARS, MLP_LINEARS, XComposerConfig, tensors

GIB = 1024**3
DTYPE_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
CUDA_CONTEXT = int(0.5 * GIB)  # allowance for driver, kernels and library workspaces of one process on one card
PICTURE_BATCH = 32  # pictures encoded at once
NF4_BLOCK, NF4_OUTER = 64, 256  # values a scale, scales a second scale (bitsandbytes' double quantization)
QUANTIZATIONS = ("nf4",)
_UNITS = {"": 1, "B": 1, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "KB": 10**3, "MB": 10**6, "GB": 10**9, "G": 2**30}


def parse_bytes(text: str | int) -> int:
    """ "24GiB", "24GB", "24576 MiB" or a number of bytes -> bytes. Raises SettingsError."""
    found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*", str(text))
    if not found or found[2].upper() not in _UNITS:
        raise SettingsError(
            name="memory",
            value=str(text),
            reason_en="it is an amount of memory, e.g. 24GiB.",
            reason_zh="应为内存容量，例如 24GiB。",
        )
    return int(float(found[1]) * _UNITS[found[2].upper()])


def show_bytes(count: int) -> str:
    return f"{count / GIB:.2f} GiB" if count >= GIB // 10 else f"{count / 2**20:.1f} MiB"


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of the network that stays together on one device."""

    place: str  # "vision", "language.model.layers.7"
    weights: int  # bytes
    cache: int  # bytes of keys and values
    device: int | str  # number of the card, or "cpu"


@dataclass(frozen=True, slots=True)
class Card:
    device: int | str
    weights: int
    cache: int
    working: int  # temporaries at the widest point
    capacity: int | None  # what the card has, where known

    @property
    def needed(self) -> int:
        """Bytes the process allocates there, the driver's own share left out."""
        return self.weights + self.cache + self.working

    @property
    def total(self) -> int:
        return self.needed + (0 if self.device == "cpu" else CUDA_CONTEXT)

    @property
    def fits(self) -> bool:
        return self.capacity is None or self.total <= self.capacity


@dataclass(frozen=True, slots=True)
class Plan:
    """Every part's device, and the expected memory of every card."""

    name: str
    units: tuple[Unit, ...]
    cards: tuple[Card, ...]
    dtype: str
    quantization: str  # "", "gptq-4bit", "nf4"
    context_tokens: int
    rows: int

    @property
    def fits(self) -> bool:
        return all(card.fits for card in self.cards)

    @property
    def device_map(self) -> dict[str, int | str]:
        """Place -> device, as accelerate reads it."""
        return {unit.place: unit.device for unit in self.units}

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
                f" + working {show_bytes(card.working)}{driver} = {show_bytes(card.total)}{room}"
            )
            lines.append("  " + ", ".join(_ranges([u.place for u in self.units if u.device == card.device])))
        return "\n".join(lines)


def _ranges(places: Sequence[str]) -> list[str]:
    """Layer names joined: "language.model.layers.0-15"."""
    out: list[str] = []
    for place in places:
        stem, _, number = place.rpartition(".")
        if number.isdigit() and out and (found := re.fullmatch(rf"{re.escape(stem)}\.(\d+)(?:-(\d+))?", out[-1])):
            out[-1] = f"{stem}.{found[1]}-{number}"
        else:
            out.append(place)
    return out


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

    num_gpus 0 is the CPU. memory: of one card ("24GiB"), of each card, or None (no check; Plan.fits is then True). The
    layers stand in order and the largest share of a card is as small as it can be; with `offload`, what does not fit
    stays in main memory. Raises SettingsError, ModelFilesMissing, ModelFilesBroken.
    """
    config = XComposerConfig.read(folder)
    _check(num_gpus, dtype, quantization, beams, context_tokens, config)
    context = config.positions if context_tokens is None else context_tokens
    parts = _parts(config, DTYPE_BYTES[dtype], quantization, context * beams)
    capacities = _capacities(memory, num_gpus)
    working = _working(config, DTYPE_BYTES[dtype], context, beams, quantization)
    if num_gpus == 0:
        devices: list[int | str] = ["cpu"] * len(parts)
    else:
        rooms = [None if c is None else c - CUDA_CONTEXT - working for c in capacities]
        devices = _filled(parts, rooms) if offload else _balanced(parts, num_gpus)
    units = tuple(
        Unit(place, weights, cache, device) for (place, weights, cache), device in zip(parts, devices, strict=True)
    )
    cards = []
    for device in dict.fromkeys([*(range(num_gpus) or ["cpu"]), *devices]):
        own = [unit for unit in units if unit.device == device]
        capacity = capacities[device] if isinstance(device, int) else (capacities[0] if num_gpus == 0 else None)
        weights, cache = sum(u.weights for u in own), sum(u.cache for u in own)
        cards.append(Card(device, weights, cache, working, capacity))
    packed = "gptq-4bit" if config.gptq else quantization or ""
    return Plan(Path(folder).name, units, tuple(cards), dtype, packed, context, beams)


def too_small(plan: Plan) -> OutOfMemory:
    """The error for a plan that does not fit: the plan and the way out."""
    tight = max(plan.cards, key=lambda card: card.total - (card.capacity or card.total))
    where = "the CPU" if tight.device == "cpu" else f"GPU {tight.device}"
    return out_of_memory(plan, where, tight.total, tight.capacity or 0)


def out_of_memory(plan: Plan, where: str, needed: int, free: int) -> OutOfMemory:
    packed = plan.quantization
    return OutOfMemory(
        name=plan.name,
        needed=show_bytes(needed),
        device=where,
        free=show_bytes(free),
        way_out_en="The plan: "
        + "; ".join(plan.text().splitlines()[1::2])
        + ". Use more cards (--num_gpus), fewer beams"
        + ("." if packed else ", or 4 bits: --quantization nf4, or the folder of internlm/internlm-xcomposer-7b-4bit."),
        way_out_zh="方案："
        + "；".join(plan.text().splitlines()[1::2])
        + "。可使用更多显卡（--num_gpus）、更少的 beam"
        + ("。" if packed else "，或 4 位：--quantization nf4，或使用 internlm/internlm-xcomposer-7b-4bit 的文件夹。"),
    )


def _check(
    num_gpus: int, dtype: str, quantization: str | None, beams: int, context: int | None, config: XComposerConfig
) -> None:
    def refuse(name: str, value: object, reason_en: str, reason_zh: str) -> SettingsError:
        return SettingsError(name=name, value=str(value), reason_en=reason_en, reason_zh=reason_zh)

    if num_gpus < 0 or num_gpus > config.layers + 2:
        raise refuse("num_gpus", num_gpus, "it is 0 (CPU) or a number of cards.", "应为 0（CPU）或显卡数量。")
    if dtype not in DTYPE_BYTES:
        raise refuse("dtype", dtype, f"it is one of {', '.join(DTYPE_BYTES)}.", f"可选：{'、'.join(DTYPE_BYTES)}。")
    for name, value in (("beams", beams), ("context", context)):
        if value is not None and value < 1:
            raise refuse(name, value, "it is at least 1.", "至少为 1。")
    if quantization is not None and quantization not in QUANTIZATIONS:
        raise refuse("quantization", quantization, "it can be nf4, or be left out.", "可为 nf4，或不填。")
    if quantization and config.gptq:
        raise refuse("quantization", quantization, "this checkpoint is packed in 4 bits already.", "该模型已是 4 位。")


def _capacities(memory: str | int | Sequence[int] | None, num_gpus: int) -> list[int | None]:
    count = max(num_gpus, 1)
    if memory is None:
        return [None for _ in range(count)]
    if isinstance(memory, (str, int)):
        return [parse_bytes(memory) for _ in range(count)]
    known: list[int | None] = [*memory]
    return known[:count]


def _parts(config: XComposerConfig, size: int, quantization: str | None, slots: int) -> list[tuple[str, int, int]]:
    """(place, bytes of weights, bytes of keys and values) in the order of computation. slots: tokens * rows."""
    weights: dict[str, int] = {"vision": 0, "language.model.embed_tokens": 0}
    weights |= {f"language.model.layers.{i}": 0 for i in range(config.layers)}
    weights |= {"language.model.norm": 0, "language.lm_head": 0}
    for name, tensor in tensors(config).items():
        if tensor.ignored or ".lora_" in name or (not tensor.required and not name.endswith(".g_idx")):
            continue
        weights[_place(name)] += _stored(name, prod(tensor.shape), size, quantization)
    weights["vision"] += config.vision.depth * config.vision.width * size  # the zeros of the keys' bias
    cache = 2 * config.width * slots * size
    return [(place, count, cache if ".layers." in place else 0) for place, count in weights.items()]


def _place(name: str) -> str:
    if not name.startswith("internlm_model."):
        return "vision"
    parts = ("language." + name.removeprefix("internlm_model.")).split(".")
    return ".".join(parts[:4] if parts[2:3] == ["layers"] else parts[:-1])


def _stored(name: str, count: int, size: int, quantization: str | None) -> int:
    if name.endswith((".qweight", ".qzeros", ".g_idx")):
        return count * 4
    linear = ".layers." in name and name.endswith(tuple(f"{x}.weight" for x in ATTENTION_LINEARS + MLP_LINEARS))
    if quantization == "nf4" and linear and name.startswith("internlm_model."):
        return count // 2 + count // NF4_BLOCK + 4 * count // (NF4_BLOCK * NF4_OUTER)
    return count * size


def _working(config: XComposerConfig, size: int, context: int, rows: int, quantization: str | None) -> int:
    """The widest point: reading a whole context, encoding a batch of pictures, or choosing among all tokens."""
    reading = context * (3 * config.mlp + 6 * config.width) * size + context * context * (1 + size)
    if config.gptq or quantization:
        # one weight is unpacked at a time; GPTQ's plain way holds 32-bit nibbles beside the bytes
        reading += config.mlp * config.width * (5 + size if config.gptq else size)
    seen = PICTURE_BATCH * config.vision.positions
    looking = seen * (2 * config.vision.mlp + 6 * config.vision.width) * size
    choosing = rows * config.vocabulary * 4 * 5
    reordering = 2 * config.width * context * rows * size
    return max(reading, looking, choosing + reordering)


def _balanced(parts: Sequence[tuple[str, int, int]], count: int) -> list[int | str]:
    """Consecutive parts a card, so that the fullest card is as empty as can be."""
    sizes = [weights + cache for _, weights, cache in parts]
    low, high = max(sizes), sum(sizes)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if max(_assigned(sizes, middle)) < count else (middle + 1, high)
    return list(_assigned(sizes, low))


def _assigned(sizes: Sequence[int], limit: int) -> list[int]:
    found: list[int] = []
    card, used = 0, 0
    for size in sizes:
        if used + size > limit:
            card, used = card + 1, 0
        used += size
        found.append(card)
    return found


def _filled(parts: Sequence[tuple[str, int, int]], rooms: Sequence[int | None]) -> list[int | str]:
    """Cards filled in order; the rest in main memory."""
    found: list[int | str] = []
    card, used = 0, 0
    for _, weights, cache in parts:
        while card < len(rooms) and (room := rooms[card]) is not None and used + weights + cache > room:
            card, used = card + 1, 0
        used += weights + cache
        found.append(card if card < len(rooms) else "cpu")
    return found


def plan_command(
    folder: Annotated[str, typer.Option(help="Folder of the checkpoint (config.json is enough), or a model's name.")],
    num_gpus: Annotated[int, typer.Option("--num_gpus", "--num-gpus", help="Number of cards; 0 is the CPU.")] = 1,
    memory: Annotated[str | None, typer.Option(help="Memory of one card, e.g. 24GiB.")] = None,
    dtype: Annotated[str, typer.Option(help="float16, bfloat16 or float32.")] = "float16",
    quantization: Annotated[str | None, typer.Option(help="nf4 packs a 16-bit checkpoint while loading.")] = None,
    context: Annotated[
        int | None, typer.Option(help="Tokens of context; the model's own limit where left out.")
    ] = None,
    beams: Annotated[int, typer.Option(help="Beams of the beam search.")] = 5,
    offload: Annotated[bool, typer.Option("--offload", help="Leave in main memory what does not fit.")] = False,
) -> None:
    """Show where the parts of InternLM-XComposer go and what memory each card needs, without loading it."""
    from composer.models.registry import folder_of

    try:
        made = plan(
            folder_of(folder),
            num_gpus=num_gpus,
            memory=memory,
            dtype=dtype,
            quantization=quantization,
            context_tokens=context,
            beams=beams,
            offload=offload,
        )
    except ComposerError as error:  # a bad wish or folder: the status of a bad command
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    typer.echo(made.text())
    if not made.fits:
        typer.echo(str(too_small(made)), err=True)
        raise typer.Exit(1)
