"""Original tensor names -> places in the network, and how several tensors make one.

Two places take more than one tensor: the bias of the tower's qkv (q, zeros, v) and a decoder weight with LoRA.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from composer.models.xcomposer.config import ATTENTION_LINEARS, MLP_LINEARS, XComposerConfig, tensors

Parts = Mapping[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class Place:
    """One parameter or buffer of the network and the tensors of the checkpoint it is made from."""

    name: str  # "language.model.layers.0.self_attn.q_proj.weight"
    sources: tuple[str, ...]
    combine: Callable[[Parts], torch.Tensor]
    required: bool = True
    whole: bool = False  # integers: never cast to the dtype of the model


_RENAMED = (
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
_WITHIN = (
    (".norm1.", ".layer_norm1."),
    (".norm2.", ".layer_norm2."),
    (".attn.qkv.", ".self_attn.qkv."),
    (".attn.proj.", ".self_attn.projection."),
    ("attention.self.", "attention.attention."),
)


def renamed(name: str) -> str:
    """The place of a tensor that is used as it is."""
    for old, new in _RENAMED:
        if name.startswith(old):
            name = new + name[len(old) :]
            break
    if name.startswith("vision."):
        for old, new in _WITHIN:
            name = name.replace(old, new)
    return name


def places(config: XComposerConfig) -> list[Place]:
    """Every parameter and buffer that is filled from the checkpoint."""
    known = tensors(config)
    found: list[Place] = []
    joined: set[str] = set()
    for i in range(config.vision.depth):
        q, v = (f"visual_encoder.blocks.{i}.attn.{letter}_bias" for letter in "qv")
        found.append(Place(f"vision.tower.encoder.layers.{i}.self_attn.qkv.bias", (q, v), _qkv_bias(q, v)))
        joined |= {q, v}
    if config.lora:
        for i in range(config.layers):
            for linear in sorted(config.lora.linears):
                stem = f"internlm_model.model.layers.{i}.{linear}"
                names = (f"{stem}.weight", f"{stem}.lora_A.weight", f"{stem}.lora_B.weight")
                found.append(Place(renamed(names[0]), names, _lora(names, config.lora.scale)))
                joined |= set(names)
    for name, tensor in known.items():
        if name not in joined and not tensor.ignored:
            whole = name.endswith((".qweight", ".qzeros", ".g_idx"))
            found.append(Place(renamed(name), (name,), _same(name), tensor.required, whole))
    return found


def _same(name: str) -> Callable[[Parts], torch.Tensor]:
    return lambda parts: parts[name]


def _qkv_bias(q: str, v: str) -> Callable[[Parts], torch.Tensor]:
    # keys have no bias in this tower
    return lambda parts: torch.cat((parts[q], torch.zeros_like(parts[v]), parts[v]))


def _lora(names: tuple[str, str, str], scale: float) -> Callable[[Parts], torch.Tensor]:
    weight, down, up = names

    def merged(parts: Parts) -> torch.Tensor:
        # W + (alpha / r) B A, in float32 whatever the parts are stored in
        return parts[weight].float().addmm(parts[up].float(), parts[down].float(), alpha=scale)

    return merged


def decoder_linears(config: XComposerConfig) -> list[str]:
    """Places of the linears of all decoder layers, e.g. "model.layers.0.self_attn.q_proj" within the language model."""
    return [f"model.layers.{i}.{linear}" for i in range(config.layers) for linear in ATTENTION_LINEARS + MLP_LINEARS]
