"""Stand-ins for the tests of GGUF models: a tiny file in the real format, and an engine that answers by rules."""

import json
import math
import struct
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from composer.models.base import Usage
from composer.models.gguf.engine import EngineError, EngineSettings


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def entry(key: str, value: int | str | list[str] | list[int]) -> bytes:
    if isinstance(value, str):
        return text(key) + struct.pack("<I", 8) + text(value)
    if isinstance(value, int):
        return text(key) + struct.pack("<II", 4, value)
    if isinstance(value[0], str):
        return text(key) + struct.pack("<IIQ", 9, 8, len(value)) + b"".join(text(str(item)) for item in value)
    return text(key) + struct.pack(f"<IIQ{len(value)}i", 9, 5, len(value), *value)


ENTRIES: dict[str, int | str | list[str] | list[int]] = {
    "general.architecture": "llama",
    "general.name": "Tiny",
    "general.file_type": 15,
    "llama.context_length": 4096,
    "llama.block_count": 2,
    "llama.embedding_length": 64,
    "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 2,
    "tokenizer.chat_template": "{{ messages }}",
    "tokenizer.ggml.tokens": ["a", "<|end|>", "b"],
    "tokenizer.ggml.token_type": [1, 3, 1],
}


def write_file(path: Path, entries: Mapping[str, Any] = ENTRIES, *, version: int = 3, rows: int = 8) -> Path:
    """A GGUF file with one F32 tensor of `rows` x 4 values."""
    header = b"GGUF" + struct.pack("<IQQ", version, 1, len(entries))
    header += b"".join(entry(key, value) for key, value in entries.items())
    header += text("token_embd.weight") + struct.pack("<IQQIQ", 2, 4, rows, 0, 0)
    header += b"\0" * (-len(header) % 32)
    path.write_bytes(header + b"\0" * (rows * 16))
    return path


def write_parts(folder: Path, count: int = 2) -> list[Path]:
    """A model of `count` parts with a tensor each; the first has the header's values."""
    paths = []
    for number in range(count):
        split = {"split.no": number, "split.count": count, "split.tensors.count": count}
        path = folder / f"tiny-{number + 1:05d}-of-{count:05d}.gguf"
        paths.append(write_file(path, {**(ENTRIES if number == 0 else {}), **split}))
    return paths


class FakeEngine:
    """One token a character. `logprobs`: text so far (after the prompt) -> character -> log-probability."""

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings
        self.requests: list[dict[str, Any]] = []
        self.logprobs: dict[str, dict[str, float]] = {}
        self.listed = 10  # how many tokens the first answer names
        self.error: EngineError | None = None
        self.closed = False
        self.tokens_per_second = 0.0
        self.usage = Usage()
        self.opening = ""  # what the template writes at the end of a prompt
        self.replied = ("one ", "two ", "three")

    def chat_prompt(self, messages: list[dict[str, str]]) -> str:
        return json.dumps(messages, ensure_ascii=False) + ">" + self.opening

    def tokens(self, prompt: str, *, begins: bool = True) -> list[int]:
        return [ord(character) for character in prompt]

    def complete(self, request: dict[str, Any]) -> dict[str, Any]:
        self.requests.append(request)
        if self.error:
            raise self.error
        continued = "".join(map(chr, request["prompt"])).rpartition(">")[2]
        known = sorted(self.logprobs[continued].items(), key=lambda item: -item[1])
        if request.get("post_sampling_probs"):
            biased = {token for token, _ in request["logit_bias"]}
            shares = {character: math.exp(value) for character, value in known if ord(character) in biased}
            entries = [{"id": ord(c), "prob": share / sum(shares.values())} for c, share in shares.items()]
            return {"choices": [{"logprobs": {"content": [{"top_probs": entries}]}}]}
        entries = [{"id": ord(character), "logprob": value} for character, value in known[: self.listed]]
        return {"choices": [{"logprobs": {"content": [{"top_logprobs": entries}]}}]}

    def stream(self, request: dict[str, Any], stop: threading.Event | None = None) -> Iterator[str]:
        self.requests.append(request)
        if self.error:
            raise self.error
        for piece in self.replied:
            if stop is not None and stop.is_set():
                return
            yield piece

    def close(self) -> None:
        self.closed = True
