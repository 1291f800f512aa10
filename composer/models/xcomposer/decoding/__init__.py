"""Runs the decoder: shared prefixes, KV cache, captured steps, and greedy, sampled and beam search.

Knows the language model, token ids and picture vectors; not the prompt format, and no files.
"""

from composer.models.xcomposer.decoding.engine import Engine, Part, Prompt, SharedPrefix
from composer.models.xcomposer.decoding.generation import GenerationOptions, generate, generate_steps
from composer.models.xcomposer.decoding.graphs import GraphSteps

__all__ = [
    "Engine",
    "GenerationOptions",
    "GraphSteps",
    "Part",
    "Prompt",
    "SharedPrefix",
    "generate",
    "generate_steps",
]
