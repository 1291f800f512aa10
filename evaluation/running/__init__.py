"""Runs a model over a benchmark: batches, several processes, answers kept as they come, checks of the run itself.

Knows models through their protocol and the folder of a run; no rule of scoring and no command line.
"""

from evaluation.running.checks import AUDITED, ENOUGH, Check, ask_fresh, batch_audit, changed, preflight
from evaluation.running.processes import ask_in_processes
from evaluation.running.runner import Job, ask_all, check_sight
from evaluation.running.store import (
    Answer,
    as_predictions,
    check_new,
    load_answers,
    part_file,
    write_in_order,
)
from evaluation.running.weights import model_facts, weights_fingerprint

__all__ = [
    "AUDITED",
    "ENOUGH",
    "Answer",
    "Check",
    "Job",
    "as_predictions",
    "ask_all",
    "ask_fresh",
    "ask_in_processes",
    "batch_audit",
    "changed",
    "check_new",
    "check_sight",
    "load_answers",
    "model_facts",
    "part_file",
    "preflight",
    "weights_fingerprint",
    "write_in_order",
]
