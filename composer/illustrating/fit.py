"""From evidence to one probability: does a careful reader find the picture fitting beside the paragraph?

A logistic regression over the features below. Its coefficients are data (`configs/fit.json`), fitted on one half of a
labelled set by `python -m benchmarks.illustrating_fit --fit` and measured on the other.
"""

import json
import math
from collections.abc import Callable
from functools import cache

from common.resources import resource_folder
from composer.article import Evidence

FITS = 0.5  # more likely than not: from here on a picture stands beside a paragraph without being asked for
PERHAPS = 0.35  # below, a picture is not offered first even where a number of pictures was asked for

# P(Yes) below which the model says rather no: words alone then convince nobody to show the picture unasked. Of the
# pictures that would be shown in spite of it one of seven fits (the fitted half of the labelled set, 108 others).
RATHER_NO = 0.45
# But an article about bridges shows one, however little the model thinks of it, where a paragraph names it too.
HARDLY_NO = 0.25
# Cosines of query and words of a picture. Below the first, a picture that shares no word with the text is another thing
# than was searched for, whatever the model says: a person walking, for "move"; on the fitted half that costs one
# picture, which did not fit. Below the second it may be one, also where it shares a word: a clutch bag for a sleeping
# bag, butter for cocoa butter, a fir for the trees of a rainforest.
UNRELATED, NEAR = 0.45, 0.7
# P(Yes) that such a picture needs, and one whose name says more than the text where the model did not think of the
# thing (a house for a birdhouse), and one that has none of the text's words, though it means what was searched for (an
# onion for scallions, bread for a dough). Of eleven between 0.55 and 0.7 in sixty articles five did not fit, of four
# between 0.7 and 0.8 in thirty-three others two, and of five without a word of the text in eighty more four.
CLEARLY_YES = 0.8
# The same of everything else that the title does not name: what the text says in passing is said as well. Of 149
# pictures in ninety articles the 106 that the title names or that reach this hold three that do not fit, the 43 others
# fourteen. But butter is one kind of cocoa butter's, and has to fit clearly.
RATHER_YES = 0.7
# A small model says yes less readily in Chinese: of the labelled paragraphs' pictures between 0.55 and 0.7 whose words
# are all said ten of ten fit there (the fitted half; of the other seven of seven).
RATHER_YES_ZH = 0.55
# The same of a thing that only says where something is: the chair that somebody sits on, the windows that rain pounds
# against. Of six below this in the labelled paragraphs and thirty-six articles none would be missed. And of one that
# the text neither names nor nearly means: a steamer, for sailors.
SURELY_YES = 0.85

_UNKNOWN_SIMILARITY = 0.5  # of a query and a picture whose words are in different languages
_UNASKED = 0.5  # the model's opinion where there is none
_SUREST = 6.0  # a logarithm of odds beyond this says no more

FEATURES: dict[str, Callable[[Evidence], float]] = {
    "yes": lambda e: _log_odds(_UNASKED if e.yes is None else e.yes),
    "share": lambda e: e.share,
    "similarity": lambda e: _UNKNOWN_SIMILARITY if e.similarity is None else e.similarity,
    "named": lambda e: float(e.named),
    "named_and_met": lambda e: float(e.named) * e.share,
    "of_title": lambda e: float(e.of_title),
}


def fit(evidence: Evidence) -> float:
    """The probability, 0..1, to four places; below `FITS` where the model says rather no, where the words mean
    something else, and where they may and the model is not sure."""
    weights = _weights()
    total = weights["intercept"] + sum(weights[name] * feature(evidence) for name, feature in FEATURES.items())
    probability = 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))
    yes = _UNASKED if evidence.yes is None else evidence.yes
    if yes < _least_yes(evidence):
        probability = min(probability, FITS - 0.05 * (2 - probability))  # in their order
    return round(probability, 4)


def _least_yes(evidence: Evidence) -> float:
    """P(Yes) from which the model and the words together may show a picture unasked; above 1: none is enough."""
    near = 1.0 if evidence.similarity is None else evidence.similarity
    said = evidence.share or evidence.similarity is None  # pictures without words have none to be said
    if near < UNRELATED and not said:
        return 2.0
    if evidence.of_title:
        return HARDLY_NO if evidence.named and evidence.share == 1 else RATHER_NO
    if evidence.of_place or (not said and near < NEAR):
        return SURELY_YES
    is_kind = any(word in evidence.query and word != evidence.query for word in evidence.words)
    says_more = 0 < evidence.share < 1 and not evidence.named
    if not said or says_more or (near < NEAR and (evidence.share < 1 or is_kind)):
        return CLEARLY_YES
    all_said = evidence.share == 1
    if evidence.yes is None and near >= NEAR and (all_said or evidence.similarity is None):
        return RATHER_NO  # unasked, the words alone decide
    return RATHER_YES_ZH if all_said and evidence.language == "zh" else RATHER_YES


def _log_odds(probability: float) -> float:
    bounded = min(max(probability, 1e-6), 1 - 1e-6)
    return max(-_SUREST, min(_SUREST, math.log(bounded / (1 - bounded))))


@cache
def _weights() -> dict[str, float]:
    weights: dict[str, float] = json.loads((resource_folder("configs") / "fit.json").read_text(encoding="utf-8"))
    return weights
