"""What the commands do: a benchmark's run, its prompts, reports and differences.

Knows all rooms of this package; the command line itself is evaluation/cli.py.
"""

from evaluation.commands.loading import Load
from evaluation.commands.run import ALL, Options, Outcome, read_questions, rules_of, run, score_file
from evaluation.commands.show import shown_prompts

__all__ = ["ALL", "Load", "Options", "Outcome", "read_questions", "rules_of", "run", "score_file", "shown_prompts"]
