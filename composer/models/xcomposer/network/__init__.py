"""The network of InternLM-XComposer-7B: vision tower, Q-Former, language model, linears packed in 4 bits.

Knows tensors and sizes; no files, and not how tokens are chosen.
"""

from composer.models.xcomposer.network.gptq import FUSED_GROUP, PackedLinear, fused_works, pack_decoder
from composer.models.xcomposer.network.language import (
    MAX_POSITIONS,
    ROTARIES,
    Rotary,
    build_language,
    llama_settings,
    set_rotary,
)
from composer.models.xcomposer.network.vision import (
    MEAN,
    STD,
    PictureEncoder,
    pixel_values,
    qformer_settings,
    tower_settings,
)

__all__ = [
    "FUSED_GROUP",
    "MAX_POSITIONS",
    "MEAN",
    "ROTARIES",
    "STD",
    "PackedLinear",
    "PictureEncoder",
    "Rotary",
    "build_language",
    "fused_works",
    "llama_settings",
    "pack_decoder",
    "pixel_values",
    "qformer_settings",
    "set_rotary",
    "tower_settings",
]
