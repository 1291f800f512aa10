"""Encodes a picture into the 66 vectors that stand for it in a prompt: tower, Q-Former, projection, two flags.

Tower (EVA-CLIP ViT-g/14) and Q-Former are those of BLIP-2 in transformers. Only the epsilon of the last LayerNorm and
the two learned flag vectors differ from BLIP-2.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from common.lazy import one_import_at_a_time
from common.torchvision_compat import prepare_torchvision
from composer.models.xcomposer.checkpoint import XComposerConfig

if TYPE_CHECKING:
    from PIL import Image

# CLIP's published normalisation, RGB in 0..1
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
LN_VISION_EPS = 1e-5  # in the blocks of the tower it is 1e-6


def pixel_values(pictures: Sequence["Image.Image"], side: int = 224) -> torch.Tensor:
    """[B, 3, side, side] float32, normalised. Takes any picture mode; as in training, the aspect ratio is not kept."""
    from PIL import Image

    from retrieval.pictures import load_picture

    arrays = [
        np.asarray(load_picture(picture).resize((side, side), Image.Resampling.BICUBIC), dtype=np.float32)
        for picture in pictures
    ]
    values = torch.from_numpy(np.stack(arrays)).div(255).permute(0, 3, 1, 2)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (MEAN, STD))
    return values.sub(mean).div(std).contiguous()


class PictureEncoder(nn.Module):
    """pixel_values [B, 3, 224, 224] -> [B, 66, H]: start flag, the Q-Former's output for 64 queries, end flag."""

    def __init__(self, config: XComposerConfig) -> None:
        super().__init__()
        with one_import_at_a_time():
            prepare_torchvision()  # transformers' vision parts import torchvision
            from transformers.models.blip_2.configuration_blip_2 import Blip2QFormerConfig, Blip2VisionConfig
            from transformers.models.blip_2.modeling_blip_2 import Blip2QFormerModel, Blip2VisionModel

        self.tower: Any = Blip2VisionModel(Blip2VisionConfig(**tower_settings(config)))
        self.tower.post_layernorm.eps = LN_VISION_EPS
        self.query_tokens = nn.Parameter(torch.empty(1, config.query_tokens, config.qformer.width))
        self.qformer: Any = Blip2QFormerModel(Blip2QFormerConfig(**qformer_settings(config)))
        self.projection = nn.Linear(config.qformer.width, config.width)
        self.flag_start = nn.Parameter(torch.empty(1, 1, config.width))
        self.flag_end = nn.Parameter(torch.empty(1, 1, config.width))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        pixels = pixels.to(self.query_tokens.device, self.query_tokens.dtype)
        count = pixels.shape[0]
        features = self.tower(pixel_values=pixels).last_hidden_state  # [B, 257, 1408], after ln_vision
        queries = self.qformer(
            query_embeds=self.query_tokens.expand(count, -1, -1), encoder_hidden_states=features
        ).last_hidden_state  # [B, 64, 768]
        start, end = (flag.expand(count, -1, -1) for flag in (self.flag_start, self.flag_end))
        return torch.cat((start, self.projection(queries), end), dim=1)  # [B, 66, H]


def tower_settings(config: XComposerConfig) -> dict[str, Any]:
    """Arguments of transformers' Blip2VisionConfig."""
    sizes = config.vision
    return {
        "hidden_size": sizes.width,
        "intermediate_size": sizes.mlp,
        "num_hidden_layers": sizes.depth,
        "num_attention_heads": sizes.heads,
        "image_size": sizes.picture,
        "patch_size": sizes.patch,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-6,
        "qkv_bias": True,
    }


def qformer_settings(config: XComposerConfig) -> dict[str, Any]:
    """Arguments of transformers' Blip2QFormerConfig."""
    sizes = config.qformer
    return {
        "hidden_size": sizes.width,
        "num_hidden_layers": sizes.depth,
        "num_attention_heads": sizes.heads,
        "intermediate_size": sizes.mlp,
        "cross_attention_frequency": sizes.cross_every,
        "encoder_hidden_size": config.vision.width,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
        "use_qformer_text_input": False,
    }
