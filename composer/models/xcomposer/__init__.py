"""InternLM-XComposer-7B, native: the published checkpoints on current libraries.

config             what a folder says: sizes, names and shapes
weights, names     files -> the network on its devices
vision             pictures -> 66 vectors each
language           the Llama decoder and its angles
gptq, kernels      weights packed in 4 bits
placing            the plan of composer.models.placement, made true
engine, cache      prompts -> scores of the next token, shared beginnings once
decoding           greedy, sampling, beam search
graphs             a decoding step captured for CUDA
tokenizer          text <-> ids
model              the published entry points
adapter, template  the model behind the protocol of composer.models.base
prompts            how it is asked to compose
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from composer.models.xcomposer.adapter import load
    from composer.models.xcomposer.model import XComposer

__all__ = ["XComposer", "load"]


def __getattr__(name: str) -> Any:
    # torch and transformers stay unimported until a model is loaded
    if name == "load":
        from composer.models.xcomposer.adapter import load

        return load
    if name == "XComposer":
        from composer.models.xcomposer.model import XComposer

        return XComposer
    raise AttributeError(name)
