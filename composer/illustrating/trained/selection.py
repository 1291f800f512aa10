"""Selection: which of a place's candidates the model finds the best."""

import math
from collections.abc import Sequence
from dataclasses import replace

from composer.article import Article, Candidate, Illustration
from composer.illustrating.trained.shared import SharedArticle
from composer.models import Picture
from composer.prompts import NamesPlaces

_NOTHING = "N/A"  # the caption of an empty candidate
REFUSED = 0.12  # fit, without the model's yes or no, below which a picture is not shown unasked


def select_candidate(
    shared: SharedArticle, prompts: NamesPlaces, article: Article, place: str, illustration: Illustration
) -> Illustration:
    """The illustration with the candidate chosen that letter, words and gallery speak for together; with none where the
    best has nothing to do with the caption.

    Raises what the model raises, and PictureError for a file that is gone.
    """
    shares = candidate_shares(shared, prompts, article, place, illustration)
    weighed = [replace(c, share=share) for c, share in zip(illustration.candidates, shares, strict=True)]
    best = max(weighed, key=_evidence_of_both)
    refused = best.caption and not best.approximate and best.fit is not None and best.fit < REFUSED
    return replace(illustration, candidates=tuple(weighed), chosen=None if refused else best)


def _evidence_of_both(candidate: Candidate) -> float:
    """Logarithm of the model's share, and of the odds that the words give."""
    fit = 0.5 if candidate.fit is None else min(max(candidate.fit, 1e-6), 1 - 1e-6)
    return math.log(max(candidate.share or 0.0, 1e-9)) + math.log(fit / (1 - fit))


def candidate_shares(
    shared: SharedArticle, prompts: NamesPlaces, article: Article, place: str, illustration: Illustration
) -> list[float]:
    """The model's probability for each candidate, in the gallery's order.

    A model that sees looks at the candidates and at the pictures chosen so far in the same part of the article. What
    the model gives a letter when all candidates are alike and empty is taken out of it (contextual calibration, Zhao
    et al. 2021, arXiv 2102.09690).
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
    section = part.section(place)
    choice = prompts.choose(part, section, illustration, lettered, chosen)
    nothing = [(replace(each, caption=_NOTHING), None) for each in offered]
    empty = prompts.choose(part, section, illustration, nothing, [])
    scores = ask.score(choice.messages, choice.options)
    bias = ask.score(empty.messages, empty.options)
    return softmax([score - without for score, without in zip(scores, bias, strict=True)])


def softmax(logarithms: Sequence[float]) -> list[float]:
    """Probabilities in proportion to the exponentials, adding up to one."""
    highest = max(logarithms)
    if highest == -math.inf:
        return [1 / len(logarithms)] * len(logarithms)
    powers = [math.exp(each - highest) for each in logarithms]
    return [power / sum(powers) for power in powers]
