"""A person's Stop ends the waiting for the model, whichever call it is that waits."""

import math
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from composer.models import Capabilities, KeepsBeginnings, Message, Model, Sampling, user
from tests.fakes import FakeGallery, FakeModel
from tests.ui.scheduling.test_line import SOON, Caller
from ui.scheduling import Line, shared_judge, shared_model
from ui.session import Session
from ui.studio import Studio

ASKED = [user("Is it?")]


class Beginning(FakeModel):
    """As one that keeps what prompts begin with."""

    def begin_with(self, messages: Sequence[Message]) -> None:
        self.prompts.append(list(messages))


def with_prefix(model: Model) -> Any:
    with model.prefix(ASKED) as held:
        return [*held.score(ASKED, ["Yes", "No"]), *held.reply([ASKED], Sampling()), *held.stream(ASKED, Sampling())]


def begin(model: Model) -> Any:
    assert isinstance(model, KeepsBeginnings)
    return model.begin_with(ASKED)


HALF = -math.log(2)


CALLS: list[tuple[Callable[[Model], Any], Any]] = [
    (lambda model: model.score(ASKED, ["Yes", "No"]), [HALF, HALF]),
    (with_prefix, [HALF, HALF, ""]),
    (lambda model: model.reply([ASKED], Sampling()), [""]),
    (lambda model: list(model.stream(ASKED, Sampling())), []),
    (begin, None),  # which is not asked of a judge
]


@pytest.mark.parametrize(
    ("ask", "answer", "judges"),
    [(*call, judges) for call in CALLS for judges in (False, True) if not (judges and call[0] is begin)],
)
def test_stop_ends_the_waiting_of_every_call(ask: Callable[[Model], Any], answer: Any, judges: bool) -> None:
    model, stop, said = Beginning(), threading.Event(), []
    line = Line(lambda: Capabilities())
    busy = Caller(line, line.join("other", "other", long=False))
    job = line.join("mine", "me", long=False)
    job.stop = stop
    shared = shared_judge(line, model, stop) if judges else shared_model(line, job, lambda: model)
    thread = threading.Thread(target=lambda: said.append(ask(shared)))
    thread.start()
    time.sleep(0.15)
    assert not said, "it waits"
    stop.set()
    thread.join(SOON / 2)
    assert said == [answer]
    assert not model.prompts
    busy.end()


def test_a_run_s_stop_is_that_of_its_job(tmp_path: Path) -> None:
    studio = Studio(lambda progress: FakeModel(), lambda: FakeGallery(tmp_path))
    run = studio.begin(Session(), "article")
    assert run.job.stop is run.stop
    studio.close()
