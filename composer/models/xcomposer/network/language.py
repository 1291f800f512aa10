"""The language model: transformers' Llama decoder with biases on q, k, v and o, and two kinds of rotary angles.

The published code computes the angles in half precision, because the frequencies are stored in it. "shipped" repeats
that to the bit, "exact" is the usual computation in float32. They differ visibly after some hundred positions.
"""

from typing import Any, Literal, get_args

import torch
from torch import nn

from common.lazy import one_import_at_a_time
from common.torchvision_compat import prepare_torchvision
from composer.models.xcomposer.checkpoint import XComposerConfig

Rotary = Literal["shipped", "exact"]
ROTARIES: tuple[Rotary, ...] = get_args(Rotary)
MAX_POSITIONS = 8192  # the model was trained for 2048; the tables are longer, as the original's grow with use


def llama_settings(config: XComposerConfig) -> dict[str, Any]:
    """Arguments of transformers' LlamaConfig."""
    return {
        "vocab_size": config.vocabulary,
        "hidden_size": config.width,
        "intermediate_size": config.mlp,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.heads,
        "max_position_embeddings": config.positions,
        "rms_norm_eps": config.norm_eps,
        "attention_bias": config.attention_bias,
        "mlp_bias": False,
        "hidden_act": "silu",
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_base},
        "tie_word_embeddings": False,
        "bos_token_id": config.bos,
        "eos_token_id": config.eos,
        "pad_token_id": config.eos,  # the original's -1 is no token
    }


def build_language(config: XComposerConfig) -> Any:
    """A LlamaForCausalLM with the sizes of `config`. `set_rotary` gives it the angles once it is on its device."""
    with one_import_at_a_time():
        prepare_torchvision()  # transformers imports torchvision
        from transformers import LlamaConfig, LlamaForCausalLM
        from transformers.models.llama.modeling_llama import LlamaRMSNorm

    language = LlamaForCausalLM(LlamaConfig(**llama_settings(config)))
    for name, module in list(language.named_modules()):
        if isinstance(module, LlamaRMSNorm):  # torch's RMSNorm is one kernel on CUDA instead of seven
            language.set_submodule(name, nn.RMSNorm(config.width, eps=config.norm_eps))
    return language


def set_rotary(language: Any, config: XComposerConfig, rotary: Rotary, device: torch.device) -> None:
    """Gives the decoder the angles as tables on `device`."""
    language.model.rotary_emb = RotaryTable(config, rotary).to(device)


class RotaryTable(nn.Module):
    """Looks up the cos and sin of the angles by position; replaces LlamaRotaryEmbedding.

    shipped: positions, their products with the frequencies, cos and sin are each rounded to float16, as in the original
    (positions above 2048 are then not exact any more). exact: everything is in float32.
    """

    def __init__(self, config: XComposerConfig, rotary: Rotary) -> None:
        super().__init__()
        dtype = torch.float16 if rotary == "shipped" else torch.float32
        with torch.device("cpu"):
            exponents = torch.arange(0, config.head_width, 2, dtype=torch.float32) / config.head_width
            frequencies = (1.0 / config.rope_base**exponents).to(dtype)  # [D/2]
            angles = torch.arange(MAX_POSITIONS, dtype=dtype)[:, None] * frequencies  # [P, D/2]
            angles = torch.cat((angles, angles), dim=-1)
            self.cos: torch.Tensor
            self.sin: torch.Tensor
            self.register_buffer("cos", angles.cos(), persistent=False)  # [P, D]
            self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(self, x: torch.Tensor, position_ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """position_ids [B, T] -> cos, sin [B, T, D] in the dtype of x."""
        return self.cos[position_ids].to(x.dtype), self.sin[position_ids].to(x.dtype)
