"""Original tensor names -> places in the network, and how several tensors make one.

Two places take more than one tensor: the bias of the tower's qkv (q, zeros, v) and a decoder weight with LoRA.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from composer.models.xcomposer.config import ATTENTION_LINEARS, MLP_LINEARS, XComposerConfig, tensors

Parts = Mapping[str, torch.Tensor]
# (parts, device, dtype) -> a new tensor there; parts may lie in a mapped file
Combine = Callable[[Parts, torch.device, torch.dtype], torch.Tensor]

BLOCK = 1 << 20  # values merged at once on the CPU: 4 MiB in float32, which stays in its caches


@dataclass(frozen=True, slots=True)
class Place:
    """One parameter or buffer of the network and the tensors of the checkpoint it is made from."""

    name: str  # "language.model.layers.0.self_attn.q_proj.weight"
    sources: tuple[str, ...]
    combine: Combine
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


def _same(name: str) -> Combine:
    return lambda parts, device, dtype: _moved(parts[name], device, dtype)


def _moved(tensor: torch.Tensor, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """A copy. Between devices the stored bytes travel, and are cast where they arrive."""
    if device.type == "cpu":
        return tensor.to(dtype, copy=True)
    return tensor.to(device).to(dtype)


def _qkv_bias(q: str, v: str) -> Combine:
    # keys have no bias in this tower
    def joined(parts: Parts, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
        first, last = (_moved(parts[name], device, dtype) for name in (q, v))
        return torch.cat((first, torch.zeros_like(last), last))

    return joined


def _lora(names: tuple[str, str, str], scale: float) -> Combine:
    def merged(parts: Parts, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
        # W + (alpha / r) B A, in float32 whatever the parts are stored in, and on the device where it will be
        weight, down, up = (parts[name].to(device) for name in names)
        down, up = down.float(), up.float()
        rows = max(1, BLOCK // weight.shape[1]) if device.type == "cpu" else weight.shape[0]
        value = torch.empty(weight.shape, dtype=dtype, device=device)
        space = torch.empty((rows, weight.shape[1]), dtype=torch.float32, device=device)
        for start in range(0, weight.shape[0], rows):
            some = weight[start : start + rows]
            block = space[: len(some)]
            block.copy_(some).addmm_(up[start : start + rows], down, alpha=scale)
            value[start : start + rows] = block
        return value

    return merged


def decoder_linears(config: XComposerConfig) -> list[str]:
    """Places of the linears of all decoder layers, e.g. "model.layers.0.self_attn.q_proj" within the language model."""
    return [f"model.layers.{i}.{linear}" for i in range(config.layers) for linear in ATTENTION_LINEARS + MLP_LINEARS]
