"""Scores of predictions, and the files of a run's folder."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from composer.commands import say
from composer.errors import InputError
from evaluation.benchmarks import Benchmark, Rule, lacks
from evaluation.prompting import wording_for, wording_hash
from evaluation.questions import Prediction, Question
from evaluation.scoring import Scores


def settings_of(benchmark: Benchmark, rule: Rule, facts: dict[str, Any], *, blind: bool) -> str:
    wording = wording_for(facts["family"])
    sample = Question("0", "?", None, "0", (("A", "a"), ("B", "b")))
    asked = benchmark.ask(sample, None, rule.need, wording)
    beams = [f"beam {asked.sampling.beams if facts['beams'] else 1}"] if rule.need == "reply" else []
    prompts = f"prompts {wording.family}@{wording_hash(wording, benchmark.kind, rule.need)}"
    return ", ".join([*beams, facts["precision"], prompts, *(["blind"] if blind else [])])


def score_all(
    benchmark: Benchmark,
    questions: Sequence[Question],
    predictions: dict[str, Prediction],
    rules: Sequence[Rule],
    settings: str,
    notes: tuple[str, ...],
    *,
    every: bool = False,
) -> list[Scores]:
    """every: rules that these predictions cannot be scored by are left out with a note; else they are an error."""
    found = []
    for rule in rules:
        if (reason := lacks(rule, predictions)) is not None:
            if not every:
                raise InputError(reason)
            say(f"Note: {reason.text()}")
            continue
        scores = benchmark.score(questions, predictions, rule)
        found.append(replace(scores, settings=settings, notes=(*scores.notes, *notes)))
    return found


def write_scores(
    benchmark: Benchmark,
    questions: Sequence[Question],
    predictions: dict[str, Prediction],
    scores: Sequence[Scores],
    out: Path,
) -> list[Path]:
    """scores.json and scores.md of all rules, judgements.jsonl of the first, and what the benchmark's makers want."""
    out.mkdir(parents=True, exist_ok=True)
    files = benchmark.submit(questions, predictions, out) if _complete_texts(questions, predictions) else []
    if scores:
        path = out / "scores.json"
        path.write_text(json.dumps([one.as_dict() for one in scores], ensure_ascii=False, indent=1), "utf-8")
        (out / "scores.md").write_text("\n".join(one.to_markdown() for one in scores), "utf-8")
        lines = [
            json.dumps({"id": j.id, "unit": j.unit, "read": j.read, "right": j.right}, ensure_ascii=False)
            for j in scores[0].judgements
        ]
        (out / "judgements.jsonl").write_text("".join(f"{line}\n" for line in lines), "utf-8")
        files += [path, out / "scores.md", out / "judgements.jsonl"]
    return files


def _complete_texts(questions: Sequence[Question], predictions: dict[str, Prediction]) -> bool:
    return all(predictions[question.id].text is not None for question in questions)
