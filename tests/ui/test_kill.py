"""kill -9 of a program that composes, edits and chats, at random moments: at most the last second is missing."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from composer.conversations import ConversationStore
from composer.drafts import DraftStore

ROUNDS = 20
REPOSITORY = Path(__file__).parents[2]


pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the processes are forked")


def killed(folder: Path, rounds: int, work: str) -> list[Any]:
    """What each process had shown, and when it was killed."""
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.ui.writing_process", str(folder), str(rounds), work],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )
    assert result.returncode == 0, result.stderr
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(found) == rounds
    return found


def test_killed_twenty_times(tmp_path: Path) -> None:
    rounds = killed(tmp_path, ROUNDS, "write")
    store = DraftStore(tmp_path / "data")
    assert store.recovered is None
    drafts = store.of("browser:a")
    seen = {"write": 0, "edit": 0}
    for one in rounds:
        seen_text = [entry for entry in one["shown"] if entry[2]]
        old = [entry for entry in seen_text if entry[0] < one["killed"] - 1.0 or entry[3] == "edit"]
        if not old:
            continue
        _when, draft_id, text, kind = old[-1]
        article = drafts.load(draft_id).article
        seen[kind] += 1
        if kind == "edit":  # saved before it was answered
            assert text in [section.text for section in article]
        elif article.illustrated or len(article.sections) == 6:  # it went on, and was cleaned at its end
            assert article.sections
        else:
            assert any(section.text.startswith(text) for section in article), (text, article)
    assert sum(seen.values()) >= 3  # how far each came depends on the machine; edits alone: tests/composer/drafts
    store.close()


def test_a_conversation_killed_five_times(tmp_path: Path) -> None:
    rounds = killed(tmp_path, 5, "chat")
    store = ConversationStore(tmp_path / "data")
    assert store.recovered is None
    looked_at = 0
    for one in rounds:
        old = [entry for entry in one["shown"] if entry[2] and entry[0] < one["killed"] - 1.0]
        if old:
            _when, conversation_id, answer, exchange_id = old[-1]
            kept = store.of("browser:a").load(conversation_id).tree.get(exchange_id)
            assert kept.answer.startswith(answer)
            looked_at += 1
    assert looked_at >= 2
    store.close()
