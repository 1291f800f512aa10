"""Asks a model the questions of a benchmark, in batches, and keeps every answer at once.

Knows prompts, pictures and the folder of a run; nothing of rules and scores.
"""

import io
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from common.messages import _
from composer.errors import InputError, OutOfMemory
from composer.models import Model, Picture, Sampling, ScoresTokens
from evaluation.benchmarks import Benchmark
from evaluation.prompting import Asked, Need, wording_for
from evaluation.questions import Question
from evaluation.running.store import Answer, Known, Writer

Progress = Callable[[int], None]  # how many questions were answered since the last call
Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Job:
    """What is asked, and how."""

    benchmark: Benchmark
    needs: tuple[Need, ...]
    weights: str  # fingerprint of the model's weights
    batch: int = 8
    blind: bool = False  # without the pictures: the text-only baseline


@dataclass(frozen=True, slots=True)
class _Pending:
    question: Question
    asked: Asked
    key: str

    @property
    def identity(self) -> tuple[str, Need, str]:
        return self.question.id, self.asked.need, self.key


def check_sight(model: Model, *, blind: bool) -> None:
    """Refuses a model that does not see, unless that is meant. Raises InputError."""
    if not model.capabilities.sees_pictures and not blind:
        raise InputError(
            _(
                "The model '{name}' does not see pictures, and every question is about one. "
                "--blind asks without them, as the baseline of a model that only reads.",
                name=model.name,
            )
        )


def prepare(job: Job, model: Model, question: Question, need: Need) -> _Pending:
    """The whole prompt of one question and its key. Raises DataUnusable, PictureError."""
    data = b"" if job.blind or question.picture is None else question.picture.read()
    picture = None
    if data and question.picture is not None:
        file = io.BytesIO(data)
        file.name = question.picture.name  # for the error of a broken one
        picture = Picture.open(file)
    asked = job.benchmark.ask(question, picture, need, wording_for(model.capabilities.family))
    asked = replace(asked, sampling=possible(asked.sampling, model))
    return _Pending(question, asked, asked.key(data, job.weights))


def possible(sampling: Sampling, model: Model) -> Sampling:
    """The settings, with one beam where the model has no beam search."""
    return sampling if model.capabilities.beams else replace(sampling, beams=1)


def ask_all(
    job: Job,
    model: Model,
    questions: Sequence[Question],
    known: Known,
    path: Path,
    *,
    progress: Progress = lambda count: None,
    note: Note = lambda text: None,
    stop: threading.Event | None = None,
) -> list[Answer]:
    """Answers of all questions in order, each kept in `path` at once. What `known` has under the same key is not asked.

    Pictures of the next batch are decoded while the model answers. After an OutOfMemory the batch is halved and the run
    goes on. `stop` ends it after the batch; the answers so far are returned.
    """
    found: list[Answer] = []
    writer = Writer(path)
    size = max(1, job.batch)

    def pending() -> Iterator[_Pending]:
        for need in job.needs:
            for question in questions:
                yield prepare(job, model, question, need)

    try:
        for group in _ahead(_groups(pending(), size)):
            answers = {one.identity: known[one.identity] for one in group if one.identity in known}
            new = [one for one in group if one.identity not in known]
            for need in dict.fromkeys(one.asked.need for one in new):
                waiting = [one for one in new if one.asked.need == need]
                while waiting:
                    try:
                        made = _answer(model, waiting[:size], stop)
                    except OutOfMemory as error:
                        if size == 1:
                            raise
                        size = max(1, min(size, len(waiting)) // 2)
                        note(f"{error.text()} The batch is now {size}.")
                        continue
                    if stop is not None and stop.is_set():
                        return found
                    writer.add(made)
                    answers |= {answer.identity: answer for answer in made}
                    waiting = waiting[len(made) :]
                    progress(len(made))
            found += [answers[one.identity] for one in group]
            progress(len(group) - len(new))
    finally:
        writer.close()
    return found


def _answer(model: Model, group: Sequence[_Pending], stop: threading.Event | None) -> list[Answer]:
    """The answers of questions that need the same."""
    first = group[0].asked
    if first.need == "reply":
        replies = model.reply([one.asked.messages for one in group], first.sampling, stop=stop)
        return [
            Answer(one.question.id, "reply", one.key, one.asked.shown, reply)
            for one, reply in zip(group, replies, strict=True)
        ]
    return [
        Answer(one.question.id, one.asked.need, one.key, one.asked.shown, None, one.asked.options, scores)
        for one, scores in zip(group, _scores(model, group), strict=True)
    ]


def _scores(model: Model, group: Sequence[_Pending]) -> list[tuple[float, ...]]:
    """For each option the mean log-probability of its tokens; of good and poor that of the first tokens that differ."""
    if not isinstance(model, ScoresTokens):
        return [tuple(model.score(one.asked.messages, one.asked.options)) for one in group]
    found = model.score_tokens([one.asked.messages for one in group], [one.asked.options for one in group])
    return [
        _first_that_differ(options)
        if one.asked.need == "quality"
        else tuple(sum(tokens) / len(tokens) for tokens in options)
        for one, options in zip(group, found, strict=True)
    ]


def _first_that_differ(options: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """Of each option the first token at which not all are equal: equal tokens have equal log-probabilities."""
    columns = list(zip(*options, strict=False))
    return next((column for column in columns if len(set(column)) > 1), columns[0])


def _groups(pending: Iterator[_Pending], size: int) -> Iterator[tuple[_Pending, ...]]:
    while group := tuple(islice(pending, size)):
        yield group


def _ahead(groups: Iterator[tuple[_Pending, ...]]) -> Iterator[tuple[_Pending, ...]]:
    """The groups, each made while the one before is used."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, groups, None)
        while (group := coming.result()) is not None:
            coming = thread.submit(next, groups, None)
            yield group
