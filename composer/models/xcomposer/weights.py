"""Weight files -> the network on its devices, one shard at a time, every name and shape checked.

Reads safetensors and torch's zip files (`weights_only`, memory-mapped): a pickle that wants to run code is refused.
Each tensor goes straight to the device of its place; what waits are only parts whose other parts come later.
"""

import json
import os
import pickle
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from composer.errors import ModelFilesBroken, ModelFilesMissing
from composer.models.base import LoadProgress
from composer.models.xcomposer.config import XComposerConfig, tensors
from composer.models.xcomposer.names import Place, places

INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
SINGLE = ("model.safetensors", "pytorch_model.bin")
WAY_OUT_EN = "Download the checkpoint again (a stopped download goes on where it stopped)."
WAY_OUT_ZH = "请重新下载该模型（中断的下载会继续）。"

Progress = Callable[[LoadProgress], None]
Put = Callable[[str, torch.Tensor], None]


def shards(folder: str | Path) -> list[Path]:
    """The weight files of a folder, in order. Raises ModelFilesMissing where there are none or the index names more."""
    folder = Path(folder)
    for index in INDEXES:
        if (folder / index).is_file():
            named = sorted(set(_weight_map(folder / index).values()))
            absent = [name for name in named if not (folder / name).is_file()]
            if absent:
                raise _missing(folder, absent)
            return [folder / name for name in named]
    for name in SINGLE:
        if (folder / name).is_file():
            return [folder / name]
    for pattern in ("*.safetensors", "*.bin", "*.pt"):  # a 4-bit checkpoint has one file, named by its packer
        found = sorted(path for path in folder.glob(pattern) if path.name != "training_args.bin")
        if found:
            return found
    raise _missing(folder, ["the weights (model.safetensors or pytorch_model-*.bin)"])


def _weight_map(index: Path) -> dict[str, str]:
    try:
        mapping = json.loads(index.read_text("utf-8"))["weight_map"]
        named = {str(name): str(shard) for name, shard in mapping.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _broken(index, f"it is no index of weights: {error}", f"不是权重索引：{error}") from error
    for shard in set(named.values()):
        if Path(shard).name != shard:
            raise _broken(index, f"it names a file outside the folder: {shard}", f"其中的文件不在该文件夹内：{shard}")
    return named


def load_weights(
    network: nn.Module,
    config: XComposerConfig,
    folder: str | Path,
    *,
    device_of: Callable[[str], torch.device],
    dtype: torch.dtype,
    put: Put | None = None,
    progress: Progress | None = None,
) -> None:
    """Fills `network` (on the meta device) from `folder`.

    device_of: place -> device. dtype: of every float in the network. `put` takes (place, tensor) where it is not the
    usual way (quantizing on load). Raises ModelFilesMissing or ModelFilesBroken; the network is then unusable.
    """
    folder = Path(folder)
    files = shards(folder)
    known = tensors(config)
    wanted = {source: place for place in places(config) for source in place.sources}
    waiting: dict[str, dict[str, torch.Tensor]] = defaultdict(dict)
    put = put or (lambda name, tensor: assign(network, name, tensor))
    total, done = sum(path.stat().st_size for path in files), 0
    seen: set[str] = set()
    leftover: list[str] = []
    announce(files[0])
    for number, path in enumerate(files):
        if number + 1 < len(files):
            announce(files[number + 1])  # read from the disk while this one is worked on
        for name, tensor in _read(path):
            if name not in known:
                leftover.append(name)
                continue
            if tuple(tensor.shape) != known[name].shape and not known[name].ignored:
                shapes = f"{list(tensor.shape)}", f"{list(known[name].shape)}"
                raise _broken(
                    path,
                    f"'{name}' has the shape {shapes[0]}; config.json asks for {shapes[1]}",
                    f"“{name}”的形状为 {shapes[0]}，而 config.json 要求 {shapes[1]}",
                )
            seen.add(name)
            if known[name].ignored:
                continue
            place = wanted[name]
            device = device_of(place.name)
            parts = waiting[place.name]
            # a copy on the device: nothing keeps the mapped file open
            parts[name] = tensor.to(device=device, copy=True)
            if len(parts) == len(place.sources):
                _fill(put, place, parts, dtype)
                del waiting[place.name]
        done += path.stat().st_size
        if progress:
            progress(LoadProgress("load", done, total, path.name))
    _check_complete(folder, {name for name, t in known.items() if t.required} - seen, leftover)


def _fill(put: Put, place: Place, parts: Mapping[str, torch.Tensor], dtype: torch.dtype) -> None:
    value = place.combine(parts)
    put(place.name, value if place.whole else value.to(dtype))


def _check_complete(folder: Path, absent: set[str], leftover: list[str]) -> None:
    if absent:
        raise _missing(folder, _few(sorted(absent), "tensor"))
    if leftover:
        names = ", ".join(_few(sorted(leftover), "tensor"))
        raise _broken(
            folder, f"it holds tensors that this model does not have: {names}", f"含有此模型没有的张量：{names}"
        )


def _few(names: list[str], noun: str) -> list[str]:
    shown = names[:3]
    return shown if len(names) <= 3 else [*shown, f"and {len(names) - 3} more {noun}s"]


def assign(network: nn.Module, name: str, tensor: torch.Tensor) -> None:
    """Makes `tensor` the parameter or buffer `name` of `network`."""
    owner_name, _, leaf = name.rpartition(".")
    owner = network.get_submodule(owner_name)
    if leaf in owner._buffers:
        owner._buffers[leaf] = tensor
    else:
        owner._parameters[leaf] = nn.Parameter(tensor, requires_grad=False)


def announce(path: Path) -> None:
    """Asks the system to read a file into its cache from start to end: touching a mapped file page by page is several
    times slower. Only a hint; where there is no way to give it, nothing happens."""
    if hasattr(os, "posix_fadvise"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)


def _read(path: Path) -> Iterator[tuple[str, torch.Tensor]]:
    """Names and tensors of one file. Raises ModelFilesBroken."""
    return _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)


def _read_safetensors(path: Path) -> Iterator[tuple[str, torch.Tensor]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118  (safe_open is no mapping)
                yield name, file.get_tensor(name)
    except (SafetensorError, OSError) as error:
        raise _incomplete(path, error) from error


def _read_torch(path: Path) -> Iterator[tuple[str, torch.Tensor]]:
    mapped = zipfile.is_zipfile(path)  # torch's old format cannot be memory-mapped
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        raise _broken(
            path,
            "it holds more than tensors (a pickle that would run code); such files are refused. "
            "Take the safetensors version of the checkpoint, or download it from its publisher",
            "其中不只有张量（会执行代码的 pickle），已拒绝。请使用 safetensors 版本，或从发布者处下载",
        ) from error
    except (RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        raise _incomplete(path, error) from error
    if not isinstance(content, dict) or not all(isinstance(t, torch.Tensor) for t in content.values()):
        raise _broken(path, "it is no table of named tensors", "不是张量表")
    yield from content.items()


def _incomplete(path: Path, error: BaseException) -> ModelFilesBroken:
    size = path.stat().st_size if path.exists() else 0
    return _broken(
        path,
        f"it is damaged or incomplete ({size:,} bytes; {str(error)[:80]}). {WAY_OUT_EN}",
        f"文件已损坏或不完整（{size:,} 字节；{str(error)[:80]}）。{WAY_OUT_ZH}",
    )


def _broken(path: Path, reason_en: str, reason_zh: str) -> ModelFilesBroken:
    return ModelFilesBroken(path=str(path), reason_en=reason_en, reason_zh=reason_zh)


def _missing(folder: Path, names: list[str]) -> ModelFilesMissing:
    return ModelFilesMissing(name=str(folder), missing=", ".join(names), way_out_en=WAY_OUT_EN, way_out_zh=WAY_OUT_ZH)
