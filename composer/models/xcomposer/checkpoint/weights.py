"""Loads weight files into the network on its devices, shard by shard, and checks every name and shape.

Reads safetensors and torch's zip files (`weights_only`, memory-mapped); a pickle that would run code is refused. Each
tensor goes straight to the device of its parameter, where LoRA is merged; only parts of a parameter whose other parts
come later are kept waiting. A thread reads the files ahead, from start to end.
"""

import json
import logging
import pickle
import threading
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from common.messages import Text, _
from composer.errors import ModelFilesBroken, ModelFilesMissing
from composer.models.base import LoadProgress
from composer.models.unfetched import refuse_pointers
from composer.models.xcomposer.checkpoint.config import XComposerConfig, tensor_specs
from composer.models.xcomposer.checkpoint.names import weight_mappings

log = logging.getLogger(__name__)

INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
SINGLE = ("model.safetensors", "pytorch_model.bin")
READ_SIZE = 8 << 20  # bytes of one read
AHEAD = 1 << 30  # bytes read before they are used
TABLE = 4 << 20  # bytes allowed for what a file holds beside tensors
WAY_OUT = _("Download the checkpoint again (a stopped download goes on where it stopped).")

Progress = Callable[[LoadProgress], None]
PutTensor = Callable[[str, torch.Tensor], None]


def shards(folder: str | Path) -> list[Path]:
    """The weight files of a folder, in order. Raises ModelFilesMissing where there are none or some of the index."""
    folder = Path(folder)
    refuse_pointers(folder)
    for index in INDEXES:
        if (folder / index).is_file():
            named = sorted(set(_weight_map(folder / index).values()))
            absent = [name for name in named if not (folder / name).is_file()]
            if absent:
                raise _missing_files(folder, absent)
            return [folder / name for name in named]
    for name in SINGLE:
        if (folder / name).is_file():
            return [folder / name]
    for pattern in ("*.safetensors", "*.bin", "*.pt"):  # a 4-bit checkpoint has one file, named by its packer
        found = sorted(path for path in folder.glob(pattern) if path.name != "training_args.bin")
        if found:
            return found
    raise _missing_files(folder, ["the weights (model.safetensors or pytorch_model-*.bin)"])


def _weight_map(index: Path) -> dict[str, str]:
    try:
        mapping = json.loads(index.read_text("utf-8"))["weight_map"]
        named = {str(name): str(shard) for name, shard in mapping.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _broken_file(index, _("it is no index of weights: {error}", error=error)) from error
    for shard in set(named.values()):
        if Path(shard).name != shard:
            raise _broken_file(index, _("it names a file outside the folder: {shard}", shard=shard))
    return named


def load_weights(
    network: nn.Module,
    config: XComposerConfig,
    folder: str | Path,
    *,
    device_of: Callable[[str], torch.device],
    dtype: torch.dtype,
    put: PutTensor | None = None,
    progress: Progress | None = None,
) -> None:
    """Fills `network` (on the meta device) from `folder`.

    device_of: name of a parameter -> device. dtype: of every float in the network. put: sets a parameter in a way of
    its own (quantizing on load); `assign` where None. Raises ModelFilesMissing or ModelFilesBroken; the network is then
    unusable.
    """
    folder = Path(folder)
    files = shards(folder)
    specs = tensor_specs(config)
    mapping_of = {source: mapping for mapping in weight_mappings(config) for source in mapping.sources}
    waiting: dict[str, dict[str, torch.Tensor]] = defaultdict(dict)
    put = put or (lambda name, tensor: assign(network, name, tensor))
    total, done, reported = sum(path.stat().st_size for path in files), 0, 0
    seen: set[str] = set()
    leftover: list[str] = []
    with ReadAhead(files) as ahead:
        for path in files:
            size, mapped = path.stat().st_size, set[str]()
            for name, tensor, end in _read(path):
                if progress and done + end - TABLE > reported + total // 100:
                    reported = min(done + end - TABLE, total)
                    progress(LoadProgress("load", reported, total, path.name))
                if name not in specs:
                    leftover.append(name)
                    continue
                if tuple(tensor.shape) != specs[name].shape and not specs[name].ignored:
                    raise _broken_file(
                        path,
                        _(
                            "'{name}' has the shape {shape}; config.json asks for {expected}",
                            name=name,
                            shape=str(list(tensor.shape)),
                            expected=str(list(specs[name].shape)),
                        ),
                    )
                seen.add(name)
                if specs[name].ignored:
                    continue
                mapping = mapping_of[name]
                parts = waiting[mapping.target]
                parts[name] = tensor
                mapped.add(name)
                if len(parts) == len(mapping.sources):
                    ahead.wait(path, end)
                    kind = tensor.dtype if mapping.integer else dtype
                    put(mapping.target, mapping.combine(parts, device_of(mapping.target), kind))
                    del waiting[mapping.target]
            for target, parts in waiting.items():
                device = device_of(target)
                for name in mapped & parts.keys():
                    parts[name] = parts[name].to(device, copy=True)  # nothing may keep the mapped file open
            parts, tensor = {}, torch.empty(0)  # the last references to this file
            done += size
            if progress:
                progress(LoadProgress("load", done, total, path.name))
    _check_complete(folder, {name for name, t in specs.items() if t.required} - seen, leftover)


def _check_complete(folder: Path, absent: set[str], leftover: list[str]) -> None:
    if absent:
        raise _missing_files(folder, _first_names(sorted(absent), "tensor"))
    if leftover:
        names = ", ".join(_first_names(sorted(leftover), "tensor"))
        raise _broken_file(folder, _("it holds tensors that this model does not have: {names}", names=names))


def _first_names(names: list[str], noun: str) -> list[str]:
    """The first three names and the number of the others."""
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


class ReadAhead:
    """Reads files from start to end in a thread, so that they are in the system's cache when they are used.

    Accessing a mapped file page by page reads small pieces from the disk, which is several times slower. The thread is
    at most AHEAD bytes ahead of what `wait` was last called for.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._starts: dict[Path, int] = {}
        self._total = 0
        for path in files:
            self._starts[path] = self._total
            self._total += path.stat().st_size
        self._read = self._wanted = 0
        self._ended = False
        self._moved = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="read-ahead", daemon=True)

    def __enter__(self) -> "ReadAhead":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        with self._moved:
            self._ended = True
            self._moved.notify_all()
        self._thread.join()

    def wait(self, path: Path, end: int) -> None:
        """Waits until the file has been read up to byte `end`."""
        with self._moved:
            self._wanted = max(self._wanted, self._starts[path] + end)
            self._moved.notify_all()
            self._moved.wait_for(lambda: self._ended or self._read >= min(self._wanted, self._total))

    def _run(self) -> None:
        space = memoryview(bytearray(READ_SIZE))
        try:
            for path in self._starts:
                with path.open("rb", buffering=0) as file:
                    while count := file.readinto(space):
                        with self._moved:
                            self._read += count
                            self._moved.notify_all()
                            self._moved.wait_for(lambda: self._ended or self._read < self._wanted + AHEAD)
                            if self._ended:
                                return
        except OSError:
            log.debug("reading ahead failed; using the file will show why", exc_info=True)
        finally:
            with self._moved:
                self._ended = True
                self._moved.notify_all()


def _read(path: Path) -> Iterator[tuple[str, torch.Tensor, int]]:
    """Names, tensors and roughly the byte where each ends, in the file's order. Raises ModelFilesBroken."""
    found = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    named = sorted(found, key=lambda pair: pair[1].data_ptr())
    del found
    first = named[0][1].data_ptr() if named else 0
    while named:
        name, tensor = named.pop(0)
        # the table of names comes before the first tensor
        yield name, tensor, tensor.data_ptr() - first + tensor.nbytes + TABLE
        del tensor


def _read_safetensors(path: Path) -> list[tuple[str, torch.Tensor]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return [(name, file.get_tensor(name)) for name in file.keys()]  # noqa: SIM118  (safe_open is no mapping)
    except (SafetensorError, OSError) as error:
        raise _incomplete(path, error) from error


def _read_torch(path: Path) -> list[tuple[str, torch.Tensor]]:
    mapped = zipfile.is_zipfile(path)  # torch's old format cannot be memory-mapped
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        raise _broken_file(
            path,
            _(
                "it holds more than tensors (a pickle that would run code); such files are refused. Take the "
                "safetensors version of the checkpoint, or download it from its publisher"
            ),
        ) from error
    except (RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        raise _incomplete(path, error) from error
    if not isinstance(content, dict) or not all(isinstance(t, torch.Tensor) for t in content.values()):
        raise _broken_file(path, _("it is no table of named tensors"))
    return list(content.items())


def _incomplete(path: Path, error: BaseException) -> ModelFilesBroken:
    size = path.stat().st_size if path.exists() else 0
    return _broken_file(
        path,
        _(
            "it is damaged or incomplete ({size:,} bytes; {error}). {way_out}",
            size=size,
            error=str(error)[:80],
            way_out=WAY_OUT,
        ),
    )


def _broken_file(path: Path, reason: Text) -> ModelFilesBroken:
    return ModelFilesBroken(path=str(path), reason=reason)


def _missing_files(folder: Path, names: list[str]) -> ModelFilesMissing:
    return ModelFilesMissing(name=str(folder), missing=", ".join(names), way_out=WAY_OUT)
