"""Which of the known models suit this machine: their memory in 16, 8 and 4 bits beside what there is.

Estimates from the sizes in configs/models; loading a model plans exactly. Loads nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import psutil

from composer.models.cards import graphics_cards
from composer.models.configs import (
    KnownModel,
    ModelConfig,
    find_config,
    known_models,
    model_configs,
    path_of,
    repository_config,
)
from composer.models.discovery import find_local_model, find_repository, is_local_name
from composer.models.gguf import parts_of
from composer.models.transformers_vlm import memory_of

GIB = 2**30
PACKED = {8: 0.62, 4: 0.42}  # of the 16-bit weights, what is never packed (embeddings, the first layers) included
FILE_ROOM = 1.3  # memory over the size of files of weights: keys, values, pictures
LEAST_ROOM = int(0.25 * GIB)
SLOW = 4 * GIB  # bytes: more are read at a few tokens a second from the memory of a usual machine


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes that a model may take here."""

    total: int
    free: int
    on_cards: bool  # of graphics cards, all together; else the machine's own


@dataclass(frozen=True, slots=True)
class Advice:
    """A known model and this machine."""

    model: KnownModel
    short: str
    licence: str
    download_bytes: int  # 0 where it is not known
    downloaded_bytes: int  # of an unfinished download
    memory: Mapping[int, int]  # bits of the weights -> bytes
    fits: tuple[int, ...]  # the bits in which it fits, most first
    quick: bool  # on a card, or small enough for a processor


def machine_memory() -> Memory:
    """The memory that models are loaded into."""
    cards = graphics_cards()
    if cards:
        return Memory(sum(card.total for card in cards), sum(card.free for card in cards), on_cards=True)
    memory = psutil.virtual_memory()
    return Memory(memory.total, memory.available, on_cards=False)


def advise(memory: Memory | None = None) -> list[Advice]:
    """The known models: those that fit before those that do not, those that are here first. Then the largest come first
    on cards and the smallest on a processor, where each byte of the weights is read for each token. Raises
    SettingsError."""
    memory = memory or machine_memory()
    configs = {config.name: config for config in model_configs()}
    advice = [_advice(model, configs[model.name], memory) for model in known_models()]
    way = -1 if memory.on_cards else 1
    return sorted(
        advice, key=lambda one: (not one.fits, not one.model.available, way * max(one.memory.values(), default=0))
    )


def memory_at(config: ModelConfig) -> dict[int, int]:
    """Bits -> bytes of memory, of the bits in which it can be loaded."""
    size, whole = int(config.size_gb * 1e9), int(config.gpu_memory_gb * GIB)
    if config.kind == "embedded" or (whole and not size):  # one file of fixed bits
        return {config.bits: whole or int(size * FILE_ROOM) + LEAST_ROOM}
    if config.bits != 16:
        return {config.bits: whole}
    if config.kind == "transformers" and (planned := _planned(config)):
        return planned
    rest = max(whole - size, LEAST_ROOM)
    packed = {bits: int(size * share) + rest for bits, share in PACKED.items()}
    if config.kind == "xcomposer":
        del packed[8]
    return {16: whole or size + rest} | packed


def _planned(config: ModelConfig) -> dict[int, int]:
    """Bits -> bytes of memory by the sizes in the files, where they are here."""
    downloads = config.downloads()
    if not downloads or not downloads[0].complete:
        return {}
    return memory_of(downloads[0].folder)


def memory_wanted(name_or_path: str, bits: int | None = None) -> int:
    """About how many bytes a model takes that is loaded by this name or from this path; 0 where nothing is known, and
    for a server's. Raises ModelFilesMissing for a model that another program does not have, ModelFilesBroken for a path
    that cannot be looked at."""
    named = find_config(name_or_path)
    if named is not None:
        at = memory_at(named[0])
        return at.get(bits or max(at), 0)
    path = path_of(name_or_path)
    if is_local_name(name_or_path) and not path.exists():
        return find_local_model(name_or_path).memory
    here = find_repository(name_or_path) if repository_config(name_or_path) is not None else []
    at = next(filter(None, map(memory_of, [model.path for model in here] or [path])), {})
    if at or here:
        return at.get(bits or max(at), max(at.values())) if at else max(model.memory for model in here)
    # a folder may hold the same weights in several forms, of which one is loaded
    forms = (sorted(path.glob(pattern)) for pattern in ("*.safetensors", "*.gguf", "*.bin"))
    files = parts_of(path) if path.is_file() else next(filter(None, forms), [])
    size = sum(file.stat().st_size for file in files if file.is_file())
    return int(size * PACKED.get(bits or 16, 1) * FILE_ROOM) + LEAST_ROOM if size else 0


def _advice(model: KnownModel, config: ModelConfig, memory: Memory) -> Advice:
    at = memory_at(config)
    downloads = config.downloads()
    begun = downloads[0] if downloads and not downloads[0].complete else None
    size = begun.total_bytes if begun is not None else int(config.size_gb * 1e9)
    fits = tuple(bits for bits, needed in at.items() if 0 < _here(config, bits, needed, memory) <= memory.total)
    done = begun.downloaded_bytes if begun is not None else 0
    quick = memory.on_cards or min(at.values(), default=0) <= SLOW
    return Advice(model, config.short or config.name, config.licence, size, done, at, fits, quick)


def _here(config: ModelConfig, bits: int, needed: int, memory: Memory) -> int:
    """The bytes that it takes on this machine; more than there are where it cannot be computed so."""
    if memory.on_cards or config.kind == "embedded":
        return needed
    if bits != 16:  # packed weights are for cards
        return memory.total + 1
    return needed * (2 if config.kind == "xcomposer" else 1)  # that one computes in 32 bits on a processor
