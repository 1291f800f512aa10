"""What belongs to one visitor's tab: the article, the running work, the conversation. Nothing here is shared."""

import itertools
import secrets
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

from composer.article import Article
from composer.conversations import Material, Parameters, Tree, new_id
from ui.kept import FormSettings
from ui.scheduling import Job
from ui.view import Operation

if TYPE_CHECKING:
    from composer.writing import Proposal


Work = Literal["article", "chat", "rewrite", "picture", "export"]
WORKS: tuple[Work, ...] = get_args(Work)

# operations that do something once: sending the whole article does not repeat them
EFFECTS = ("download", "copy", "notice", "open", "edit", "again")
REMEMBERED_MESSAGES = 32  # with such operations; a view misses a few at most


@dataclass
class Run:
    """One piece of work for one visitor."""

    stop: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)


@dataclass
class ModelRun(Run):
    """One piece of the model's work; made by `Studio.begin`."""

    job: Job = field(kw_only=True)  # in the line before the model


class OutlivesReload(Protocol):
    """Work that a page which is loaded anew goes on with."""

    def leave(self) -> None:
        """The page is gone."""
        ...

    def is_of(self, work: Work, owner: str | None, place: str) -> bool: ...

    def may_go_on(self, work: Work, owner: str | None, place: str, shown: str) -> bool: ...

    def hand_on(self, session: "Session") -> bool: ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where the article stands among the drafts."""

    id: str
    step: int
    title: str
    can_undo: bool
    can_redo: bool
    revision: int  # of the session's article when it was saved
    left: str = ""  # of `composer.drafts.Draft`: what was interrupted, or is being done now


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation of the Chat tab; as long as `kept` is None it lives in this session alone."""

    key: str = field(default_factory=new_id)  # of this one, kept or not: its id as soon as it is kept
    kept: str | None = None  # its id among the conversations that are kept
    behind: bool = False  # what is kept is older than this, because it could not be written
    title: str = ""
    tree: Tree = field(default_factory=Tree)
    parameters: Parameters = field(default_factory=Parameters)
    material: Material = field(default_factory=Material)
    material_used: int | None = None  # characters of it that the model got; None: not known yet


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked in the chat and the model has not yet taken up."""

    text: str
    pictures: tuple[Path, ...] = ()
    files: tuple[str, ...] = ()  # the uploads that the pictures were read from
    parent: int = 0  # the exchange after which it is asked
    first: int = 0  # the exchange that asked it first, where it is answered again
    begun: str = ""  # what of the answer is there already, where one that broke off goes on


class Session:
    """Kept in a gr.State: Gradio copies the initial value for each visitor, and a copy of a Session is a new one.

    The object is handed to listeners and never returned by them, so a streamed piece of text updates the view alone.
    """

    def __init__(self) -> None:
        self.id = secrets.token_hex(8)
        self.names = {self.id}  # of the sessions whose article this is: its own, and one that a restart has ended
        self.article = Article(title="")
        self.owner: str | None = None  # of the drafts; None until the browser has said who it is
        self.draft: Place | None = None  # None: the next saving begins a draft
        self.kept: Article | None = None  # as it was saved last
        self.typed: tuple[str, str] | None = None  # draft and section, where its last step is what is being typed
        self.keeping = threading.RLock()  # held while the article is saved, or another one takes its place
        self.changing = threading.Lock()  # held for a moment, while a text that is being written grows
        self.keeping_problem = False  # it could not be saved, and the person knows
        self.delayed: list[dict[str, Any]] = []  # actions that wait for the article which only the view has
        self.language = "en"  # of the page, not of the article
        self.form = FormSettings()  # what this person has set in the form
        self.moved_to_defaults = False  # the sliders, to where the model writes best
        self._runs: dict[Work, Run] = {}
        self.lasting: dict[Work, OutlivesReload] = {}  # those of its runs which a page that comes back goes on with
        self.queued: OutlivesReload | None = None  # begun a moment ago: nothing of its messages has been taken yet
        self.status: Operation = {"op": "status", "state": "idle"}
        self.exporting: Operation | None = None  # how far the file is that is being made
        self.proposal: Proposal | None = None  # for one section, which the person has not yet taken or refused
        self.talk = Talk()  # the conversation that the Chat tab shows
        self.talking = threading.RLock()  # held while it is changed
        self.talk_problem = False  # it could not be kept, and the person knows
        self.question: Question | None = None
        self.refused: Question | None = None  # the model could not begin with it: goes back into the box
        self.answer_problem = ""  # why the last question was not answered
        self.chat_names = {self.id}  # of the sessions whose conversation this is, as `names` of the article
        self.talk_numbers = itertools.count(1)  # of the messages to the view of conversations
        self.earlier_pictures: dict[int, str] = {}  # exchange from before a restart -> its pictures as they were shown
        self._numbers = itertools.count(1)
        self._effects: deque[tuple[int, list[Operation]]] = deque(maxlen=REMEMBERED_MESSAGES)
        self._lock = threading.Lock()
        self._tickets = itertools.count()  # of actions, in the order in which they came
        self._served = 0  # the ticket whose turn it is
        self._next = threading.Condition()

    def __deepcopy__(self, memo: dict[int, Any]) -> "Session":
        return Session()

    def message(self, *operations: Operation) -> dict[str, Any]:
        """The next message to the view. Each differs from the one before, because it is numbered."""
        with self._lock:
            for operation in operations:
                if operation["op"] == "status":
                    self.status = operation
                if operation["op"] == "exporting":
                    self.exporting = operation
            number = next(self._numbers)
            if effects := [operation for operation in operations if operation["op"] in EFFECTS]:
                self._effects.append((number, effects))
            return {"session": self.id, "n": number, "ops": list(operations)}

    def recent_effects(self) -> list[Operation]:
        """The effects of the last messages, each with the number of its message: a view runs those that it missed."""
        with self._lock:
            return [{**operation, "message": number} for number, effects in self._effects for operation in effects]

    @contextmanager
    def in_order(self) -> Iterator[None]:
        """One action at a time, in the order in which they came: saving right after an edit saves the edit."""
        with self._next:
            ticket = next(self._tickets)
            self._next.wait_for(lambda: self._served == ticket)
        try:
            yield
        finally:
            with self._next:
                self._served += 1
                self._next.notify_all()

    @property
    def has_article(self) -> bool:
        """There is one, or it is about to be: nothing that a view shows may take its place."""
        return self.is_taken or bool(self.article.sections or self.article.title)

    @property
    def is_taken(self) -> bool:
        """The article is being made, or is about to be: nothing else can begin."""
        return self.busy

    @property
    def busy(self) -> bool:
        """The article is being written or illustrated, or waits for that."""
        return self.is_at("article")

    def is_at(self, work: Work) -> bool:
        """A run of that kind is going on, or waits for the model."""
        run = self._runs.get(work)
        return run is not None and not run.ended.is_set()

    def job_key(self, work: Work) -> str:
        """Names its work of that kind in the line before the model."""
        return f"{self.id}:{work}"

    @property
    def answering(self) -> bool:
        """A question of the chat waits for its answer, and nobody has stopped it."""
        run = self._runs.get("chat")
        return self.question is not None or (run is not None and not run.stop.is_set())

    def begin(self, work: Work, run: Run | None = None) -> Run:
        """A new run of that kind; one that is still going is told to stop."""
        self.stop(work)
        self._runs[work] = run or Run()
        return self._runs[work]

    def go_on_with(self, work: Work, before: "Session") -> None:
        """The run of a session before this one, which has none from now on: when it leaves, the run goes on."""
        self._runs[work] = before._runs.pop(work)

    def stop(self, work: Work) -> None:
        if work in self._runs:
            self._runs[work].stop.set()

    def is_current(self, work: Work, run: Run) -> bool:
        """Whether that run is the latest of its kind."""
        return self._runs.get(work) is run

    def leave(self) -> None:
        """The page is gone: everything it had going stops, but what it may come back to."""
        for work, run in list(self._runs.items()):
            if work in self.lasting:
                self.lasting[work].leave()
            else:
                run.stop.set()

    def close(self) -> None:
        """The program ends: everything stops."""
        for run in list(self._runs.values()):
            run.stop.set()
