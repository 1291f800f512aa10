"""Rules: what an answer is read as, and how judgements become numbers.

Knows questions and predictions as values; no benchmark, no file and no model.
"""

from evaluation.scoring.bootstrap import FEWEST, Interval, bootstrap
from evaluation.scoring.correlation import mcnemar, pearson, spearman, wilson
from evaluation.scoring.letters import exact_letter, first_letter, yes_or_no, yes_or_no_anywhere
from evaluation.scoring.scores import Judgement, Row, Scores, accuracy_rows, judge, share, unit_outcomes
from evaluation.scoring.words import has_word, normalise

__all__ = [
    "FEWEST",
    "Interval",
    "Judgement",
    "Row",
    "Scores",
    "accuracy_rows",
    "bootstrap",
    "exact_letter",
    "first_letter",
    "has_word",
    "judge",
    "mcnemar",
    "normalise",
    "pearson",
    "share",
    "spearman",
    "unit_outcomes",
    "wilson",
    "yes_or_no",
    "yes_or_no_anywhere",
]
