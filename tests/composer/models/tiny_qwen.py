"""A tiny random Qwen2-VL in GGUF files: positions in three dimensions, pictures in any size, marks around them."""

from pathlib import Path
from typing import Any

import gguf
import numpy as np

from tests.composer.models.tiny_eyes import CONTEXT, MERGES, TEMPLATE, VOCABULARY

SPECIAL = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|vision_start|>", "<|vision_end|>"]
TOKENS = [*VOCABULARY[:-4], *SPECIAL]
WIDTH, HIDDEN, HEADS, KEY_HEADS, LAYERS = 64, 128, 4, 2, 2
EYE_WIDTH, EYE_HIDDEN = 32, 64
MERGED = 28  # pixels a side of what becomes one token


def write_files(folder: Path) -> tuple[Path, Path]:
    """The language model and its picture part."""
    paths = folder / "tiny-qwen.gguf", folder / "mmproj-tiny-qwen.gguf"
    rng = np.random.default_rng(0)
    for path, fill in zip(paths, (_language, _eyes), strict=True):
        writer = gguf.GGUFWriter(path, "qwen2vl" if fill is _language else "clip")
        for name, shape in fill(writer).items():
            weights = rng.normal(0, 0.15, shape) if shape[0] else np.ones(shape[1:])  # (0, n): a scale of ones
            writer.add_tensor(name, weights.astype(np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    return paths


def _language(writer: Any) -> dict[str, tuple[int, ...]]:
    writer.add_name("Tiny Qwen")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_HEADS)
    writer.add_rope_freq_base(1e6)
    writer.add_rope_dimension_sections([2, 3, 3, 0])
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_file_type(0)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(TOKENS)
    writer.add_token_types([1] * (len(TOKENS) - len(SPECIAL)) + [3] * len(SPECIAL))
    writer.add_token_merges(MERGES)
    writer.add_eos_token_id(TOKENS.index("<|im_end|>"))
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)
    keys = WIDTH // HEADS * KEY_HEADS
    shapes: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (len(TOKENS), WIDTH),
        "output_norm.weight": (0, WIDTH),
        "output.weight": (len(TOKENS), WIDTH),
    }
    for layer in range(LAYERS):
        block = {
            "attn_norm.weight": (0, WIDTH), "ffn_norm.weight": (0, WIDTH),
            "attn_q.weight": (WIDTH, WIDTH), "attn_k.weight": (keys, WIDTH), "attn_v.weight": (keys, WIDTH),
            "attn_q.bias": (WIDTH,), "attn_k.bias": (keys,), "attn_v.bias": (keys,),
            "attn_output.weight": (WIDTH, WIDTH),
            "ffn_gate.weight": (HIDDEN, WIDTH), "ffn_up.weight": (HIDDEN, WIDTH), "ffn_down.weight": (WIDTH, HIDDEN),
        }  # fmt: skip
        shapes |= {f"blk.{layer}.{name}": shape for name, shape in block.items()}
    return shapes


def _eyes(writer: Any) -> dict[str, tuple[int, ...]]:
    writer.add_type("mmproj")
    writer.add_name("Tiny Qwen")
    writer.add_file_type(0)
    writer.add_clip_has_vision_encoder(True)
    writer.add_clip_projector_type("qwen2vl_merger")
    writer.add_vision_projection_dim(WIDTH)
    writer.add_vision_image_size(560)
    writer.add_vision_patch_size(MERGED // 2)
    writer.add_vision_embedding_length(EYE_WIDTH)
    writer.add_vision_feed_forward_length(EYE_HIDDEN)
    writer.add_vision_block_count(LAYERS)
    writer.add_vision_head_count(2)
    writer.add_vision_attention_layernorm_eps(1e-6)
    writer.add_vision_image_mean([0.5] * 3)
    writer.add_vision_image_std([0.5] * 3)
    wide = 4 * EYE_WIDTH  # of two by two patches
    shapes: dict[str, tuple[int, ...]] = {
        "v.patch_embd.weight": (EYE_WIDTH, 3, MERGED // 2, MERGED // 2),
        "v.patch_embd.weight.1": (EYE_WIDTH, 3, MERGED // 2, MERGED // 2),  # of the second picture of a film
        "v.post_ln.weight": (0, EYE_WIDTH), "v.post_ln.bias": (EYE_WIDTH,),
        "mm.0.weight": (wide, wide), "mm.0.bias": (wide,), "mm.2.weight": (WIDTH, wide), "mm.2.bias": (WIDTH,),
    }  # fmt: skip
    for layer in range(LAYERS):
        block: dict[str, tuple[int, ...]] = {
            "ffn_up.weight": (EYE_HIDDEN, EYE_WIDTH), "ffn_up.bias": (EYE_HIDDEN,),
            "ffn_down.weight": (EYE_WIDTH, EYE_HIDDEN), "ffn_down.bias": (EYE_WIDTH,),
        }  # fmt: skip
        for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
            block |= {f"{name}.weight": (EYE_WIDTH, EYE_WIDTH), f"{name}.bias": (EYE_WIDTH,)}
        for name in ("ln1", "ln2"):
            block |= {f"{name}.weight": (0, EYE_WIDTH), f"{name}.bias": (EYE_WIDTH,)}
        shapes |= {f"v.blk.{layer}.{name}": shape for name, shape in block.items()}
    return shapes
