"""What lies in a model folder of the Hugging Face form: its configuration and its weights, checked before loading.

Reads config.json and the headers of .safetensors files; imports neither torch nor transformers.
"""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from common.messages import Text, _
from composer.errors import ModelFilesBroken, ModelFilesMissing
from composer.models.unfetched import refuse_pointers, unfinished_in

_INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
_SINGLE = ("model.safetensors", "pytorch_model.bin")
_BITS = {
    "F64": 64, "F32": 32, "F16": 16, "BF16": 16, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F4": 4, "I64": 64,
    "U64": 64, "I32": 32, "U32": 32, "I16": 16, "U16": 16, "I8": 8, "U8": 8, "BOOL": 8,
}  # fmt: skip
_MOST_HEADER = 100 << 20  # bytes; the format's own limit


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor in the files."""

    name: str
    dtype: str  # as safetensors names it: "BF16"
    count: int  # values
    dimensions: int

    @property
    def bytes(self) -> int:
        return self.count * _BITS.get(self.dtype, 8) // 8

    @property
    def is_float(self) -> bool:
        return self.dtype in ("F64", "F32", "F16", "BF16")


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A folder whose configuration could be read and whose weights are whole."""

    path: Path
    config: dict[str, Any]
    tensors: tuple[StoredTensor, ...]  # empty where the weights are pickled: only their sizes are known then
    weight_bytes: int  # of the files

    @property
    def model_type(self) -> str:
        return str(self.config.get("model_type", ""))

    @property
    def text_config(self) -> dict[str, Any]:
        """The configuration of the language model."""
        for key in ("text_config", "llm_config", "language_config"):
            if isinstance(self.config.get(key), dict):
                return dict(self.config[key])
        return self.config

    @property
    def quantization(self) -> str:
        """How the files are packed, e.g. "gptq-4bit"; empty for plain weights."""
        found = self.config.get("quantization_config") or self.text_config.get("quantization_config")
        if not isinstance(found, dict):
            return ""
        method = str(found.get("quant_method", "packed"))
        bits = found.get("bits") or (4 if found.get("load_in_4bit") else 8 if found.get("load_in_8bit") else None)
        return f"{method}-{bits}bit" if bits else method


def read_folder(folder: str | Path) -> ModelFolder:
    """The folder, checked. Raises ModelFilesMissing, ModelFilesBroken."""
    path = Path(folder)
    refuse_pointers(path)
    config = read_settings(path)
    try:
        files = _weight_files(path)
        tensors = [tensor for file in files if file.suffix == ".safetensors" for tensor in _tensors(file)]
        size = sum(file.stat().st_size for file in files)
    except OSError as error:
        raise ModelFilesBroken(path=path, reason=_("it cannot be read ({error}).", error=error)) from error
    return ModelFolder(path, config, tuple(tensors), size)


def read_settings(folder: Path) -> dict[str, Any]:
    """What config.json says. Raises ModelFilesMissing, ModelFilesBroken."""
    return _read_json(folder / "config.json", folder)


def _read_json(path: Path, folder: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise ModelFilesMissing(name=folder.name, missing=path.name, way_out=_download_again()) from error
    except (OSError, ValueError, RecursionError) as error:
        raise ModelFilesBroken(path=path, reason=_("it cannot be read ({error}).", error=error)) from error
    if not isinstance(found, dict):
        raise ModelFilesBroken(path=path, reason=_("it holds no settings."))
    return found


def _weight_files(folder: Path) -> list[Path]:
    """All files of the weights. Raises ModelFilesMissing where one is not here."""
    names: list[str] = []
    for index in _INDEXES:
        if (folder / index).is_file():
            weight_map = _read_json(folder / index, folder).get("weight_map")
            if not isinstance(weight_map, dict) or not weight_map:
                raise ModelFilesBroken(path=folder / index, reason=_("it names no files."))
            names = sorted({str(name) for name in weight_map.values()})
            if any(Path(name).name != name or Path(name).suffix not in (".safetensors", ".bin") for name in names):
                raise ModelFilesBroken(
                    path=folder / index,
                    reason=_("it names files that cannot be its weights. {way_out}", way_out=_download_again()),
                )
            break
    else:
        names = [name for name in _SINGLE if (folder / name).is_file()][:1]
    if not names:
        way_out = unfinished_in(folder) or _download_again()
        raise ModelFilesMissing(name=folder.name, missing="model.safetensors", way_out=way_out)
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        shown = ", ".join(missing[:4]) + (" …" if len(missing) > 4 else "")
        way_out = unfinished_in(folder) or _download_again()
        raise ModelFilesMissing(name=folder.name, missing=shown, way_out=way_out)
    return [folder / name for name in names]


def _tensors(file: Path) -> Iterator[StoredTensor]:
    """The tensors of one file. Raises ModelFilesBroken where it is damaged or cut off."""
    size = file.stat().st_size
    with file.open("rb") as opened:
        start = opened.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 2 <= length <= _MOST_HEADER:
            raise ModelFilesBroken(path=file, reason=_("its header is damaged. {way_out}", way_out=_download_again()))
        text = opened.read(length)
    try:
        header = json.loads(text)
        entries = [(name, entry) for name, entry in header.items() if name != "__metadata__"]
        needed = 8 + length + max((int(entry["data_offsets"][1]) for _name, entry in entries), default=0)
        found = [
            StoredTensor(name, str(entry["dtype"]), prod(entry["shape"]), len(entry["shape"]))
            for name, entry in entries
        ]
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ModelFilesBroken(
            path=file, reason=_("its header is damaged. {way_out}", way_out=_download_again())
        ) from error
    if size < needed:
        raise ModelFilesBroken(
            path=file,
            reason=_(
                "it is cut off: {size:,} of {needed:,} bytes are here. {way_out}",
                size=size,
                needed=needed,
                way_out=_download_again(),
            ),
        )
    yield from found


def _download_again() -> Text:
    return _("Download it again, whole; an interrupted download can be continued.")
