"""What the header of a GGUF file says, and files that are no model."""

from pathlib import Path
from typing import Any

import pytest

from composer.errors import ModelFilesBroken
from composer.models.gguf.header import read_header
from composer.models.gguf.model import GgufModel
from tests.composer.models.gguf_standins import ENTRIES, write_file


def test_header_is_read(tmp_path: Path) -> None:
    header = read_header(write_file(tmp_path / "tiny.gguf"))
    assert (header.architecture, header.name, header.quantization) == ("llama", "Tiny", "Q4_K_M")
    assert (header.context_tokens, header.has_chat_template) == (4096, True)
    assert header.control_tokens == ("<|end|>",)
    assert header.cache_bytes_per_token == 2 * 2 * 16 * 2 * 2  # layers, kv heads, width, K and V, bytes


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda path: path.write_bytes(b""), "it is empty"),
        (lambda path: path.write_bytes(b"PK\x03\x04 a zip"), "no GGUF file"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "incomplete"),
        (lambda path: path.write_bytes(path.read_bytes()[:100]), "damaged or incomplete"),
        (lambda path: path.write_bytes(b"GGUF"), "damaged or incomplete"),
        (lambda path: path.write_bytes(b"GGUF\x03\0\0\0" + b"\xff" * 64), "damaged or incomplete"),
        (lambda path: path.write_bytes(b"GGUF\x63\0\0\0" + b"\0" * 64), "version is 99"),
        (lambda path: write_file(path, {**ENTRIES, "general.architecture": "clip"}), "mmproj"),
        (lambda path: write_file(path, {**ENTRIES, "general.type": "adapter"}), "LoRA"),
        (lambda path: write_file(path, {"general.architecture": "llama"}), "no language model"),
        (lambda path: write_file(path, {**ENTRIES, "llama.context_length": "long"}), "damaged or incomplete"),
        (lambda path: write_file(path, {**ENTRIES, "general.alignment": "x"}), "damaged or incomplete"),
        (lambda path: path.unlink(), "cannot be read"),
    ],
)
def test_a_file_that_is_no_model_is_refused_with_the_reason(tmp_path: Path, spoil: Any, sentence: str) -> None:
    path = write_file(tmp_path / "tiny.gguf")
    spoil(path)
    with pytest.raises(ModelFilesBroken, match=sentence) as caught:
        GgufModel(path)
    assert str(path) in caught.value.text("en")
    assert "模型文件" in caught.value.text("zh")


def test_every_damaged_byte_of_a_header_is_survived(tmp_path: Path) -> None:
    good = write_file(tmp_path / "good.gguf").read_bytes()
    path = tmp_path / "bad.gguf"
    for position in range(len(good) - 128):
        path.write_bytes(good[:position] + bytes([good[position] ^ 0xFF]) + good[position + 1 :])
        try:
            read_header(path)
        except ModelFilesBroken:
            continue


# -- an engine that answers by rules -----------------------------------------------------------------------------------
