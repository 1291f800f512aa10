"""Reads the header of a GGUF file, so that a wrong, truncated or damaged file is refused before an engine opens it.

An engine in C++ may end the whole process over a damaged header; this reader raises ModelFilesBroken. Knows the
container (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md), not how a model computes.
"""

import mmap
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from common.messages import Text, _
from composer.errors import ModelFilesBroken

MAGIC = b"GGUF"
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_MAX_LENGTH = 1 << 28  # no string, list or table of a real file is longer than this
_CONTROL_TOKEN, _USER_DEFINED_TOKEN = 3, 4  # llama_token_type
_MARK = re.compile(rb"[<\[{|].*[>\]}|]", re.DOTALL)  # a token that opens or closes something: "<tool_call>", "[INST]"

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

    path: Path
    size: int  # bytes of the whole file
    architecture: str
    name: str = ""
    quantization: str = ""
    context_tokens: int = 0  # the length that the model was trained for; 0 where the header does not say
    has_chat_template: bool = False
    control_tokens: tuple[str, ...] = ()  # texts that the tokenizer turns into one special token
    cache_bytes_per_token: int = 0  # keys and values of one token in 16 bits, all layers
    values: dict[str, Any] = field(default_factory=dict)  # single values only; lists are left out


class PicturePart(ModelFilesBroken):
    """The file is whole, and holds the part of a vision model that sees, not the one that writes."""


class _Damaged(Exception):
    """The header holds something that no GGUF file has."""


def read_header(path: str | Path) -> GgufHeader:
    """The header of a language model's GGUF file. Raises ModelFilesBroken with the reason."""
    path = Path(path)
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            if file.read(4) != MAGIC:
                _refuse(
                    path,
                    _("it is no GGUF file (it is empty)") if size == 0 else _("it is no GGUF file"),
                )
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _parse(path, size, data)
    except OSError as error:
        _refuse(path, _("it cannot be read ({strerror})", strerror=error.strerror), error)
    except (_Damaged, struct.error, UnicodeDecodeError) as error:
        _refuse(
            path,
            _("its header is damaged or incomplete. Download the file again"),
            error,
        )


def is_picture_part(path: Path) -> bool:
    """Whether a file is the picture part of a vision model, by the names that publishers give it or by its header."""
    if "mmproj" in path.name.lower():
        return True
    try:
        read_header(path)
    except PicturePart:
        return True
    except ModelFilesBroken:
        return False  # whoever loads it says what is wrong
    return False


def _parse(path: Path, size: int, data: mmap.mmap) -> GgufHeader:
    reader = _Reader(data)
    version = reader.number("I")
    if version not in (2, 3):
        _refuse(path, _("its GGUF version is {version}; 2 and 3 can be read", version=version))
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
    alignment = int(values.get("general.alignment", 32)) or 32
    expected = -(-reader.position // alignment) * alignment + end
    if size < expected:
        _refuse(
            path,
            _(
                "it is incomplete: {size:,} of {expected:,} bytes are here. Download it again",
                size=size,
                expected=expected,
            ),
        )
    architecture = str(values.get("general.architecture", ""))
    if architecture in ("", "clip") or not tokens or not tensors:
        if architecture == "clip":
            raise PicturePart(path=path, reason=_("it holds no language model but the picture part of one (mmproj)"))
        _refuse(path, _("it holds no language model"))
    special = [
        token
        for token, kind in zip(tokens, token_types, strict=False)
        if kind == _CONTROL_TOKEN or (kind == _USER_DEFINED_TOKEN and _MARK.fullmatch(token))  # many conversions say so
    ]
    return GgufHeader(
        path=path,
        size=size,
        architecture=architecture,
        name=str(values.get("general.name", "")),
        quantization=_FILE_TYPES.get(int(values.get("general.file_type", -1)), ""),
        context_tokens=int(values.get(f"{architecture}.context_length", 0)),
        has_chat_template="tokenizer.chat_template" in values,
        control_tokens=tuple(t.decode("utf-8", "replace") for t in special if len(t) > 1),
        cache_bytes_per_token=_cache_bytes(architecture, values),
        values=values,
    )


def _cache_bytes(architecture: str, values: dict[str, Any]) -> int:
    def number(key: str) -> int:
        return int(values.get(f"{architecture}.{key}", 0))

    heads = number("attention.head_count")
    if not heads:
        return 0
    width = number("attention.key_length") or number("embedding_length") // heads
    return number("block_count") * (number("attention.head_count_kv") or heads) * width * 2 * 2  # K and V, 2 bytes each


def _refuse(path: Path, reason: Text, cause: Exception | None = None) -> NoReturn:
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
            raise _Damaged(value)
        return value

    def raw(self) -> bytes:
        length = self.length("Q")
        if self.position + length > len(self.data):
            raise _Damaged(length)
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
            return [self.raw() for _ in range(count)]
        code = _SCALARS.get(kind)
        if code is None:
            raise _Damaged(kind)
        values = list(struct.unpack_from(f"<{count}{code}", self.data, self.position))
        self.position += struct.calcsize(f"<{count}{code}")
        return values

    def _scalar(self, kind: int) -> Any:
        code = _SCALARS.get(kind)
        if code is None:
            raise _Damaged(kind)
        return self.number(code)
