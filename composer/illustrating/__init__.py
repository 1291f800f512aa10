"""From an article to its pictures: places, search phrases, candidates, choices, captions.

Knows model, gallery and prompts by their protocols; not how text is written or shown.
"""

from composer.illustrating.candidates import candidate
from composer.illustrating.illustrator import Illustrator
from composer.illustrating.places import MOST_PICTURES, WORTH_SHOWING
from composer.illustrating.selection import softmax

__all__ = [
    "MOST_PICTURES",
    "WORTH_SHOWING",
    "Illustrator",
    "candidate",
    "softmax",
]
