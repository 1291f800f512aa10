"""InternLM-XComposer-7B: the published checkpoints, run by our own code on current libraries.

Knows its folders, its network and its prompt format; not how it is asked to write articles (composer.prompts).

checkpoint/   the files of a folder: configuration, weights, tokenizer
network/      vision tower, Q-Former, Llama decoder, weights packed in 4 bits
decoding/     prompts -> scores of the next token; greedy, sampled and beam search; steps captured for CUDA
placement     which part goes to which device, and what memory it takes: planned before anything is loaded
devices       the plan carried out
model         the published entry points: generate, chat
template      messages -> the token ids and picture vectors of a prompt
adapter       the model behind the protocol of composer.models.base
convert       a checkpoint that stock transformers loads
"""

from typing import TYPE_CHECKING

from common.lazy import lazy_exports

if TYPE_CHECKING:
    from composer.models.xcomposer.adapter import XComposerModel, load
    from composer.models.xcomposer.checkpoint import END_OF_BOT
    from composer.models.xcomposer.convert import convert_checkpoint
    from composer.models.xcomposer.model import XComposer
    from composer.models.xcomposer.placement import does_not_fit, plan, show_bytes

__all__ = [
    "END_OF_BOT",
    "XComposer",
    "XComposerModel",
    "convert_checkpoint",
    "does_not_fit",
    "load",
    "plan",
    "show_bytes",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "adapter": ("XComposerModel", "load"),
        "checkpoint": ("END_OF_BOT",),
        "convert": ("convert_checkpoint",),
        "model": ("XComposer",),
        "placement": ("does_not_fit", "plan", "show_bytes"),
    },
)
