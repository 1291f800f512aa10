"""What belongs to one visitor's tab: the article, the running work, the conversation. Nothing here is shared."""

import itertools
import secrets
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from composer.article import Article
from composer.models import Picture
from ui.view import Operation

if TYPE_CHECKING:
    from composer.chat import Conversation


Work = Literal["article", "chat"]

ONCE = ("download", "notice", "open")  # what a message does rather than shows: the whole article does not repeat it
REMEMBERED = 32  # messages of that kind; a view misses a few at most


@dataclass
class Run:
    """One piece of the model's work for one visitor."""

    stop: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked in the chat and the model has not yet taken up."""

    words: str
    pictures: tuple[Picture, ...]
    files: tuple[str, ...]  # the uploads that the pictures were read from


class Session:
    """Kept in a gr.State: Gradio copies the initial value for each visitor, and a copy of a Session is a new one.

    The object is handed to listeners and never returned by them, so a streamed piece of text updates the view alone.
    """

    def __init__(self) -> None:
        self.id = secrets.token_hex(8)
        self.article = Article(title="")
        self.language = "en"  # of the page, not of the article
        self.moved_to_defaults = False  # the sliders, to where the model writes best
        self._runs: dict[Work, Run] = {}
        self.wanted: str | None = None  # a title that waits for the model
        self.status: Operation = {"op": "status", "state": "idle"}
        self.conversation: Conversation | None = None
        self.question: Question | None = None
        self.pictures: dict[str, str] = {}  # sha256 of a picture of the chat -> its address on the page
        self._numbers = itertools.count(1)
        self._once: deque[tuple[int, list[Operation]]] = deque(maxlen=REMEMBERED)
        self._lock = threading.Lock()
        self._arrived = itertools.count()
        self._turn = 0
        self._turned = threading.Condition()

    def __deepcopy__(self, memo: dict[int, Any]) -> "Session":
        return Session()

    def message(self, *operations: Operation) -> dict[str, Any]:
        """The next message to the view. Each differs from the one before, because it is numbered."""
        with self._lock:
            for operation in operations:
                if operation["op"] == "status":
                    self.status = operation
            number = next(self._numbers)
            if once := [operation for operation in operations if operation["op"] in ONCE]:
                self._once.append((number, once))
            return {"session": self.id, "n": number, "ops": list(operations)}

    def lately(self) -> list[Operation]:
        """What the last messages did once, with their numbers (`of`): a view does what it has missed of it."""
        with self._lock:
            return [{**operation, "of": number} for number, once in self._once for operation in once]

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One act at a time, in the order in which they came: saving right after an edit saves the edit."""
        with self._turned:
            mine = next(self._arrived)
            self._turned.wait_for(lambda: self._turn == mine)
        try:
            yield
        finally:
            with self._turned:
                self._turn += 1
                self._turned.notify_all()

    @property
    def busy(self) -> bool:
        """The article is being written or illustrated."""
        run = self._runs.get("article")
        return run is not None and not run.ended.is_set()

    @property
    def answering(self) -> bool:
        """A question of the chat waits for its answer, and nobody has stopped it."""
        run = self._runs.get("chat")
        return self.question is not None or (run is not None and not run.stop.is_set())

    def begin(self, work: Work) -> Run:
        """A new run of that kind; one that is still going is told to stop."""
        self.stop(work)
        self._runs[work] = Run()
        return self._runs[work]

    def stop(self, work: Work) -> None:
        if work in self._runs:
            self._runs[work].stop.set()

    def close(self) -> None:
        """The tab is gone: everything it had going stops."""
        for run in list(self._runs.values()):
            run.stop.set()
