"""One benchmark from its files to its scores: asks a model, or takes predictions that exist."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from tqdm import tqdm

from common.messages import _, _n
from composer.commands import say, stop_on_interrupt
from composer.errors import InputError
from composer.models import Model
from evaluation.benchmarks import Benchmark, Matched, Rule
from evaluation.commands.results import score_all, settings_of, write_scores
from evaluation.commands.trust import report_audit, report_noise, run_preflight
from evaluation.errors import PredictionsUnusable, RunUnusable
from evaluation.questions import Question, first_units
from evaluation.reading import read_given
from evaluation.running import (
    Job,
    as_predictions,
    ask_all,
    ask_in_processes,
    check_new,
    check_sight,
    load_answers,
    model_facts,
    part_file,
    write_in_order,
)
from evaluation.scoring import Scores

ALL = "all"  # stands for every rule


@dataclass(frozen=True, slots=True)
class Options:
    """What a person asked for."""

    data: Path
    out: Path | None = None
    pictures: Path | None = None
    rule: str | None = None
    limit: int | None = None
    resume: bool = False
    batch: int = 8
    processes: int = 1
    cards: bool = False  # each process has a graphics card
    blind: bool = False
    preflight: bool = False
    audit: bool = False
    repeat: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command has made."""

    scores: list[Scores]
    files: list[Path]
    stopped: bool = False


def rules_of(benchmark: Benchmark, name: str | None) -> list[Rule]:
    """The rules asked for. Raises InputError."""
    return list(benchmark.rules) if name == ALL else [benchmark.rule(name)]


def read_questions(benchmark: Benchmark, options: Options) -> list[Question]:
    """The questions asked for. Raises DataUnusable."""
    return first_units(benchmark.read(options.data.expanduser(), options.pictures), options.limit)


# -- predictions that exist --------------------------------------------------------------------------------------------


def score_file(benchmark: Benchmark, options: Options, place: Path, *, partial: bool, name: str = "") -> Outcome:
    """Scores predictions without a model; `name` says whose they are.

    Raises DataUnusable, PredictionsUnusable, InputError.
    """
    rules = rules_of(benchmark, options.rule)
    questions = read_questions(benchmark, options)
    matched = benchmark.match(questions, read_given(place))
    _check_matched(matched, questions, place, partial=partial)
    notes: tuple[str, ...] = ()
    if matched.missing:
        cut = {question.unit for question in questions if question.id in set(matched.missing)}
        kept = [question for question in questions if question.unit not in cut]
        if not kept:
            raise PredictionsUnusable(place=place, reason=_("not one question has all of its predictions."))
        notes = (f"{len(kept)} of {len(questions)} questions",)
        questions = kept
    predictions = {question.id: matched.predictions[question.id] for question in questions}
    known = _facts_of(place)
    settings = known.get("settings") or f"predictions from {place.name}"
    if not benchmark.scorable(questions):
        files = benchmark.submit(questions, predictions, options.out) if options.out else []
        if not files:
            raise InputError(benchmark.why_unscorable())
        return Outcome([], files)
    scores = score_all(benchmark, questions, predictions, rules, settings, notes, every=options.rule == ALL)
    files = []
    if options.out:
        files = write_scores(benchmark, questions, predictions, scores, options.out.expanduser())
        _write_facts(
            options.out.expanduser(),
            benchmark,
            options,
            {**known, "model": name or known.get("model") or _whose(place), "settings": settings},
        )
    return Outcome(scores, files)


def _check_matched(matched: Matched, questions: Sequence[Question], place: Path, *, partial: bool) -> None:
    if matched.others:
        say(
            _n(
                "Note: {count} prediction belongs to no question.",
                "Note: {count} predictions belong to no question.",
                count=matched.others,
            ).text()
        )
    if not matched.predictions:
        raise PredictionsUnusable(place=place, reason=_("none of them belongs to a question of these data."))
    if matched.missing and not partial:
        raise PredictionsUnusable(
            place=place,
            reason=_(
                "{missing} of {count} questions have none; the first is {first}. --partial scores the others.",
                missing=len(matched.missing),
                count=len(questions),
                first=matched.missing[0],
            ),
        )


def _facts_of(place: Path) -> dict[str, Any]:
    """What our own run says of itself; nothing for other predictions."""
    path = (place if place.is_dir() else place.parent) / "run.json"
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


# -- a model -----------------------------------------------------------------------------------------------------------


def run(benchmark: Benchmark, options: Options, name: str, load: Callable[[], Model]) -> Outcome:
    """Asks the model all questions and scores its answers. `load` travels to other processes where there are several.

    Raises DataUnusable, RunUnusable, InputError, and what models raise.
    """
    assert options.out is not None
    if options.processes > 1 and (options.preflight or options.audit or options.repeat > 1):
        raise InputError(_("--preflight, --audit and --repeat run in one process; leave out --processes."))
    out = options.out.expanduser()
    rules = rules_of(benchmark, options.rule)
    questions = read_questions(benchmark, options)
    check_new(out, benchmark.name, resume=options.resume)
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = FileLock(out / ".lock")
        lock.acquire(timeout=0)
    except Timeout as error:
        raise RunUnusable(place=out, reason=_("another run is writing to it.")) from error
    except OSError as error:
        raise RunUnusable(place=out, reason=_("it cannot be written to ({error}).", error=error)) from error
    try:
        return _run(benchmark, options, out, name, load, rules, questions)
    finally:
        lock.release()


def _run(
    benchmark: Benchmark,
    options: Options,
    out: Path,
    name: str,
    load: Callable[[], Model],
    rules: list[Rule],
    questions: list[Question],
) -> Outcome:
    needs = tuple(dict.fromkeys(rule.need for rule in rules))
    job = Job(benchmark, needs, "", options.batch, options.blind)
    begun = time.time()
    several = options.processes > 1
    with stop_on_interrupt() as stop:
        total = len(questions) * len(needs)
        if several:
            with _bar(benchmark, total) as bar:
                answers, facts = ask_in_processes(
                    load,
                    name,
                    job,
                    questions,
                    out,
                    options.processes,
                    cards=options.cards,
                    progress=lambda count: _advance(bar, count),
                    note=say,
                    stop=stop,
                )
        else:
            model = load()
            check_sight(model, blind=options.blind)
            facts = model_facts(name, model)
            job = replace(job, weights=facts["weights"])
            if options.preflight:
                run_preflight(job, model, out)
            if options.audit:
                report_audit(job, model, questions)
            with _bar(benchmark, total) as bar:
                answers = ask_all(
                    job,
                    model,
                    questions,
                    load_answers(out),
                    part_file(out, 0),
                    progress=lambda count: _advance(bar, count),
                    note=say,
                    stop=stop,
                )
        if len(answers) < total:
            return Outcome([], [out], stopped=True)
    files = [write_in_order(out, answers)]
    predictions = as_predictions(answers)
    settings = {rule.name: settings_of(benchmark, rule, facts, blind=options.blind) for rule in rules}
    record = {
        "settings": settings[rules[0].name],
        "blind": options.blind,
        "batch": options.batch,
        "processes": options.processes,
        "seconds": round(time.time() - begun, 2),
        "questions": len(questions),
        **facts,
    }
    _write_facts(out, benchmark, options, record)
    scores: list[Scores] = []
    if benchmark.scorable(questions):
        scores = [
            s for rule in rules for s in score_all(benchmark, questions, predictions, [rule], settings[rule.name], ())
        ]
        if not several and options.repeat > 1:
            report_noise(job, model, questions, predictions, scores, rules, options.repeat)
    files += write_scores(benchmark, questions, predictions, scores, out)
    if not several:
        model.close()
    return Outcome(scores, files)


def _whose(place: Path) -> str:
    """A name for predictions of unknown origin."""
    return place.parent.name if place.stem == "predictions" else place.stem


def _write_facts(out: Path, benchmark: Benchmark, options: Options, facts: dict[str, Any]) -> None:
    """run.json: what was measured, on which data, with what."""
    record = {
        **facts,
        "benchmark": benchmark.name,
        "data": str(options.data.expanduser().absolute()),
        "pictures": str(options.pictures.expanduser().absolute()) if options.pictures else None,
        "limit": options.limit,
    }
    (out / "run.json").write_text(json.dumps(record, ensure_ascii=False, indent=1), "utf-8")


def _advance(bar: "tqdm[Any]", count: int) -> None:
    bar.update(count)


def _bar(benchmark: Benchmark, total: int) -> "tqdm[Any]":
    return tqdm(total=total, desc=benchmark.title, unit="question", smoothing=0.05)
