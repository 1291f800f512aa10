"""Selection: which of a place's candidates the model finds the best."""

import math
from collections.abc import Sequence
from dataclasses import replace

from composer.article import Article, Illustration
from composer.illustrating.shared import SharedArticle
from composer.models import Picture


def select_candidate(shared: SharedArticle, article: Article, place: str, illustration: Illustration) -> Illustration:
    """The illustration with the candidate chosen that the model finds best, and the model's share for each.

    Raises what the model raises, and PictureError for a file that is gone.
    """
    shares = candidate_shares(shared, article, place, illustration)
    candidates = tuple(replace(c, share=share) for c, share in zip(illustration.candidates, shares, strict=True))
    best = max(range(len(candidates)), key=lambda i: shares[i])
    return replace(illustration, candidates=candidates, chosen=candidates[best])


def candidate_shares(shared: SharedArticle, article: Article, place: str, illustration: Illustration) -> list[float]:
    """The model's probability for each candidate, in the gallery's order.

    A model that sees looks at the candidates and at the pictures chosen so far in the same part of the article.
    Averaging over other orders of the letters costs a question each and chooses no better
    (benchmarks/compose_selection).
    """
    part, ask = shared.about(place)
    offered = illustration.candidates
    capabilities = shared.model.capabilities
    looks = capabilities.sees_pictures and capabilities.max_pictures >= len(offered)
    pictures = [Picture.open(c.path) if looks else None for c in offered]
    in_part = {section.id for section in part}
    chosen = [
        (s, Picture.open(s.illustration.chosen.path) if looks else None)
        for s in article.illustrated
        if s.id in in_part and s.illustration and s.illustration.chosen
    ]
    lettered = list(zip(offered, pictures, strict=True))
    choice = shared.prompts.choose(part, part.section(place), illustration, lettered, chosen)
    return softmax(ask.score(choice.messages, choice.options))


def softmax(logarithms: Sequence[float]) -> list[float]:
    """Probabilities in proportion to the exponentials, adding up to one."""
    highest = max(logarithms)
    if highest == -math.inf:
        return [1 / len(logarithms)] * len(logarithms)
    powers = [math.exp(each - highest) for each in logarithms]
    return [power / sum(powers) for power in powers]
