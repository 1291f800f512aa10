"""A vision-language model of transformers: Qwen3-VL-8B's sizes with random weights, bfloat16 on a card."""

from collections.abc import Iterator
from typing import Any

import torch

from benchmarks.gpu.figures import Figure, Session
from benchmarks.xcomposer_common import copy_bandwidth, seconds
from common.torchvision_compat import prepare_torchvision

PICTURE, START, END = 151655, 151652, 151653  # Qwen3-VL's tokens around pictures
TRUE: dict[str, Any] = {
    "text_config": {
        "vocab_size": 151936,
        "hidden_size": 4096,
        "intermediate_size": 12288,
        "num_hidden_layers": 36,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 5e6,
            "mrope_section": [24, 20, 20],
            "mrope_interleaved": True,
        },
    },
    "vision_config": {"out_hidden_size": 4096},  # the rest is the class's own
}
TINY: dict[str, Any] = {
    "text_config": {
        **TRUE["text_config"],
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "rope_parameters": {**TRUE["text_config"]["rope_parameters"], "mrope_section": [2, 1, 1]},
    },
    "vision_config": {
        "depth": 2,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_heads": 2,
        "out_hidden_size": 32,
        "deepstack_visual_indexes": [0],
    },
}


def transformers_vlm(session: Session) -> Iterator[Figure]:
    """Reading a prompt with a picture, and writing after it with transformers' own loop."""
    session.release()
    prepare_torchvision()
    from transformers import AutoModelForImageTextToText, Qwen3VLConfig

    config = Qwen3VLConfig(**(TRUE if session.size == "7b" else TINY))
    device = "cuda" if session.on_gpu else "cpu"
    with torch.device(device):
        model: Any = AutoModelForImageTextToText.from_config(
            config, dtype=torch.bfloat16 if session.on_gpu else torch.float32
        ).eval()
    asked = prompt(config, device, model.dtype, side=512 if session.real else 64, text=700 if session.real else 20)
    yield Figure("weights", sum(p.numel() * p.element_size() for p in model.parameters()) / 1e9, "GB")
    with torch.inference_mode():
        reading = seconds(lambda: model(**asked, use_cache=True, logits_to_keep=1), repeat=3)
    yield Figure(f"reading {asked['input_ids'].shape[1]:,} tokens with a picture", reading, "s")
    tokens, bound = (64 if session.real else 8), copy_bandwidth() / bytes_a_step(model)
    ways: dict[str, dict[str, Any]] = {
        "a dynamic cache": {"cache_implementation": "dynamic"},
        "a static cache": {"cache_implementation": "static", "disable_compile": True},
    }
    if session.real:
        ways["a static cache, compiled"] = {"cache_implementation": "static"}  # as transformers does by itself on CUDA
    for name, way in ways.items():
        found = rate(model, asked, tokens, way)
        yield Figure(f"tokens a second, {name}", found)
        yield Figure(f"of the bound by reading the weights, {name}", found / bound)


def bytes_a_step(model: Any) -> int:
    """Bytes of weights that a decoding step reads: the language model and its head, but one row of the embedding."""
    embedding, head = model.get_input_embeddings().weight, model.lm_head.weight
    language = sum(p.numel() * p.element_size() for p in model.model.language_model.parameters())
    return int(language + (head.numel() - embedding.numel()) * head.element_size())


def prompt(config: Any, device: str, dtype: torch.dtype, *, side: int, text: int) -> dict[str, torch.Tensor]:
    """Random text around one square picture of so many pixels a side, as the processor would hand it over."""
    vision = config.vision_config
    patches = side // vision.patch_size
    vectors = (patches // vision.spatial_merge_size) ** 2
    words = torch.randint(5, 150_000, (text,), generator=torch.Generator().manual_seed(0)).tolist()
    ids = [*words[: text // 2], START, *[PICTURE] * vectors, END, *words[text // 2 :]]
    values = vision.in_channels * vision.temporal_patch_size * vision.patch_size**2
    input_ids = torch.tensor([ids], device=device)
    return {
        "input_ids": input_ids,
        "attention_mask": torch.ones_like(input_ids),
        "mm_token_type_ids": (input_ids == PICTURE).int(),
        "pixel_values": torch.randn(patches**2, values, device=device, dtype=dtype),
        "image_grid_thw": torch.tensor([[1, patches, patches]], device=device),
    }


def rate(model: Any, asked: dict[str, torch.Tensor], tokens: int, way: dict[str, Any]) -> float:
    """Tokens a second of `generate`; the difference of two lengths leaves out the prompt."""

    def write(count: int) -> None:
        model.generate(**asked, max_new_tokens=count, min_new_tokens=count, do_sample=False, **way)

    short = tokens // 4
    took = seconds(lambda: write(tokens)) - seconds(lambda: write(short))
    return (tokens - short) / took
