"""kill -9 of a process that saves, at twenty random moments: everything saved is there, and the file is whole."""

import contextlib
import random
import sqlite3
from pathlib import Path

from PIL import Image

from composer.drafts import DraftStore
from composer.drafts.tables import LAYOUT
from tests.composer.drafts.saving_process import save
from tests.forking import processes

FILE = LAYOUT.file

ROUNDS = 20


def test_killed_twenty_times(tmp_path: Path) -> None:
    chance = random.Random(13)
    Image.new("RGB", (40, 30), "red").save(tmp_path / "mine.png")
    data = tmp_path / "data"
    saved: dict[str, tuple[int, str]] = {}
    killed = 0
    for _ in range(ROUNDS):
        told, tells = processes.Pipe(duplex=False)
        process = processes.Process(target=save, args=(data, tmp_path / "mine.png", tells))
        process.start()
        tells.close()
        assert told.recv() == "ready"
        process.join(chance.uniform(0.0, 0.4))
        killed += process.is_alive()
        process.kill()
        process.join()
        with told, contextlib.suppress(EOFError, OSError):  # the last message may be half a message
            while True:
                draft_id, number, last = told.recv()
                saved[draft_id] = (number, last)
    assert killed == ROUNDS
    assert len(saved) >= ROUNDS // 2

    store = DraftStore(data)
    assert store.recovered is None
    drafts = store.of("ann")
    for draft_id, (step, word) in saved.items():
        draft = drafts.load(draft_id)
        if draft.can_redo:  # it was undone at the end
            draft = drafts.redo(draft_id, after=draft.step)
        assert draft.step >= step
        assert f" {word} " in f" {draft.article.section('s1').text} "
        shown = draft.article.section("s1").illustration
        assert shown is None or (shown.chosen is not None and Path(shown.chosen.path).is_file())
    with sqlite3.connect(data / FILE) as db:
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    db.close()
    store.close()
