"""What is told of a model in another program's store, read from its files."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from common.errors import ReadableError
from common.messages import Text, _
from composer.models.gguf import (
    GgufHeader,
    find_projector,
    memory_needed,
    model_name,
    models_in,
    read_header,
    read_projector,
)
from composer.models.transformers_vlm import memory_of

Engine = Literal["llama.cpp", "transformers", "XComposer", "server"]
CONTEXT_TOKENS = 8192  # for which memory is reckoned
_TRANSFORMERS_MEMORY = 1.2  # times the bytes of the weights
XCOMPOSER_TYPE = "InternLMXComposer"  # "model_type" in a folder's config.json


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model on this machine. All fields are plain values; `why` is a sentence for people."""

    name: str  # for `load_model` and --model: "ollama:qwen3-vl:4b"
    store: str  # the program that keeps it: "Ollama"
    path: Path  # its file or folder
    engine: Engine  # what computes it: "server" where only the program that keeps it can
    loadable: bool
    why: Text | None = None  # where it cannot be loaded, or not in every way: why, and the way out
    sees: bool = False  # pictures
    chat_template: bool = True  # it brings the form in which it wants to be asked
    size: int = 0  # bytes of all its files
    memory: int = 0  # bytes that it needs, about
    quantization: str = ""
    architecture: str = ""
    context_tokens: int = 0  # the most that it was trained for; 0 where it does not say
    mmproj: Path | None = None  # its picture part
    adapters: tuple[Path, ...] = ()  # LoRA, applied to it
    address: str = ""  # of the server that serves it, with its name there, where `engine` is "server"


@dataclass(frozen=True, slots=True)
class Entry:
    """A model as its store lists it, before its files are read."""

    name: str  # in the store, without its prefix
    path: Path
    mmproj: Path | None = None
    problem: Text | None = None  # that the store itself shows: missing parts, an unfinished download
    size: int = 0  # bytes, where the store says
    adapters: tuple[Path, ...] = ()  # LoRA, applied to the model
    served_at: str = ""  # address of the program's own server, with the model's name there


def describe(prefix: str, store: str, entry: Entry) -> LocalModel:
    """What is told of the entry. Never raises: what is wrong is its `why`."""
    name = f"{prefix}:{entry.name}"
    if entry.problem is not None:
        size = entry.size or _size([entry.path])
        return LocalModel(
            name, store, entry.path, "llama.cpp", False, entry.problem, entry.mmproj is not None, size=size
        )
    try:
        found = _folder(name, store, entry.path) if entry.path.is_dir() else _file(name, store, entry)
    except (ReadableError, OSError) as error:
        why = error.message if isinstance(error, ReadableError) else _cannot_be_read(error)
        size = entry.size or _size([entry.path])
        return LocalModel(name, store, entry.path, "llama.cpp", False, why, size=size)
    return found


def may_see(entry: Entry) -> bool:
    """Whether the files of an entry must be read to know that it does not see: a header takes a tenth of a second."""
    if entry.mmproj is not None or entry.served_at or entry.path.is_dir():
        return True
    try:
        return any("mmproj" in each.name.lower() for each in entry.path.parent.iterdir())
    except OSError:
        return False


def gguf_entries(folder: Path, name: str) -> Iterator[Entry]:
    """The GGUF models of one folder: its own name where it holds one, else with the names of the files."""
    try:
        models = models_in(folder)
    except OSError:
        return
    for path in models:
        yield Entry(name if len(models) == 1 else f"{name}:{model_name(path)}", path)


def folder_entry(folder: Path, name: str) -> Entry | None:
    """The model of transformers or of XComposer in a folder, or None where it holds another thing."""
    config = read_json(folder / "config.json")
    if config is None or _kind(config) is None:
        return None
    if not _weights(folder) and next(folder.rglob("*.gguf"), None) is not None:
        return None  # publishers of GGUF files put the config of the original beside them
    return Entry(name, folder, problem=_missing_shards(folder), size=_size(_weights(folder)))


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a file; None where there is none that can be read."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def subfolders(folder: Path) -> list[Path]:
    """The folders in a folder, by name; hidden ones and what cannot be read are left out."""
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError:
        return []


# -- inside ------------------------------------------------------------------------------------------------------------


def _file(name: str, store: str, entry: Entry) -> LocalModel:
    """Raises ModelFilesBroken."""
    header = _header(entry.path)
    mmproj = entry.mmproj or find_projector(header)
    projector = read_projector(mmproj) if mmproj else None
    context = min(CONTEXT_TOKENS, header.context_tokens or CONTEXT_TOKENS)
    found = LocalModel(
        name=name,
        store=store,
        path=header.path,
        engine="llama.cpp",
        loadable=True,
        sees=mmproj is not None,
        chat_template=header.has_chat_template,
        size=header.size + (projector.size if projector else 0) + _size(entry.adapters),
        memory=memory_needed(header, context, projector) + _size(entry.adapters),
        quantization=header.quantization,
        architecture=header.architecture,
        context_tokens=header.context_tokens,
        mmproj=mmproj,
        adapters=entry.adapters,
    )
    if not header.has_vision:
        return found
    why = _(
        "Its file holds language model and picture part in one, in the form of Ollama's own engine. It is used through "
        "Ollama's server, which must be running: ollama serve"
    )
    if entry.served_at:
        return replace(found, engine="server", sees=True, why=why, address=entry.served_at)
    return replace(found, loadable=False, sees=True, why=why)


@lru_cache(maxsize=256)
def _read_header(path: Path, _changed: int, _size: int) -> GgufHeader:
    return read_header(path)


def _header(path: Path) -> GgufHeader:
    """The header, kept as long as the file is the same: a large vocabulary takes a tenth of a second to read."""
    try:
        status = path.stat()
    except OSError:
        return read_header(path)  # raises the sentence
    return _read_header(path, status.st_mtime_ns, status.st_size)


def _folder(name: str, store: str, folder: Path) -> LocalModel:
    config = read_json(folder / "config.json") or {}
    kind = _kind(config)
    size = _size(_weights(folder))
    texts = config.get("text_config")
    about = {**config, **(texts if isinstance(texts, dict) else {})}
    found = LocalModel(
        name=name,
        store=store,
        path=folder,
        engine="XComposer" if kind == "xcomposer" else "transformers",
        loadable=True,
        sees=kind in ("sees", "xcomposer"),
        chat_template=kind == "xcomposer" or _has_template(folder),
        size=size,
        memory=max(memory_of(folder).values(), default=int(size * _TRANSFORMERS_MEMORY)),
        quantization=_quantization(config),
        architecture=str(config.get("model_type", "")),
        context_tokens=_count(about.get("max_position_embeddings")),
    )
    if _is_mlx(config):
        why = _(
            "Its weights are quantized for MLX, which this program does not compute. Use the program that keeps it."
        )
        return replace(found, loadable=False, why=why)
    if "auto_map" in config and kind != "xcomposer":
        why = _("It brings code of its own, which is not run here; it is loaded where transformers knows its kind.")
        return replace(found, why=why)
    return found


def _kind(config: dict[str, Any]) -> Literal["xcomposer", "sees", "text"] | None:
    """Whether the folder holds a model that writes: encoders, speech and translation are no models of this program."""
    if config.get("model_type") == XCOMPOSER_TYPE:
        return "xcomposer"
    named = config.get("architectures")
    architectures = [str(each) for each in named] if isinstance(named, list) else []
    writes = any(each.endswith(("ForCausalLM", "LMHeadModel")) for each in architectures)
    generates = any(each.endswith(("ForConditionalGeneration", "ForImageTextToText")) for each in architectures)
    if "vision_config" in config and (writes or generates):
        return "sees"
    return "text" if writes else None


def _quantization(config: dict[str, Any]) -> str:
    packed = config.get("quantization_config")
    if isinstance(packed, dict):
        bits = packed.get("bits") or (4 if packed.get("load_in_4bit") else 8 if packed.get("load_in_8bit") else "")
        return "-".join(str(part) for part in (packed.get("quant_method", ""), bits and f"{bits}bit") if part)
    return str(config.get("dtype") or config.get("torch_dtype") or "")


def _is_mlx(config: dict[str, Any]) -> bool:
    """MLX writes "quantization" beside, or instead of, "quantization_config" without a method."""
    packed = config.get("quantization")
    return isinstance(packed, dict) and "group_size" in packed


def _has_template(folder: Path) -> bool:
    if (folder / "chat_template.jinja").is_file() or (folder / "chat_template.json").is_file():
        return True
    return bool((read_json(folder / "tokenizer_config.json") or {}).get("chat_template"))


def _weights(folder: Path) -> list[Path]:
    for pattern in ("*.safetensors", "pytorch_model*.bin"):
        found = sorted(folder.glob(pattern))
        if found:
            return found
    return []


def _missing_shards(folder: Path) -> Text | None:
    """A sentence where files of the weights are missing."""
    for index in ("model.safetensors.index.json", "pytorch_model.bin.index.json"):
        listed = (read_json(folder / index) or {}).get("weight_map")
        if isinstance(listed, dict):
            names = sorted({str(name) for name in listed.values()})
            here = [name for name in names if "/" not in name and (folder / name).is_file()]
            if len(here) < len(names):
                return _(
                    "Of its {count} files of weights {missing} are missing: its download was not finished. Download it "
                    "again with the program that began it.",
                    count=len(names),
                    missing=len(names) - len(here),
                )
            return None
    if not any(path.is_file() for path in _weights(folder)):  # a link into nothing is no file
        return _("Its weights are not here: its download was not finished. Download it again.")
    return None


def _cannot_be_read(error: OSError) -> Text:
    return _("Its files cannot be read here ({reason}).", reason=error.strerror or error)


def _size(paths: Sequence[Path]) -> int:
    total = 0
    for path in paths:
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue
    return total


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
