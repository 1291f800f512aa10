"""The network at work: reading prompts, going on from what was read, several texts at a time.

Knows tensors, caches and tokens; no messages and no files.

caches      keys and values that are continued in several ways
batches     sequences that are continued together, joined and taken apart
network     forward passes: reading prompts, batches, the next token
tokens      scores -> tokens -> text that can be shown
requests    what a caller asks
batching    what several callers ask at the same time, computed together
scoring     the log-probabilities of options
"""

from typing import TYPE_CHECKING

from common.lazy import lazy_exports

if TYPE_CHECKING:
    from composer.models.transformers_vlm.decoding.batching import Batching
    from composer.models.transformers_vlm.decoding.caches import Read
    from composer.models.transformers_vlm.decoding.network import Network
    from composer.models.transformers_vlm.decoding.requests import Writing
    from composer.models.transformers_vlm.decoding.scoring import score, score_tokens
    from composer.models.transformers_vlm.decoding.tokens import Chooser, TextReader

__all__ = ["Batching", "Chooser", "Network", "Read", "TextReader", "Writing", "score", "score_tokens"]

__getattr__ = lazy_exports(
    __name__,
    {
        "batching": ["Batching"],
        "caches": ["Read"],
        "network": ["Network"],
        "requests": ["Writing"],
        "scoring": ["score", "score_tokens"],
        "tokens": ["Chooser", "TextReader"],
    },
)
