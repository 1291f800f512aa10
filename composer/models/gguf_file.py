"""Reads the header of a GGUF file: enough to refuse a wrong, truncated or damaged one before an engine sees it.

Knows the container (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md), not how a model computes. An engine in
C++ may end the whole process on a damaged header; this reader raises ModelFilesBroken instead.
"""

import mmap
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from composer.errors import ModelFilesBroken

MAGIC = b"GGUF"
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_MAX_LENGTH = 1 << 28  # no string, list or table of a real file is longer
_CONTROL_TOKEN = 3  # llama_token_type

# ggml type -> (values a block, bytes a block); ggml/src/ggml-common.h
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292), 16: (256, 66),
    17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136),
    24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54),
    35: (256, 66), 39: (32, 17),
}  # fmt: skip

# llama_ftype -> the name people know; include/llama.h
_FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S",
    12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS",
    20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M",
    28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What the header says."""

    path: Path
    size: int  # bytes of the whole file
    architecture: str
    name: str = ""
    quantization: str = ""
    context_tokens: int = 0  # the length the model was trained for; 0 where it is not said
    has_chat_template: bool = False
    control_tokens: tuple[str, ...] = ()  # texts that the tokenizer reads as one special token
    cache_bytes_per_token: int = 0  # keys and values of one token in 16 bits, all layers
    values: dict[str, Any] = field(default_factory=dict)  # single values only; lists are left out


class _Broken(Exception):
    """Something in the header that no GGUF file has."""


def read_header(path: str | Path) -> GgufHeader:
    """The header of a language model's GGUF file. Raises ModelFilesBroken with the reason."""
    path = Path(path)
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            if file.read(4) != MAGIC:
                _refuse(
                    path,
                    "it is no GGUF file (it is empty)" if size == 0 else "it is no GGUF file",
                    "不是 GGUF 文件（文件为空）" if size == 0 else "不是 GGUF 文件",
                )
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _parse(path, size, data)
    except OSError as error:
        _refuse(path, f"it cannot be read ({error.strerror})", f"无法读取（{error.strerror}）", error)
    except (_Broken, struct.error, UnicodeDecodeError) as error:
        _refuse(
            path,
            "its header is damaged or incomplete. Download the file again",
            "文件头已损坏或不完整，请重新下载",
            error,
        )


def _parse(path: Path, size: int, data: mmap.mmap) -> GgufHeader:
    reader = _Reader(data)
    version = reader.number("I")
    if version not in (2, 3):
        _refuse(path, f"its GGUF version is {version}; 2 and 3 can be read", f"GGUF 版本为 {version}，只支持 2 和 3")
    tensors, entries = reader.length("Q"), reader.length("Q")
    values: dict[str, Any] = {}
    tokens: list[bytes] = []
    token_types: list[int] = []
    for _ in range(entries):
        key = reader.text()
        value = reader.value()
        if key == "tokenizer.ggml.tokens":
            tokens = value
        elif key == "tokenizer.ggml.token_type":
            token_types = value
        elif not isinstance(value, list):
            values[key] = value.decode() if isinstance(value, bytes) else value
    end = 0  # of the tensor data, counted from its beginning
    for _ in range(tensors):
        reader.text()
        count = 1
        for _ in range(reader.length("I")):
            count *= reader.number("Q")
        kind, offset = reader.number("I"), reader.number("Q")
        per_block, block_bytes = _BLOCKS.get(kind, (1, 0))
        end = max(end, offset + count // per_block * block_bytes)
    alignment = int(values.get("general.alignment", 32)) or 32
    expected = -(-reader.position // alignment) * alignment + end
    if size < expected:
        _refuse(
            path,
            f"it is incomplete: {size:,} of {expected:,} bytes are here. Download it again",
            f"文件不完整：应为 {expected:,} 字节，现有 {size:,} 字节，请重新下载",
        )
    architecture = str(values.get("general.architecture", ""))
    if architecture in ("", "clip") or not tokens or not tensors:
        _refuse(
            path,
            "it holds no language model" + (" but the picture part of one (mmproj)" if architecture == "clip" else ""),
            "其中没有语言模型" + ("，只有图像部分（mmproj）" if architecture == "clip" else ""),
        )
    special = [token for token, kind in zip(tokens, token_types, strict=False) if kind == _CONTROL_TOKEN]
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


def _refuse(path: Path, reason_en: str, reason_zh: str, cause: Exception | None = None) -> NoReturn:
    raise ModelFilesBroken(path=path, reason_en=reason_en, reason_zh=reason_zh) from cause


class _Reader:
    """Little-endian values one after the other; never reads past the end."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data, self.position = data, 4  # after the magic

    def number(self, code: str) -> Any:
        value = struct.unpack_from("<" + code, self.data, self.position)[0]
        self.position += struct.calcsize("<" + code)
        return value

    def length(self, code: str) -> int:
        value = int(self.number(code))
        if value > _MAX_LENGTH:
            raise _Broken(value)
        return value

    def raw(self) -> bytes:
        length = self.length("Q")
        if self.position + length > len(self.data):
            raise _Broken(length)
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
            raise _Broken(kind)
        values = list(struct.unpack_from(f"<{count}{code}", self.data, self.position))
        self.position += struct.calcsize(f"<{count}{code}")
        return values

    def _scalar(self, kind: int) -> Any:
        code = _SCALARS.get(kind)
        if code is None:
            raise _Broken(kind)
        return self.number(code)
