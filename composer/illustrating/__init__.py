"""From an article to its pictures: what could be shown, candidates, places and pictures together, captions.

Knows model, gallery and prompts by their protocols; not how text is written or shown.
"""

from composer.illustrating.candidates import candidate
from composer.illustrating.captions import plain_caption
from composer.illustrating.evidence import name_in, same_subject, words_met
from composer.illustrating.fit import FEATURES, FITS, PERHAPS, fit
from composer.illustrating.illustrator import Illustrator, plan
from composer.illustrating.material import MOST_OWN, OwnFirst, OwnPictures
from composer.illustrating.nouns import Words, load_taggers
from composer.illustrating.places import MOST_PICTURES, choose_pictures, width
from composer.illustrating.reading import ParagraphReader, Reading
from composer.illustrating.trained import TRAINED_PLAN, TrainedIllustrator

__all__ = [
    "FEATURES",
    "FITS",
    "MOST_OWN",
    "MOST_PICTURES",
    "PERHAPS",
    "TRAINED_PLAN",
    "Illustrator",
    "OwnFirst",
    "OwnPictures",
    "ParagraphReader",
    "Reading",
    "TrainedIllustrator",
    "Words",
    "candidate",
    "choose_pictures",
    "fit",
    "load_taggers",
    "name_in",
    "plain_caption",
    "plan",
    "same_subject",
    "width",
    "words_met",
]
