"""kill -9 of a process that saves, at twenty random moments: everything saved is there, and the file is whole."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

from PIL import Image

from composer.drafts import DraftStore
from composer.drafts.tables import LAYOUT

FILE = LAYOUT.file

ROUNDS = 20
REPOSITORY = Path(__file__).parents[3]


def test_killed_twenty_times(tmp_path: Path) -> None:
    chance = random.Random(13)
    Image.new("RGB", (40, 30), "red").save(tmp_path / "mine.png")
    data = tmp_path / "data"
    saved: dict[str, tuple[int, str]] = {}
    killed = 0
    for _ in range(ROUNDS):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.composer.drafts.saving_process", str(data), str(tmp_path / "mine.png")],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            process.wait(chance.uniform(0.0, 0.4))
        except subprocess.TimeoutExpired:
            killed += 1
        os.kill(process.pid, signal.SIGKILL)
        lines = process.stdout.read().splitlines(keepends=True)
        process.wait()
        process.stdout.close()
        for line in lines:
            if line.endswith("\n"):
                draft_id, number, last = line.split()
                saved[draft_id] = (int(number), last)
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
