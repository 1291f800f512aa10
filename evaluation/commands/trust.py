"""What --preflight, --audit and --repeat say about a run on stderr."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from common.messages import _
from composer.commands import say
from composer.errors import InputError
from composer.models import Model
from evaluation.benchmarks import Rule
from evaluation.questions import Prediction, Question
from evaluation.running import AUDITED, ENOUGH, Job, as_predictions, ask_fresh, batch_audit, changed, preflight
from evaluation.scoring import Scores


def run_preflight(job: Job, model: Model, out: Path) -> None:
    """Stops a run that cannot become anything, and says which recorded answers have changed. Raises InputError."""
    checks = preflight(job, model)
    path = out / "preflight.json"
    before: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    for check in checks:
        mark = "✓" if check.right else "✗" if check.read else "?"
        say(f"{mark} {check.question.strip()} -> {check.answer.strip()!r}")
        old = before.get("answers", {}).get(check.question) if before.get("weights") == job.weights else None
        if old is not None and old != check.answer:
            say(_("Note: the recorded answer was {answer}.", answer=repr(old)).text())
    answers = {check.question: check.answer for check in checks}
    path.write_text(json.dumps({"weights": job.weights, "answers": answers}, ensure_ascii=False, indent=1), "utf-8")
    right, unread = sum(check.right for check in checks), sum(not check.read for check in checks)
    if right < ENOUGH:
        raise InputError(
            _(
                "The preflight failed: {right} of {count} simple questions were answered rightly, {unread} answers "
                "could not be read. The run would not be worth its time; look at the answers above, or leave out "
                "--preflight.",
                right=right,
                count=len(checks),
                unread=unread,
            )
        )


def report_audit(job: Job, model: Model, questions: Sequence[Question]) -> None:
    flipped = batch_audit(job, model, questions)
    asked = min(AUDITED, len(questions)) * len(job.needs)
    say(
        _(
            "Batch audit: {flipped} of {asked} answers differ between batch 1 and batch {batch}.",
            flipped=len(flipped),
            asked=asked,
            batch=job.batch,
        ).text()
    )
    for alone, together in flipped:
        said, other = alone.prediction or alone.scores, together.prediction or together.scores
        say(f"  {alone.id}: {said!r} -> {other!r}")


def report_noise(
    job: Job,
    model: Model,
    questions: Sequence[Question],
    first: dict[str, Prediction],
    scores: list[Scores],
    rules: Sequence[Rule],
    times: int,
) -> None:
    """Asks everything again and says how much answers and scores move by themselves."""
    for rule, score in zip(rules, scores, strict=True):
        values, moved = [score.value], 0
        for _time in range(times - 1):
            again = as_predictions(ask_fresh(replace(job, needs=(rule.need,)), model, questions))
            own = {id_: _only(prediction, rule) for id_, prediction in first.items()}
            moved += len(changed(own, again, own))
            values.append(job.benchmark.score(questions, again, rule).value)
        say(
            _(
                "Noise floor of {rule}: scores {low:.4g} to {high:.4g} in {times} runs; {moved} answers changed.",
                rule=rule.name,
                low=min(values),
                high=max(values),
                times=times,
                moved=moved,
            ).text()
        )


def _only(prediction: Prediction, rule: Rule) -> Prediction:
    """What this rule reads of a prediction."""
    if rule.need == "reply":
        return Prediction(prediction.id, prediction.text)
    return Prediction(prediction.id, None, {rule.need: prediction.scores[rule.need]})
