"""The folder of a published checkpoint: configuration, weights, tokenizer.

Knows the formats and checks them; builds no network and computes nothing with it.
"""

from typing import TYPE_CHECKING

from common.lazy import lazy_exports

if TYPE_CHECKING:
    from composer.models.xcomposer.checkpoint.config import (
        ATTENTION_LINEARS,
        MLP_LINEARS,
        XComposerConfig,
        tensor_specs,
    )
    from composer.models.xcomposer.checkpoint.fast_tokenizer import build_fast_tokenizer
    from composer.models.xcomposer.checkpoint.names import decoder_linears, weight_mappings
    from composer.models.xcomposer.checkpoint.tokenizer import END_OF_BOT, END_OF_HUMAN, XComposerTokenizer
    from composer.models.xcomposer.checkpoint.weights import Progress, PutTensor, assign, load_weights

__all__ = [
    "ATTENTION_LINEARS",
    "END_OF_BOT",
    "END_OF_HUMAN",
    "MLP_LINEARS",
    "Progress",
    "PutTensor",
    "XComposerConfig",
    "XComposerTokenizer",
    "assign",
    "build_fast_tokenizer",
    "decoder_linears",
    "load_weights",
    "tensor_specs",
    "weight_mappings",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "config": (
            "ATTENTION_LINEARS",
            "MLP_LINEARS",
            "XComposerConfig",
            "tensor_specs",
        ),
        "fast_tokenizer": ("build_fast_tokenizer",),
        "names": ("decoder_linears", "weight_mappings"),
        "tokenizer": (
            "END_OF_BOT",
            "END_OF_HUMAN",
            "XComposerTokenizer",
        ),
        "weights": (
            "Progress",
            "PutTensor",
            "assign",
            "load_weights",
        ),
    },
)
