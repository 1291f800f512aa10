"""What a transformers model takes of memory: arithmetic over the sizes in its files' headers and config.json.

Imports neither torch nor transformers; knows no devices.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import ReadableError
from composer.models.transformers_vlm.folder import ModelFolder, read_folder

GIB = 1 << 30
CONTEXT_TOKENS = 8192  # of one conversation, where memory allows
CONVERSATIONS = 2  # whose keys and values have room at the same time
NUMBERS = {"bfloat16": 2, "float16": 2, "float32": 4}  # bytes of one
PACKING = {16: "", 8: "int8", 4: "nf4"}  # bits -> how weights are packed while they load
DRIVER = GIB // 2  # bytes of one process on one card: driver, kernels, library workspaces
_PACKED = {"nf4": 0.516, "int8": 1.0}  # bytes a value: 4 bits and the doubly packed scales of 64 values; 8 bits
_PICTURES = 128 << 20  # for encoding pictures
_KEPT_WIDE = ("embed", "lm_head", "norm", "bias")  # parts of names of tensors that are not packed


@dataclass(frozen=True, slots=True)
class MemoryNeeds:
    """Bytes."""

    weights: int
    cache: int  # keys and values of CONVERSATIONS
    working: int  # the largest temporaries, on each device
    context_tokens: int  # of one conversation

    @property
    def on_a_card(self) -> int:
        """All together, the driver's share included."""
        return self.weights + self.cache + self.working + DRIVER


def memory_needed(
    folder: ModelFolder, number: int = 2, quantization: str = "", context_tokens: int | None = None
) -> MemoryNeeds:
    """What a model takes. number: bytes of the numbers that it computes with. quantization: of its weights, "nf4",
    "int8" or "". context_tokens: None: as many as it is loaded with where memory allows."""
    text = folder.text_config
    context = context_tokens or min(CONTEXT_TOKENS, trained_context(folder))
    width = int(text.get("hidden_size") or text.get("n_embd") or 4096)
    inner = int(text.get("intermediate_size") or 4 * width)
    working = context * (3 * inner + 6 * width) * number // 4 + int(text.get("vocab_size") or 150_000) * 4 * 8
    cache = cache_bytes_per_token(text, number) * context * CONVERSATIONS
    weights = sum(_stored(tensor, number, quantization) for tensor in folder.tensors) or _pickled(folder, number)
    return MemoryNeeds(weights, cache, working + _PICTURES, context)


def memory_in_bits(folder: ModelFolder, context_tokens: int | None = None) -> dict[int, MemoryNeeds]:
    """Bits of the weights -> what the model takes on a card; only its own bits where its files are packed."""
    if folder.quantization or not folder.tensors:  # of pickled weights it is not known which are packed
        bits = next((bits for bits in (4, 8) if f"{bits}bit" in folder.quantization), 16)
        return {bits: memory_needed(folder, context_tokens=context_tokens)}
    return {bits: memory_needed(folder, 2, kind, context_tokens) for bits, kind in PACKING.items()}


def memory_of(folder: Path) -> dict[int, int]:
    """Bits of the weights -> bytes on a card of a model in a folder; empty where that cannot be told."""
    try:
        return {bits: needs.on_a_card for bits, needs in memory_in_bits(read_folder(folder)).items()}
    except (ReadableError, OSError, TypeError, ValueError, ZeroDivisionError):
        return {}


def trained_context(folder: ModelFolder) -> int:
    """How many tokens the model was trained to read; CONTEXT_TOKENS where it does not say."""
    text = folder.text_config
    found = text.get("max_position_embeddings") or text.get("n_positions") or text.get("max_seq_len")
    return int(found) if isinstance(found, int) and found > 0 else CONTEXT_TOKENS


def cache_bytes_per_token(text: dict[str, Any], size: int) -> int:
    """Bytes of keys and values of one token. size: bytes of a number."""
    layers = int(text.get("num_hidden_layers") or text.get("n_layer") or 32)
    kinds = text.get("layer_types")
    if isinstance(kinds, list):  # states that sum up all tokens take nothing a token
        layers = sum(kind not in ("linear_attention", "conv", "mamba") for kind in kinds)
    heads = int(text.get("num_attention_heads") or text.get("n_head") or 32)
    width = int(text.get("hidden_size") or text.get("n_embd") or 4096)
    shared = int(text.get("num_key_value_heads") or heads)
    return 2 * layers * shared * int(text.get("head_dim") or width // heads) * size


def _stored(tensor: Any, size: int, quantization: str) -> int:
    """Bytes of a tensor in memory."""
    if not tensor.is_float:
        return int(tensor.bytes)
    if quantization and tensor.dimensions == 2 and not any(part in tensor.name for part in _KEPT_WIDE):
        return int(tensor.count * _PACKED[quantization])
    return int(tensor.count * size)


def _pickled(folder: ModelFolder, size: int) -> int:
    stored = str(folder.config.get("dtype") or folder.config.get("torch_dtype") or "float16")
    return folder.weight_bytes * size // NUMBERS.get(stored, 2)
