"""The judge of pictures, where several articles are illustrated at the same time."""

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from composer.models import Capabilities, Message, Model
from composer.models.base import Replier
from tests.fakes import FakeGallery, FakeModel
from tests.ui.scheduling.test_people import SOON, composed, in_background
from ui.session import Session
from ui.studio import Studio


class Judge(FakeModel):
    """Notes whose paragraphs it is at, one after the other, and how many at most at once."""

    def __init__(self, at_once: int) -> None:
        super().__init__(capabilities=Capabilities(context_tokens=4096, at_once=at_once))
        self.now = self.most = self.paragraphs = 0
        self.counting = threading.Lock()

    @contextlib.contextmanager
    def prefix(self, messages: Sequence[Message]) -> Iterator[Replier]:
        with self.counting:
            self.now, self.paragraphs = self.now + 1, self.paragraphs + 1
            self.most = max(self.most, self.now)
        time.sleep(0.05)
        with super().prefix(messages) as held:
            yield held
        with self.counting:
            self.now -= 1


@pytest.mark.parametrize("at_once", [1, 2])
def test_a_judge_looks_at_as_many_paragraphs_at_once_as_it_computes(tmp_path: Path, at_once: int) -> None:
    judge = Judge(at_once)
    writer = FakeModel(capabilities=Capabilities(context_tokens=4096, at_once=3))
    studio = Studio(lambda progress: writer, lambda: FakeGallery(tmp_path), load_judge=lambda: judge)
    studio.start()
    assert studio.model_settled.wait(SOON)
    assert studio.gallery_settled.wait(SOON)
    people = [Session() for _ in range(3)]
    running: list[Any] = [in_background(composed(studio, person)) for person in people]
    for thread, _seen in running:
        thread.join(2 * SOON)
        assert not thread.is_alive()
    assert all(person.article.illustrated for person in people)
    assert judge.paragraphs >= 3
    assert judge.most == at_once
    assert people[0].article.parameters["judge"] == judge.name
    assert studio.line.count() == 0
    studio.close()


def test_whatever_a_judge_fails_of_the_model_is_there(tmp_path: Path) -> None:
    def fails() -> Model:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    studio = Studio(lambda progress: FakeModel(), lambda: FakeGallery(tmp_path), load_judge=fails)
    studio.start()
    assert studio.model_settled.wait(5)
    assert studio.model is not None
    assert studio.judge_problem is not None
    assert studio.judge_problem.text().startswith("The judge of pictures did not load; the reason is in the program")
    studio.close()
