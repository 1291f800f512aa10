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

ROUNDS = 4
PLACES = {"write": 5, "chat": 2}  # folders of their own, in which that is done at the same time
REPOSITORY = Path(__file__).parents[2]
PROGRAM = """
import runpy
from ui.launch.quick_import import import_gradio
import_gradio()
runpy.run_module("tests.ui.writing_process", run_name="__main__")
"""


pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the processes are forked")


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[Path, list[Any]]]]:
    """For writing and chat: the folders, with what each process there had shown, and when it was killed."""
    folder = tmp_path_factory.mktemp("killed")
    places = {work: [folder / work / str(number) for number in range(count)] for work, count in PLACES.items()}
    every = [place for some in places.values() for place in some]
    for place in every:
        place.mkdir(parents=True)
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, str(ROUNDS), *map(str, every)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )
    assert result.returncode == 0, result.stderr
    found = {place: [json.loads(line) for line in (place / "rounds").read_text().splitlines()] for place in every}
    assert {len(rounds) for rounds in found.values()} == {ROUNDS}
    return {work: [(place, found[place]) for place in some] for work, some in places.items()}


def test_killed_twenty_times(killed: dict[str, list[tuple[Path, list[Any]]]]) -> None:
    seen = {"write": 0, "edit": 0}
    for folder, rounds in killed["write"]:
        store = DraftStore(folder / "data")
        assert store.recovered is None
        drafts = store.of("browser:a")
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
        store.close()
    assert sum(seen.values()) >= 3  # how far each came depends on the machine; edits alone: tests/composer/drafts


def test_a_conversation_killed_eight_times(killed: dict[str, list[tuple[Path, list[Any]]]]) -> None:
    looked_at = 0
    for folder, rounds in killed["chat"]:
        store = ConversationStore(folder / "data")
        assert store.recovered is None
        for one in rounds:
            old = [entry for entry in one["shown"] if entry[2] and entry[0] < one["killed"] - 1.0]
            if old:
                _when, conversation_id, answer, exchange_id = old[-1]
                kept = store.of("browser:a").load(conversation_id).tree.get(exchange_id)
                assert kept.answer.startswith(answer)
                looked_at += 1
        store.close()
    assert looked_at >= 2
