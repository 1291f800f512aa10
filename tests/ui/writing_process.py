"""Composes and edits, or chats, as the page does, in processes that are killed at random moments.

Usage: ROUNDS FOLDER..., each called chat/* or write/*, and worked in at the same time. Writes in each folder's `rounds`
a line of JSON each round: what was shown when, and when it was killed.
"""

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from composer.conversations import ConversationStore
from composer.drafts import DraftStore
from tests.fakes import FakeGallery, FakeModel
from ui.chat.answering import stream_answer
from ui.session import Question, Session
from ui.studio import Studio
from ui.write import actions
from ui.write.running import run_messages


class SlowModel(FakeModel):
    """Writes for about two seconds, in pieces; what it has written is shown when the next one is asked for."""

    def stream(self, *arguments, **named):  # type: ignore[no-untyped-def]
        for piece in super().stream(*arguments, **named):
            yield piece
            time.sleep(0.04)


def write(folder: Path, shown: int) -> None:
    """One article after the other, each edited when it is done. Tells what a person has seen on the pipe `shown`."""
    studio = Studio(lambda progress: SlowModel(), lambda: FakeGallery(folder), drafts=DraftStore(folder / "data"))
    studio.start()
    while True:
        session = Session()
        session.owner = "browser:a"
        for _message in run_messages(
            studio, session, lambda run: studio.composer(run.job).compose("Cats", stop=run.stop)
        ):
            text = session.article.sections[-1].text if session.article.sections else ""
            place = session.draft.id if session.draft else ""
            os.write(shown, (json.dumps([time.time(), place, text, "write"]) + "\n").encode())
        for number in range(5):
            actions.quick_action(studio, session, {"act": "text", "id": "s2", "text": f"Edit {number}."})
            place = session.draft.id if session.draft else ""
            os.write(shown, (json.dumps([time.time(), place, f"Edit {number}.", "edit"]) + "\n").encode())
            time.sleep(0.05)


def chat(folder: Path, shown: int) -> None:
    """One question after the other in one conversation."""
    data = folder / "data"
    studio = Studio(lambda progress: SlowModel(), lambda: FakeGallery(folder), conversations=ConversationStore(data))
    studio.start()
    session = Session()
    session.owner = "browser:a"
    while True:
        session.question = Question("And then?", parent=session.talk.tree.last)
        for _history in stream_answer(studio, session):
            last = session.talk.tree.path[-1:]
            seen = [time.time(), session.talk.kept or "", last[0].answer if last else "", last[0].id if last else 0]
            os.write(shown, (json.dumps(seen) + "\n").encode())


def rounds(work: Callable[[Path, int], None], place: Path, count: int, chance: random.Random) -> None:
    """Begins to work there, kills it, and begins again; what it had shown goes into a file."""
    with (place / "rounds").open("w", encoding="utf-8") as told:
        for _ in range(count):
            reads, writes = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(reads)
                work(place, writes)
            os.close(writes)
            time.sleep(chance.uniform(0.8, 3.5))
            killed = time.time()
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            with os.fdopen(reads) as pipe:
                lines = [line for line in pipe.read().split("\n")[:-1] if line]
            told.write(json.dumps({"killed": killed, "shown": [json.loads(line) for line in lines]}) + "\n")


if __name__ == "__main__":
    begun = []
    for number, name in enumerate(sys.argv[2:]):  # at once, each in a folder of its own: they wait most of the time
        if (child := os.fork()) == 0:
            place = Path(name)
            rounds(chat if place.parent.name == "chat" else write, place, int(sys.argv[1]), random.Random(7 + number))
            os._exit(0)
        begun.append(child)
    ended = [os.waitpid(child, 0)[1] for child in begun]
    sys.exit(any(ended))
