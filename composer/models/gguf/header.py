"""Reads the header of a GGUF file, so that a wrong, truncated or damaged file is refused before an engine opens it.

An engine in C++ may end the whole process over a damaged header; this reader raises ModelFilesBroken. Knows the
container (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md), not how a model computes.
"""

import mmap
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from common.messages import Text, _
from composer.errors import ModelFilesBroken
from composer.models.gguf.parts import SUFFIX, parts_of, whole_models
from composer.models.unfetched import refuse_pointer

MAGIC = b"GGUF"
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_MOST = 1 << 40  # no number that matters here is larger
_MAX_LENGTH = 1 << 28  # no string, list or table of a real file is longer than this
_NORMAL_TOKEN, _UNKNOWN_TOKEN, _CONTROL_TOKEN, _USER_DEFINED_TOKEN = 1, 2, 3, 4  # llama_token_type
# what the engine itself takes for a mark, whatever its type; src/llama-vocab.cpp, "control-looking token"
_TURN_MARK = re.compile(
    "(?:▁|_)?(?:<\\|[^|]*\\|>|<｜.*｜>|</?s>|<[A-Z]{3,4}>|\\[(?:E|B)O[TS]\\]|\\[/?INST\\]|<fim[-_]\\w+>|<repo-?name>"
    "|<(?:start|end)_of_\\w+>)".encode(),
    re.DOTALL,
)
DAMAGED = _("its header is damaged or incomplete. Download the file again")
_COMPANIONS = {
    "mmproj": _("it holds no language model but the picture part of one (mmproj)"),
    "adapter": _("it holds no language model but an adapter for one (LoRA)"),
    "imatrix": _("it holds no language model but a table of importances (imatrix)"),
}

# ggml type -> (values in a block, bytes of a block); ggml/src/ggml-common.h
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292), 16: (256, 66),
    17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136),
    24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54),
    35: (256, 66), 39: (32, 17),
}  # fmt: skip

# llama_ftype -> its usual name; include/llama.h
_FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S",
    12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS",
    20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M",
    28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """The contents of the header that matter here."""

    path: Path  # of the first part
    size: int  # bytes of all its files
    architecture: str
    name: str = ""
    quantization: str = ""
    context_tokens: int = 0  # the length that the model was trained for; 0 where the header does not say
    has_chat_template: bool = False
    control_tokens: tuple[str, ...] = ()  # texts that the tokenizer turns into one special token
    cache_bytes_per_token: int = 0  # keys and values of one token in 16 bits, all layers
    values: dict[str, Any] = field(default_factory=dict)  # single values only; lists are left out

    @property
    def has_vision(self) -> bool:
        """Whether the file holds the picture part too, as files of Ollama's own engine do; llama.cpp reads no such."""
        return any(key.startswith(f"{self.architecture}.vision.") for key in self.values)


class Damaged(Exception):
    """The header holds something that no GGUF file has."""


def read_header(path: str | Path) -> GgufHeader:
    """The header of a language model, of which the path names a file: the only one, or any of its parts.

    Raises ModelFilesBroken with the reason, for a missing or incomplete part, too.
    """
    paths = parts_of(Path(path))
    missing = [part for part in paths if not part.exists()]
    if missing and len(paths) > 1:
        refuse(
            missing[0],
            _(
                "it is missing: the model is in {count} parts, which lie beside each other. Download {missing}",
                count=len(paths),
                missing=[part.name for part in missing],
            ),
        )
    first, *others = (read_file(part) for part in paths)
    try:
        _check_parts(first, others)
        return _header(first, sum(file.size for file in (first, *others)))
    except Damaged as error:
        refuse(first.path, DAMAGED, error)


def models_in(folder: Path) -> list[Path]:
    """One file of each language model in a folder. What lies beside models is passed over: picture parts (mmproj),
    adapters, tables of importances. Raises OSError."""
    files = (path for path in folder.iterdir() if path.suffix.lower() == SUFFIX)
    return [path for path in whole_models(files) if _may_be_model(path)]


def _may_be_model(path: Path) -> bool:
    """What is damaged counts as a model, unless its name says otherwise: who loads it says what is wrong."""
    try:
        file = read_file(path)
    except ModelFilesBroken:
        return "mmproj" not in path.name.lower()
    return file.companion is None


@dataclass(frozen=True, slots=True)
class GgufFile:
    """What the header of one file says."""

    path: Path
    size: int
    tensors: int
    values: dict[str, Any]
    tokens: list[bytes]
    token_types: list[int]

    @property
    def architecture(self) -> str:
        return str(self.values.get("general.architecture", ""))

    @property
    def companion(self) -> Text | None:
        """What the file holds instead of a language model, if it says so."""
        kind = "mmproj" if self.architecture == "clip" else str(self.values.get("general.type", "model"))
        return _COMPANIONS.get(kind)


def read_file(path: Path) -> GgufFile:
    """The header of one file, whatever it holds. Raises ModelFilesBroken."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            if file.read(4) != MAGIC:
                refuse_pointer(path)
                refuse(
                    path,
                    _("it is no GGUF file (it is empty)") if size == 0 else _("it is no GGUF file"),
                )
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _parse(path, size, data)
    except OSError as error:
        refuse(path, _("it cannot be read ({strerror})", strerror=error.strerror), error)
    except (Damaged, struct.error, UnicodeDecodeError) as error:
        refuse(path, DAMAGED, error)


def _parse(path: Path, size: int, data: mmap.mmap) -> GgufFile:
    reader = _Reader(data)
    version = reader.number("I")
    if version not in (2, 3):
        refuse(path, _("its GGUF version is {version}; 2 and 3 can be read", version=version))
    tensors, entries = reader.length("Q"), reader.length("Q")
    values: dict[str, Any] = {}
    tokens: list[bytes] = []
    token_types: list[int] = []
    for _entry in range(entries):
        key = reader.text()
        value = reader.value()
        if key == "tokenizer.ggml.tokens":
            tokens = value
        elif key == "tokenizer.ggml.token_type":
            token_types = value
        elif not isinstance(value, list):
            values[key] = value.decode() if isinstance(value, bytes) else value
    end = 0  # of the tensors' data, counted from its start
    for _tensor in range(tensors):
        reader.text()
        count = 1
        for _dimension in range(reader.length("I")):
            count *= reader.number("Q")
        kind, offset = reader.number("I"), reader.number("Q")
        per_block, block_bytes = _BLOCKS.get(kind, (1, 0))
        end = max(end, offset + count // per_block * block_bytes)
    alignment = number_of(values, "general.alignment") or 32
    expected = -(-reader.position // alignment) * alignment + end
    if size < expected:
        refuse(
            path,
            _(
                "it is incomplete: {size:,} of {expected:,} bytes are here. Download it again",
                size=size,
                expected=expected,
            ),
        )
    return GgufFile(path, size, tensors, values, tokens, token_types)


def _check_parts(first: GgufFile, others: Sequence[GgufFile]) -> None:
    """Raises ModelFilesBroken where the files are not the parts of one model, in this order."""
    count = number_of(first.values, "split.count")
    if count > 1 and not others:
        example = f"NAME-00001-of-{count:05d}.gguf"
        refuse(
            first.path,
            _(
                "it is part {number} of {count} of a model, and its name does not say so. Give the parts the names "
                "that they were published with, such as {example}",
                number=number_of(first.values, "split.no") + 1,
                count=count,
                example=example,
            ),
        )
    for number, file in enumerate((first, *others) if others else ()):
        found = number_of(file.values, "split.no"), number_of(file.values, "split.count")
        if found != (number, len(others) + 1):
            refuse(
                file.path,
                _(
                    "it is named as part {number} of {count}, and is part {found} of {found_count}",
                    number=number + 1,
                    count=len(others) + 1,
                    found=found[0] + 1,
                    found_count=found[1],
                ),
            )
    tensors = number_of(first.values, "split.tensors.count")
    here = sum(file.tensors for file in (first, *others))
    if others and tensors != here:
        refuse(
            first.path,
            _(
                "its parts hold {here} of {tensors} tables of weights; they are not of one model. Download them again",
                here=here,
                tensors=tensors,
            ),
        )


def _header(file: GgufFile, size: int) -> GgufHeader:
    """size: bytes of all parts."""
    if file.companion is not None:
        refuse(file.path, file.companion)
    if not file.architecture or not file.tokens or not file.tensors:
        refuse(file.path, _("it holds no language model"))
    special = [
        token
        for token, kind in zip(file.tokens, file.token_types or [_NORMAL_TOKEN] * len(file.tokens), strict=False)
        if kind in (_CONTROL_TOKEN, _UNKNOWN_TOKEN) or _is_mark(token, kind)
    ]
    values = file.values
    return GgufHeader(
        path=file.path,
        size=size,
        architecture=file.architecture,
        name=str(values.get("general.name", "")),
        quantization=_FILE_TYPES.get(number_of(values, "general.file_type", -1), ""),
        context_tokens=number_of(values, f"{file.architecture}.context_length"),
        has_chat_template="tokenizer.chat_template" in values,
        control_tokens=tuple(t.decode("utf-8", "replace").lstrip("▁_") for t in special if len(t) > 1),
        cache_bytes_per_token=_cache_bytes(file.architecture, values),
        values=values,
    )


def _is_mark(token: bytes, kind: int) -> bool:
    """Whether a token that is not typed as one of control still opens or closes something.

    Many conversions type turn marks USER_DEFINED, and the engine recognises those in a text; "<tool_call>" and "[INST]"
    are of that kind, too. To NORMAL ones it gives another type itself where they look like the end of a turn.
    """
    if kind == _USER_DEFINED_TOKEN:
        text = token.decode("utf-8", "replace").strip("▁_ ")
        return len(text) > 2 and not text[0].isalnum() and not text[-1].isalnum() and any(map(str.isalnum, text))
    return token[:1] in (b"<", b"[", b"_", b"\xe2") and bool(_TURN_MARK.fullmatch(token))


def number_of(values: dict[str, Any], key: str, absent: int = 0) -> int:
    """A whole number of the header, within what a real file may say. Raises Damaged."""
    value = values.get(key, absent)
    if isinstance(value, str) or not absent <= value <= _MOST:
        raise Damaged(key)
    return int(value)


def _cache_bytes(architecture: str, values: dict[str, Any]) -> int:
    def number(key: str) -> int:
        return number_of(values, f"{architecture}.{key}")

    heads = number("attention.head_count")
    if not heads:
        return 0
    width = number("attention.key_length") or number("embedding_length") // heads
    return number("block_count") * (number("attention.head_count_kv") or heads) * width * 2 * 2  # K and V, 2 bytes each


def refuse(path: Path, reason: Text, cause: Exception | None = None) -> NoReturn:
    """Raises ModelFilesBroken."""
    raise ModelFilesBroken(path=path, reason=reason) from cause


class _Reader:
    """Reads little-endian values one after the other, never past the end."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data, self.position = data, 4  # after the magic

    def number(self, code: str) -> Any:
        value = struct.unpack_from("<" + code, self.data, self.position)[0]
        self.position += struct.calcsize("<" + code)
        return value

    def length(self, code: str) -> int:
        value = int(self.number(code))
        if value > _MAX_LENGTH:
            raise Damaged(value)
        return value

    def raw(self) -> bytes:
        length = self.length("Q")
        if self.position + length > len(self.data):
            raise Damaged(length)
        value = self.data[self.position : self.position + length]
        self.position += length
        return value

    def text(self) -> str:
        return self.raw().decode()

    def value(self) -> Any:
        """One value; strings stay bytes, lists are lists (of bytes or numbers)."""
        kind = self.number("I")
        if kind == _STRING:
            return self.raw()
        if kind != _ARRAY:
            return self._scalar(kind)
        kind, count = self.number("I"), self.length("Q")
        if kind == _STRING:
            return self._strings(count)
        code = _SCALARS.get(kind)
        if code is None:
            raise Damaged(kind)
        values = list(struct.unpack_from(f"<{count}{code}", self.data, self.position))
        self.position += struct.calcsize(f"<{count}{code}")
        return values

    def _strings(self, count: int) -> list[bytes]:
        """As `raw` for each; vocabularies have hundreds of thousands, so that a call for each would take long."""
        length_at, data, position = struct.Struct("<Q").unpack_from, self.data, self.position
        end, values = len(data), []
        for _string in range(count):
            (length,) = length_at(data, position)
            position += 8
            if position + length > end:
                raise Damaged(length)
            values.append(data[position : position + length])
            position += length
        self.position = position
        return values

    def _scalar(self, kind: int) -> Any:
        code = _SCALARS.get(kind)
        if code is None:
            raise Damaged(kind)
        return self.number(code)
