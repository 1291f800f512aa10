"""The configuration of a checkpoint, and the names and shapes that its tensors must have.

Knows the original format (config.json, quantize_config.json) and the sizes that the original code fixes: config.json
does not describe the picture tower and the Q-Former. Does not import torch.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.messages import _
from composer.errors import ModelFilesBroken, ModelFilesMissing

MODEL_TYPE = "InternLMXComposer"
PUBLISHED = (
    "internlm/internlm-xcomposer-7b",
    "internlm/internlm-xcomposer-vl-7b",
    "internlm/internlm-xcomposer-7b-4bit",
)

# internlm_lora.learn_param -> linears; "ffn" does not include the gate
LORA_LINEARS = {"q": ("self_attn.q_proj",), "v": ("self_attn.v_proj",), "ffn": ("mlp.up_proj", "mlp.down_proj")}
ATTENTION_LINEARS = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj")
MLP_LINEARS = ("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class VisionSizes:
    """The picture tower: EVA-CLIP ViT-g/14 without its last block."""

    width: int = 1408
    depth: int = 39
    heads: int = 16
    mlp: int = 6144
    patch: int = 14
    picture: int = 224  # pixels a side

    @property
    def positions(self) -> int:
        """The class token and the patches."""
        return (self.picture // self.patch) ** 2 + 1


@dataclass(frozen=True, slots=True)
class QFormerSizes:
    """The Q-Former, which turns a picture's features into query vectors."""

    width: int = 768
    depth: int = 12
    heads: int = 12
    mlp: int = 3072
    cross_every: int = 2  # layers 0, 2, 4 … attend to the picture


@dataclass(frozen=True, slots=True)
class Lora:
    """Low-rank updates that the checkpoint stores beside the weights."""

    rank: int
    alpha: float
    linears: frozenset[str]  # "self_attn.q_proj" …

    @property
    def scale(self) -> float:
        return self.alpha / self.rank


@dataclass(frozen=True, slots=True)
class Gptq:
    """quantize_config.json of a 4-bit checkpoint."""

    bits: int
    group: int  # inputs that share a scale and a zero


@dataclass(frozen=True, slots=True)
class XComposerConfig:
    """All sizes of the network; `read` takes them from a folder."""

    vocabulary: int
    width: int
    mlp: int
    layers: int
    heads: int
    positions: int = 2048  # the context that the model was trained for
    norm_eps: float = 1e-5
    attention_bias: bool = True
    query_tokens: int = 64
    vision: VisionSizes = field(default_factory=VisionSizes)
    qformer: QFormerSizes = field(default_factory=QFormerSizes)
    lora: Lora | None = None
    gptq: Gptq | None = None
    bos: int = 1
    eos: int = 2
    rope_base: float = 10000.0

    @property
    def head_width(self) -> int:
        return self.width // self.heads

    @property
    def picture_tokens(self) -> int:
        """Positions that one picture takes: start flag, queries, end flag."""
        return self.query_tokens + 2

    def linear_shape(self, linear: str) -> Shape:
        """The shape [out, in] of a linear of a decoder layer."""
        if linear in ATTENTION_LINEARS:
            return (self.width, self.width)
        return (self.width, self.mlp) if linear == "mlp.down_proj" else (self.mlp, self.width)

    @classmethod
    def read(cls, folder: str | Path) -> "XComposerConfig":
        """The configuration in `folder`. Raises ModelFilesMissing or ModelFilesBroken."""
        folder = Path(folder)
        path = folder / "config.json"
        if not path.is_file():
            raise ModelFilesMissing(
                name=str(folder),
                missing="config.json",
                way_out=_("Give the folder of a downloaded checkpoint: config.json, weights and tokenizer.model."),
            )
        values = _json(path)
        if values.get("model_type") != MODEL_TYPE:
            raise ModelFilesBroken(
                path=str(path),
                reason=_(
                    "its model_type is {found}; this loader reads {known} ({published})",
                    found=repr(values.get("model_type")),
                    known=MODEL_TYPE,
                    published=list(PUBLISHED),
                ),
            )
        try:
            return cls._from(values, _gptq(folder))
        except (KeyError, TypeError, ValueError, ZeroDivisionError, AttributeError) as error:
            raise ModelFilesBroken(
                path=str(path), reason=_("the entry {error} is missing or has an unusable value", error=error)
            ) from error

    @classmethod
    def _from(cls, values: Mapping[str, Any], gptq: Gptq | None) -> "XComposerConfig":
        sizes = values.get("tiny_overrides") or {}
        lora = values.get("internlm_lora")
        config = cls(
            vocabulary=int(values["vocab_size"]),
            width=int(values["hidden_size"]),
            mlp=int(values["intermediate_size"]),
            layers=int(values["num_hidden_layers"]),
            heads=int(values["num_attention_heads"]),
            positions=int(values.get("max_position_embeddings", 2048)),
            norm_eps=float(values.get("rms_norm_eps", 1e-5)),
            attention_bias=bool(values.get("kqvo_bias", False)),
            query_tokens=int(values.get("num_query_token", 64)),
            vision=_vision(sizes.get("vision") or {}),
            qformer=_qformer(sizes.get("qformer") or {}),
            lora=_lora(lora) if lora else None,
            gptq=gptq,
            bos=int(values.get("bos_token_id", 1)),
            eos=int(values.get("eos_token_id", 2)),
        )
        if min(config.vocabulary, config.width, config.mlp, config.layers, config.heads) < 1:
            raise ValueError("a size below 1")
        if config.width % config.heads or config.head_width % 2:
            raise ValueError("num_attention_heads")
        if gptq and (config.width % gptq.group or config.mlp % gptq.group or gptq.group % 8):
            raise ValueError("group_size")
        return config


def _json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelFilesBroken(path=str(path), reason=_("it is no readable JSON: {error}", error=error)) from error
    if not isinstance(values, dict):
        raise ModelFilesBroken(path=str(path), reason=_("it is no JSON object"))
    return values


def _vision(values: Mapping[str, Any]) -> VisionSizes:
    usual = VisionSizes()
    width = int(values.get("embed_dim", usual.width))
    return VisionSizes(
        width=width,
        depth=int(values.get("depth", usual.depth)),
        heads=int(values.get("num_heads", usual.heads)),
        mlp=int(width * float(values["mlp_ratio"])) if "mlp_ratio" in values else usual.mlp,
        patch=int(values.get("patch_size", usual.patch)),
        picture=int(values.get("img_size", usual.picture)),
    )


def _qformer(values: Mapping[str, Any]) -> QFormerSizes:
    usual = QFormerSizes()
    return QFormerSizes(
        width=int(values.get("hidden_size", usual.width)),
        depth=int(values.get("num_hidden_layers", usual.depth)),
        heads=int(values.get("num_attention_heads", usual.heads)),
        mlp=int(values.get("intermediate_size", usual.mlp)),
        cross_every=int(values.get("cross_attention_freq", usual.cross_every)),
    )


def _lora(values: Mapping[str, Any]) -> Lora:
    linears = frozenset(name for part in values["learn_param"] for name in LORA_LINEARS[part])
    return Lora(rank=int(values["lora_r"]), alpha=float(values["lora_alpha"]), linears=linears)


def _gptq(folder: Path) -> Gptq | None:
    path = folder / "quantize_config.json"
    if not path.is_file():
        return None
    values = _json(path)
    bits, group = values.get("bits"), values.get("group_size")
    if bits != 4 or not isinstance(group, int) or group < 1 or values.get("desc_act"):
        raise ModelFilesBroken(
            path=str(path),
            reason=_(
                "bits {bits}, group_size {group}, desc_act {desc_act}: only 4 bits with groups in order (desc_act "
                "false) are known",
                bits=str(bits),
                group=str(group),
                desc_act=str(values.get("desc_act")),
            ),
        )
    return Gptq(bits=4, group=group)


# -- the tensors of a checkpoint, under their original names -------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """What one tensor of the checkpoint must be."""

    shape: Shape
    required: bool = True
    ignored: bool = False  # in the files, but not used by the network


def tensor_specs(config: XComposerConfig) -> dict[str, TensorSpec]:
    """Every name that may occur in the weight files -> its shape. The 7B format has 1480 of them."""
    return dict((*_vision_tensors(config), *_qformer_tensors(config), *_language_tensors(config)))


def _vision_tensors(config: XComposerConfig) -> Iterator[tuple[str, TensorSpec]]:
    v, prefix = config.vision, "visual_encoder."
    yield prefix + "cls_token", TensorSpec((1, 1, v.width))
    yield prefix + "pos_embed", TensorSpec((1, v.positions, v.width))
    yield prefix + "patch_embed.proj.weight", TensorSpec((v.width, 3, v.patch, v.patch))
    yield prefix + "patch_embed.proj.bias", TensorSpec((v.width,))
    for i in range(v.depth):
        block = f"{prefix}blocks.{i}."
        for name, shape in {
            "norm1.weight": (v.width,),
            "norm1.bias": (v.width,),
            "attn.q_bias": (v.width,),
            "attn.v_bias": (v.width,),
            "attn.qkv.weight": (3 * v.width, v.width),
            "attn.proj.weight": (v.width, v.width),
            "attn.proj.bias": (v.width,),
            "norm2.weight": (v.width,),
            "norm2.bias": (v.width,),
            "mlp.fc1.weight": (v.mlp, v.width),
            "mlp.fc1.bias": (v.mlp,),
            "mlp.fc2.weight": (v.width, v.mlp),
            "mlp.fc2.bias": (v.width,),
        }.items():
            yield block + name, TensorSpec(shape)
    yield "ln_vision.weight", TensorSpec((v.width,))
    yield "ln_vision.bias", TensorSpec((v.width,))


def _qformer_tensors(config: XComposerConfig) -> Iterator[tuple[str, TensorSpec]]:
    q, prefix = config.qformer, "Qformer.bert."
    yield "query_tokens", TensorSpec((1, config.query_tokens, q.width))
    yield "flag_image_start", TensorSpec((1, 1, config.width))
    yield "flag_image_end", TensorSpec((1, 1, config.width))
    yield "internlm_proj.weight", TensorSpec((config.width, q.width))
    yield "internlm_proj.bias", TensorSpec((config.width,))
    yield prefix + "embeddings.position_ids", TensorSpec((1, 512), required=False, ignored=True)
    for name in ("weight", "bias"):
        yield f"{prefix}embeddings.LayerNorm.{name}", TensorSpec((q.width,))
    for i in range(q.depth):
        layer = f"{prefix}encoder.layer.{i}."
        attentions = {"attention": q.width} | (
            {"crossattention": config.vision.width} if i % q.cross_every == 0 else {}
        )
        for attention, source in attentions.items():
            for part, width in (("query", q.width), ("key", source), ("value", source)):
                yield f"{layer}{attention}.self.{part}.weight", TensorSpec((q.width, width))
                yield f"{layer}{attention}.self.{part}.bias", TensorSpec((q.width,))
            yield f"{layer}{attention}.output.dense.weight", TensorSpec((q.width, q.width))
            for name in ("dense.bias", "LayerNorm.weight", "LayerNorm.bias"):
                yield f"{layer}{attention}.output.{name}", TensorSpec((q.width,))
        yield layer + "intermediate_query.dense.weight", TensorSpec((q.mlp, q.width))
        yield layer + "intermediate_query.dense.bias", TensorSpec((q.mlp,))
        yield layer + "output_query.dense.weight", TensorSpec((q.width, q.mlp))
        for name in ("dense.bias", "LayerNorm.weight", "LayerNorm.bias"):
            yield f"{layer}output_query.{name}", TensorSpec((q.width,))


def _language_tensors(config: XComposerConfig) -> Iterator[tuple[str, TensorSpec]]:
    prefix = "internlm_model.model."
    yield prefix + "embed_tokens.weight", TensorSpec((config.vocabulary, config.width))
    for i in range(config.layers):
        layer = f"{prefix}layers.{i}."
        yield layer + "input_layernorm.weight", TensorSpec((config.width,))
        yield layer + "post_attention_layernorm.weight", TensorSpec((config.width,))
        yield (
            layer + "self_attn.rotary_emb.inv_freq",
            TensorSpec((config.head_width // 2,), required=False, ignored=True),
        )
        for linear in ATTENTION_LINEARS + MLP_LINEARS:
            yield from _linear_tensors(config, layer, linear)
    yield prefix + "norm.weight", TensorSpec((config.width,))
    yield "internlm_model.lm_head.weight", TensorSpec((config.vocabulary, config.width))


def _linear_tensors(config: XComposerConfig, layer: str, linear: str) -> Iterator[tuple[str, TensorSpec]]:
    outputs, inputs = config.linear_shape(linear)
    name = layer + linear
    if config.gptq is None:
        yield name + ".weight", TensorSpec((outputs, inputs))
    else:
        groups = -(-inputs // config.gptq.group)
        yield name + ".qweight", TensorSpec((inputs // 8, outputs))
        yield name + ".qzeros", TensorSpec((groups, outputs // 8))
        yield name + ".scales", TensorSpec((groups, outputs))
        yield name + ".g_idx", TensorSpec((inputs,), required=False)
    if linear in ATTENTION_LINEARS and config.attention_bias:
        yield name + ".bias", TensorSpec((outputs,))
    elif config.gptq is not None:
        yield (
            name + ".bias",
            TensorSpec((outputs,), required=False),
        )  # some packers write zeros for linears without bias
    if config.lora and linear in config.lora.linears:
        yield name + ".lora_A.weight", TensorSpec((config.lora.rank, inputs))
        yield name + ".lora_B.weight", TensorSpec((outputs, config.lora.rank))
