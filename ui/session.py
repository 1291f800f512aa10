"""What belongs to one visitor's tab: the article, the running work, the conversation. Nothing here is shared."""

import itertools
import secrets
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from composer.article import Article
from composer.models.base import Picture
from ui.view import Operation

if TYPE_CHECKING:
    from composer.chat import Conversation


Work = Literal["article", "chat"]


@dataclass
class Run:
    """One piece of the model's work for one visitor."""

    stop: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)


class Session:
    """Kept in a gr.State: Gradio copies the initial value for each visitor, and a copy of a Session is a new one.

    The object is handed to listeners and never returned by them, so a streamed piece of text updates the view alone.
    """

    def __init__(self) -> None:
        self.id = secrets.token_hex(8)
        self.article = Article(title="")
        self.language = "en"  # of the page, not of the article
        self._runs: dict[Work, Run] = {}
        self.wanted: str | None = None  # a title that waits for the model
        self.status: Operation = {"op": "status", "state": "idle"}
        self.conversation: Conversation | None = None
        self.question: tuple[str, list[Picture]] | None = None  # asked, and not yet taken up by the model
        self.pictures: dict[str, str] = {}  # sha256 of a picture of the chat -> its address on the page
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def __deepcopy__(self, memo: dict[int, Any]) -> "Session":
        return Session()

    def message(self, *operations: Operation) -> dict[str, Any]:
        """The next message to the view. Each differs from the one before, because it is numbered."""
        with self._lock:
            for operation in operations:
                if operation["op"] == "status":
                    self.status = operation
            return {"session": self.id, "n": next(self._numbers), "ops": list(operations)}

    @property
    def busy(self) -> bool:
        """The article is being written or illustrated."""
        run = self._runs.get("article")
        return run is not None and not run.ended.is_set()

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
