"""Errors of measuring that a person may read.

composer.errors.ComposerError
├── InputError                 (exit status 2 on the command line)
│   ├── DataUnusable           a benchmark's file is missing or not in its form
│   ├── PredictionsUnusable    a file of predictions does not fit the questions
│   └── RunUnusable            a folder holds no run, or another one than what is continued
└── EvaluationFailed           the work itself failed; what was answered is kept
"""

from common.messages import _
from composer.errors import ComposerError, InputError


class DataUnusable(InputError):
    sentence = _("The data in '{place}' cannot be used: {reason}")


class PredictionsUnusable(InputError):
    sentence = _("The predictions in '{place}' cannot be used: {reason}")


class RunUnusable(InputError):
    sentence = _("The folder '{place}' cannot be used: {reason}")


class EvaluationFailed(ComposerError):
    sentence = _("The evaluation stopped: {reason} What was answered so far is kept in '{place}'; --resume goes on.")
