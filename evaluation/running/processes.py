"""Several processes, each with a copy of the model: the questions are dealt out, the answers merged in order."""

import multiprocessing
import os
import queue
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from common.errors import ReadableError
from common.messages import _
from composer.models import Model
from evaluation.errors import EvaluationFailed
from evaluation.prompting import Need
from evaluation.questions import Question
from evaluation.running.runner import Job, Note, Progress, ask_all, check_sight
from evaluation.running.store import Answer, load_answers, part_file
from evaluation.running.weights import model_facts

POLL = 0.5  # seconds between looks at whether a process is still there
VISIBLE = "CUDA_VISIBLE_DEVICES"


def ask_in_processes(
    load: Callable[[], Model],
    name: str,
    job: Job,
    questions: Sequence[Question],
    out: Path,
    processes: int,
    *,
    cards: bool,
    progress: Progress = lambda count: None,
    note: Note = lambda text: None,
    stop: Any = None,
) -> tuple[list[Answer], dict[str, Any]]:
    """The answers in the order of the questions, and what is known of the model.

    cards: each process has a graphics card. Every process writes a file of its own, so that none waits for another.
    Raises what a process raises, and EvaluationFailed for one that ended without a word.
    """
    context = multiprocessing.get_context("spawn")
    results, ending = context.Queue(), context.Event()
    visible = _cards(processes) if cards else [None] * processes
    workers = [
        context.Process(
            target=_work,
            args=(load, name, job, list(questions[rank::processes]), out, rank, visible[rank], results, ending),
            daemon=True,
        )
        for rank in range(processes)
    ]
    for worker in workers:
        worker.start()
    facts, error, finished = dict[str, Any](), None, dict[int, list[tuple[str, Need, str]]]()
    try:
        while len(finished) < processes and error is None:
            if stop is not None and stop.is_set():
                ending.set()
            try:
                kind, rank, value = results.get(timeout=POLL)
            except queue.Empty:
                gone = [rank for rank, worker in enumerate(workers) if not worker.is_alive() and rank not in finished]
                if gone and results.empty():
                    reason = _(
                        "process {rank} ended with status {status}.", rank=gone[0], status=workers[gone[0]].exitcode
                    )
                    error = EvaluationFailed(reason=reason, place=out)
                continue
            if kind == "answered":
                progress(value)
            elif kind == "note":
                note(value)
            elif kind == "facts":
                facts = value
            elif kind == "error":
                error = value
            else:
                finished[rank] = value
    finally:
        ending.set()
        for worker in workers:
            if error is not None:
                worker.terminate()
            worker.join()
    if error is not None:
        raise error
    known = load_answers(out)
    keys = {(id_, need): key for identities in finished.values() for id_, need, key in identities}
    wanted = [(question.id, need) for need in job.needs for question in questions]
    return [known[id_, need, keys[id_, need]] for id_, need in wanted if (id_, need) in keys], facts


def _cards(processes: int) -> list[str | None]:
    """The card of each process, among those that this one may use."""
    allowed = [card for card in os.environ.get(VISIBLE, "").split(",") if card.strip()]
    return [allowed[rank] if rank < len(allowed) else str(rank) for rank in range(processes)]


def _work(
    load: Callable[[], Model],
    name: str,
    job: Job,
    questions: list[Question],
    out: Path,
    rank: int,
    card: str | None,
    results: Any,
    ending: Any,
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process hears Ctrl-C and tells the others
    if card is not None:
        os.environ[VISIBLE] = card  # before anything loads CUDA
    try:
        model = load()
        check_sight(model, blind=job.blind)
        facts = model_facts(name, model)
        job = replace(job, weights=facts["weights"])
        results.put(("facts", rank, facts))
        answers = ask_all(
            job,
            model,
            questions,
            load_answers(out),
            part_file(out, rank),
            progress=lambda count: results.put(("answered", rank, count)),
            note=lambda text: results.put(("note", rank, text)),
            stop=ending,
        )
        model.close()
    except ReadableError as error:
        results.put(("error", rank, error))
    except Exception as error:  # noqa: BLE001  # it must reach the person, who sees only the first process
        reason = _("process {rank}: {kind}: {error}.", rank=rank, kind=type(error).__name__, error=error)
        results.put(("error", rank, EvaluationFailed(reason=reason, place=out)))
    else:
        results.put(("finished", rank, [answer.identity for answer in answers]))
