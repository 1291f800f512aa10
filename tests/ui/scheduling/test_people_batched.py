"""Ten visitors at one model that computes several texts as one batch, as on a card."""

import threading
from pathlib import Path
from typing import Any

import pytest

from composer.models import Sampling, load_model
from tests.composer.models.tiny_vlm import make
from tests.fakes import FakeGallery
from tests.ui.scheduling.test_people import SOON, asked, in_background
from ui.session import Session
from ui.studio import Studio

pytest.importorskip("torch")

PEOPLE, TOGETHER = 10, 4


def test_ten_people_who_chat_are_answered_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model: Any = load_model(make("llama", tmp_path / "llama"), context_tokens=2048, threads=1, at_once=TOGETHER)
    rows: list[int] = []
    step, stream, gate = model.network.step, model.stream, threading.Event()

    def counted(batch: Any, tokens: Any) -> None:
        gate.wait(SOON)
        rows.append(len(tokens))
        step(batch, tokens)

    def greedily(messages: Any, sampling: Sampling, *, stop: Any = None) -> Any:
        return stream(messages, Sampling(max_tokens=30), stop=stop)

    monkeypatch.setattr(model.network, "step", counted)
    monkeypatch.setattr(model, "stream", greedily)
    studio = Studio(lambda progress: model, lambda: FakeGallery(tmp_path))
    studio.start()
    assert studio.model_settled.wait(SOON)
    assert studio.gallery_settled.wait(SOON)
    people = [Session() for _ in range(PEOPLE)]
    threads = [in_background(asked(studio, person))[0] for person in people]
    while studio.line.count() < PEOPLE:
        threading.Event().wait(0.01)
    gate.set()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    answers = [person.talk.tree.exchanges[-1].answer for person in people]
    assert len(set(answers)) == 1  # all have asked the same, and got it whole
    assert answers[0]
    assert max(rows) == TOGETHER
    assert len(rows) < sum(rows) / 2
    assert studio.line.count() == 0
    studio.close()
