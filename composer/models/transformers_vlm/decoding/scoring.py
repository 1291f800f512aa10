"""The log-probabilities of options as the continuation of a prompt: one forward pass for the prompt, at most one for
all options."""

import math
from collections.abc import Callable, Sequence

from composer.models.transformers_vlm.decoding.caches import Read
from composer.models.transformers_vlm.decoding.network import Network
from composer.models.transformers_vlm.prompts import Prompt

ReadsPrompts = Callable[[Prompt, Sequence[Read]], Read]


def score(
    network: Network, prompt: Prompt, options: Sequence[str], known: Sequence[Read], reading: ReadsPrompts
) -> list[float]:
    """See `composer.models.base.Replier.score`. reading: reads a prompt on top of what is known of it.

    An option counts until no other shares its tokens: the first one for most. An option that is the beginning of others
    gets the probability that their next tokens leave.
    """
    different = list(dict.fromkeys(options))
    prompt, encoded = _encoded(network, prompt, different)
    read = reading(prompt, known)
    needed = [_needed(ids, encoded) for ids in encoded]
    depths = [min(count, len(ids)) for count, ids in zip(needed, encoded, strict=True)]
    # scores after n tokens say which token comes next: an option of one decisive token needs none before it
    following = [
        ids[: max(count - 1, 0) if count <= len(ids) else len(ids)] for count, ids in zip(needed, encoded, strict=True)
    ]
    found: dict[str, float] = {}
    for option, ids, depth, count, scores in zip(
        different, encoded, depths, needed, network.options(read, prompt, following), strict=True
    ):
        logprobs = scores.log_softmax(dim=-1)
        total = sum(float(logprobs[at, ids[at]]) for at in range(depth))
        if count > len(ids):
            others = {other[len(ids)] for other in encoded if len(other) > len(ids) and other[: len(ids)] == ids}
            rest = 1.0 - sum(math.exp(float(logprobs[len(ids), token])) for token in others)
            total += math.log(max(rest, 1e-12))
        found[option] = total
    return [found[option] for option in options]


def score_tokens(
    network: Network, prompt: Prompt, options: Sequence[str], known: Sequence[Read], reading: ReadsPrompts
) -> list[list[float]]:
    """The log-probability of each token of each option."""
    prompt, encoded = _encoded(network, prompt, options)
    read = reading(prompt, known)
    scores = network.options(read, prompt, [ids[:-1] for ids in encoded])
    return [
        [float(row[at, token]) for at, token in enumerate(ids)]
        for ids, row in zip(encoded, (each.log_softmax(dim=-1) for each in scores), strict=True)
    ]


def _encoded(network: Network, prompt: Prompt, options: Sequence[str]) -> tuple[Prompt, list[tuple[int, ...]]]:
    """The prompt, and what each option puts behind it. Where an option changes the last tokens of the prompt, these
    are part of all options."""
    texts = [prompt.text + option.encode("utf-8", "replace").decode() for option in options]
    plain, *encoded = network.reader.plain_ids_of([prompt.text, *texts])
    kept = len(plain)
    for ids in encoded:
        same = next(
            (at for at, (a, b) in enumerate(zip(plain, ids, strict=False)) if a != b), min(len(plain), len(ids))
        )
        kept = min(kept, same)
    return prompt.without_last(len(plain) - kept), [tuple(ids[kept:]) for ids in encoded]


def _needed(ids: Sequence[int], encoded: Sequence[Sequence[int]]) -> int:
    """How many tokens tell this option from all others; one more than it has where others go on from its end."""
    count = 1
    for other in encoded:
        if other is ids or tuple(other) == tuple(ids):
            continue
        same = next((at for at, (a, b) in enumerate(zip(ids, other, strict=False)) if a != b), None)
        if same is not None:
            count = max(count, same + 1)
        elif len(other) > len(ids):
            count = max(count, len(ids) + 1)
        else:  # it goes on from the end of the other
            count = max(count, len(other) + 1)
    return count
