"""What the commands do: a benchmark's run, its prompts, reports and differences.

Knows all rooms of this package; the command line itself is evaluation/cli.py.
"""

from evaluation.commands.composition import (
    CompositionOptions,
    check_composition,
    compare_compositions,
    compose_titles,
)
from evaluation.commands.illustrating import measure_illustrating
from evaluation.commands.loading import Load, check_name, model_loader
from evaluation.commands.run import ALL, Options, Outcome, read_questions, rules_of, run, score_file
from evaluation.commands.show import shown_prompts

__all__ = [
    "ALL",
    "CompositionOptions",
    "Load",
    "Options",
    "Outcome",
    "check_composition",
    "check_name",
    "compare_compositions",
    "compose_titles",
    "measure_illustrating",
    "model_loader",
    "read_questions",
    "rules_of",
    "run",
    "score_file",
    "shown_prompts",
]
