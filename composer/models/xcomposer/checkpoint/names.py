"""Maps the tensors of a checkpoint to the parameters of the network, by name.

Two kinds of parameters are made of more than one tensor: the bias of the tower's qkv (q, zeros, v), and a decoder
weight with LoRA. Knows names and arithmetic, no files.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from composer.models.xcomposer.checkpoint.config import ATTENTION_LINEARS, MLP_LINEARS, XComposerConfig, tensor_specs

Parts = Mapping[str, torch.Tensor]
# (parts, device, dtype) -> a new tensor on the device; the parts may belong to a mapped file
Combine = Callable[[Parts, torch.device, torch.dtype], torch.Tensor]

MERGE_BLOCK = 1 << 20  # values merged at once on the CPU: 4 MiB in float32, which fit into its caches


@dataclass(frozen=True, slots=True)
class WeightMapping:
    """One parameter or buffer of the network, and the tensors of the checkpoint that it is made of."""

    target: str  # "language.model.layers.0.self_attn.q_proj.weight"
    sources: tuple[str, ...]
    combine: Combine
    required: bool = True
    integer: bool = False  # packed integers, which are never cast to the model's dtype


_PREFIXES = (
    ("visual_encoder.cls_token", "vision.tower.embeddings.class_embedding"),
    ("visual_encoder.pos_embed", "vision.tower.embeddings.position_embedding"),
    ("visual_encoder.patch_embed.proj.", "vision.tower.embeddings.patch_embedding."),
    ("visual_encoder.blocks.", "vision.tower.encoder.layers."),
    ("ln_vision.", "vision.tower.post_layernorm."),
    ("query_tokens", "vision.query_tokens"),
    ("flag_image_start", "vision.flag_start"),
    ("flag_image_end", "vision.flag_end"),
    ("Qformer.bert.embeddings.LayerNorm.", "vision.qformer.layernorm."),
    ("Qformer.bert.encoder.layer.", "vision.qformer.encoder.layer."),
    ("internlm_proj.", "vision.projection."),
    ("internlm_model.", "language."),
)
_VISION_PARTS = (
    (".norm1.", ".layer_norm1."),
    (".norm2.", ".layer_norm2."),
    (".attn.qkv.", ".self_attn.qkv."),
    (".attn.proj.", ".self_attn.projection."),
    ("attention.self.", "attention.attention."),
)


def network_name(name: str) -> str:
    """The network's name for a tensor of the checkpoint."""
    for old, new in _PREFIXES:
        if name.startswith(old):
            name = new + name[len(old) :]
            break
    if name.startswith("vision."):
        for old, new in _VISION_PARTS:
            name = name.replace(old, new)
    return name


def weight_mappings(config: XComposerConfig) -> list[WeightMapping]:
    """Every parameter and buffer that is filled from the checkpoint."""
    known = tensor_specs(config)
    found: list[WeightMapping] = []
    joined: set[str] = set()
    for i in range(config.vision.depth):
        q, v = (f"visual_encoder.blocks.{i}.attn.{letter}_bias" for letter in "qv")
        found.append(WeightMapping(f"vision.tower.encoder.layers.{i}.self_attn.qkv.bias", (q, v), _join_qkv_bias(q, v)))
        joined |= {q, v}
    if config.lora:
        for i in range(config.layers):
            for linear in sorted(config.lora.linears):
                stem = f"internlm_model.model.layers.{i}.{linear}"
                names = (f"{stem}.weight", f"{stem}.lora_A.weight", f"{stem}.lora_B.weight")
                found.append(WeightMapping(network_name(names[0]), names, _merge_lora(names, config.lora.scale)))
                joined |= set(names)
    for name, tensor in known.items():
        if name not in joined and not tensor.ignored:
            integer = name.endswith((".qweight", ".qzeros", ".g_idx"))
            found.append(WeightMapping(network_name(name), (name,), _copy_one(name), tensor.required, integer))
    return found


def _copy_one(name: str) -> Combine:
    return lambda parts, device, dtype: _copy_to(parts[name], device, dtype)


def _copy_to(tensor: torch.Tensor, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """A copy on the device. The bytes are sent as they are stored and cast where they arrive."""
    if device.type == "cpu":
        return tensor.to(dtype, copy=True)
    return tensor.to(device).to(dtype)


def _join_qkv_bias(q: str, v: str) -> Combine:
    # keys have no bias in this tower
    def joined(parts: Parts, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
        first, last = (_copy_to(parts[name], device, dtype) for name in (q, v))
        return torch.cat((first, torch.zeros_like(last), last))

    return joined


def _merge_lora(names: tuple[str, str, str], scale: float) -> Combine:
    def merged(parts: Parts, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
        # W + (alpha / r) B A, computed in float32 whatever dtype the parts have, on the device of the result
        weight, down, up = (parts[name].to(device) for name in names)
        down, up = down.float(), up.float()
        rows = max(1, MERGE_BLOCK // weight.shape[1]) if device.type == "cpu" else weight.shape[0]
        value = torch.empty(weight.shape, dtype=dtype, device=device)
        buffer = torch.empty((rows, weight.shape[1]), dtype=torch.float32, device=device)
        for start in range(0, weight.shape[0], rows):
            part = weight[start : start + rows]
            block = buffer[: len(part)]
            block.copy_(part).addmm_(up[start : start + rows], down, alpha=scale)
            value[start : start + rows] = block
        return value

    return merged


def decoder_linears(config: XComposerConfig) -> list[str]:
    """Names of the linears of all decoder layers in the language model, e.g. "model.layers.0.self_attn.q_proj"."""
    return [f"model.layers.{i}.{linear}" for i in range(config.layers) for linear in ATTENTION_LINEARS + MLP_LINEARS]
