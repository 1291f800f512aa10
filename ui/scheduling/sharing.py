"""The model as one job uses it: each of its calls waits for its turn in the line. The judge of pictures likewise."""

import itertools
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import cast

from composer.models import Capabilities, KeepsBeginnings, Message, Model, Replier, Sampling, Usage
from ui.scheduling.line import Job, Line


def shared_model(line: Line, job: Job, model: Callable[[], Model]) -> Model:
    """The model of the moment in the hands of a job. What it can do beyond the protocol, it can here."""
    kind = _KeepingModel if isinstance(model(), KeepsBeginnings) else _SharedModel
    return cast(Model, kind(line, job, model))  # whose name and capabilities nobody sets


def shared_judge(line: Line, judge: Model, stop: threading.Event | None = None) -> Model:
    """The judge of pictures in the hands of a job, which `stop` ends. It has a line of its own, in which a paragraph
    with all its questions has one turn: what they begin with is read once and lies undisturbed until the last."""
    return cast(Model, _Judge(cast(Line, _JobForEachCall(line, stop)), Job("", "", False, 0, 0, 0.0), lambda: judge))


class _StoppedReplier:
    """The three calls for somebody who has stopped: nothing is computed, and all options are alike."""

    def stream(
        self, messages: Sequence[Message], sampling: Sampling, *, stop: threading.Event | None = None
    ) -> Iterator[str]:
        return iter(())

    def reply(
        self, prompts: Sequence[Sequence[Message]], sampling: Sampling, *, stop: threading.Event | None = None
    ) -> list[str]:
        return [""] * len(prompts)

    def score(self, messages: Sequence[Message], options: Sequence[str]) -> list[float]:
        return [-math.log(max(1, len(options)))] * len(options)


_STOPPED = _StoppedReplier()


class _SharedReplier:
    """The three calls, each in its turn; of a job that is stopped while it waits, those of `_StoppedReplier`."""

    def __init__(self, line: Line, job: Job, replier: Callable[[], Replier]) -> None:
        self._line, self._job, self._replier = line, job, replier

    def stream(
        self, messages: Sequence[Message], sampling: Sampling, *, stop: threading.Event | None = None
    ) -> Iterator[str]:
        with self._line.call(self._job, is_text=True, stop=stop) as mine:
            if not mine:
                return
            pieces = self._replier().stream(messages, sampling, stop=stop)
            try:
                yield from pieces
            finally:
                close = getattr(pieces, "close", None)
                if close is not None:
                    close()

    def reply(
        self, prompts: Sequence[Sequence[Message]], sampling: Sampling, *, stop: threading.Event | None = None
    ) -> list[str]:
        with self._line.call(self._job, is_text=False, stop=stop) as mine:
            return (self._replier() if mine else _STOPPED).reply(prompts, sampling, stop=stop)

    def score(self, messages: Sequence[Message], options: Sequence[str]) -> list[float]:
        with self._line.call(self._job, is_text=False) as mine:
            return (self._replier() if mine else _STOPPED).score(messages, options)


class _SharedModel(_SharedReplier):
    """Implements `composer.models.Model`. Closing it is nothing that a job may do."""

    def __init__(self, line: Line, job: Job, model: Callable[[], Model]) -> None:
        super().__init__(line, job, model)
        self._model = model

    @property
    def name(self) -> str:
        return self._model().name

    @property
    def capabilities(self) -> Capabilities:
        return self._model().capabilities

    @property
    def usage(self) -> Usage:
        return self._model().usage

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return self._model().count_tokens(messages)

    def prefix(self, messages: Sequence[Message]) -> AbstractContextManager[Replier]:
        return self._prefix(messages)

    @contextmanager
    def _prefix(self, messages: Sequence[Message]) -> Iterator[Replier]:
        held = self._model().prefix(messages)
        with self._line.call(self._job, is_text=False) as mine:  # some engines compute it here
            replier = held.__enter__() if mine else None
        if replier is None:
            yield _STOPPED
            return
        try:
            yield _SharedReplier(self._line, self._job, lambda: replier)
        finally:
            held.__exit__(None, None, None)

    def close(self) -> None:
        raise RuntimeError("the model belongs to everybody")


class _KeepingModel(_SharedModel):
    """For a model that `KeepsBeginnings`."""

    def begin_with(self, messages: Sequence[Message]) -> None:
        model = self._model()
        assert isinstance(model, KeepsBeginnings)
        with self._line.call(self._job, is_text=False) as mine:
            if mine:
                model.begin_with(messages)


class _JobForEachCall:
    """A line in which each call is a job of its own: first come, first served."""

    _numbers = itertools.count()

    def __init__(self, line: Line, stop: threading.Event | None) -> None:
        self._line, self._stop = line, stop

    @contextmanager
    def call(self, _job: Job, *, is_text: bool, stop: threading.Event | None = None) -> Iterator[bool]:
        job = self._line.join(f"call {next(self._numbers)}", "", long=False)
        job.stop = self._stop
        try:
            with self._line.call(job, is_text=is_text, stop=stop) as mine:
                yield mine
        finally:
            self._line.end(job)


class _Judge(_SharedModel):
    @contextmanager
    def _prefix(self, messages: Sequence[Message]) -> Iterator[Replier]:
        with self._line.call(self._job, is_text=False) as mine:
            if not mine:
                yield _STOPPED
                return
            with self._model().prefix(messages) as replier:
                yield replier
