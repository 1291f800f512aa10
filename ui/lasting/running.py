"""A run of the model that outlives a reload of its page: followed by one session at a time, handed on to the next one.

It stands still while nobody follows it, and stops where nobody comes back.
"""

import contextlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar, Generic, TypeVar

from ui.session import Session, Work
from ui.studio import Studio

GRACE = 8.0  # seconds that a page has for being loaded anew; then the model is free for others

Event = TypeVar("Event")


class LastingRun(ABC, Generic[Event]):
    """One run of a session. The model works only while a session takes the events."""

    work: ClassVar[Work]

    def __init__(self, studio: Studio, session: Session) -> None:
        self.session = session  # that follows it
        self.run = studio.begin(session, self.work)
        self._studio = studio
        self._events: Iterator[Event] | None = None
        self._problem: Exception | None = None  # met for a session that follows no more
        self._taking = threading.Lock()  # held while the next event is waited for
        self._moving = threading.RLock()  # held for a moment: an event is applied, another session follows, the end
        self._alone: object | None = None  # since when nobody follows it
        session.lasting[self.work] = self
        studio.lasting.append(self)

    # -- what is run -------------------------------------------------------------------------------

    @abstractmethod
    def _begin(self) -> Iterator[Event]:
        """Begins the work."""

    @abstractmethod
    def _apply(self, event: Event) -> None:
        """Makes the event's change in what the session has."""

    @abstractmethod
    def _place(self) -> str | None:
        """By which id a page finds it again; None: none can."""

    @abstractmethod
    def _names(self, session: Session) -> set[str]:
        """The sessions whose work that session goes on with."""

    @abstractmethod
    def _give(self, before: Session, after: Session) -> None:
        """Gives the other session what this one has of the work."""

    @abstractmethod
    def _close(self) -> None:
        """Keeps what there is at the end."""

    # -- who follows it ----------------------------------------------------------------------------

    @property
    def begun(self) -> bool:
        """Whether the model has been at work."""
        return self._events is not None

    def follow(self, session: Session) -> None:
        """The page of that session is there and takes the events, as soon as there are some."""
        with self._moving:
            if self.session is session:
                self._alone = None

    def events(self, session: Session) -> Iterator[Event]:
        """What happens from now on; ends where another session goes on with it. Raises what the work raises."""
        while True:
            with self._taking:
                event = self._next(session)
            if event is None:
                return
            yield event

    def _next(self, session: Session) -> Event | None:
        if self.session is not session or self.run.ended.is_set():
            return None
        if self._problem is not None:
            raise self._problem
        if self._events is None:
            self._events = iter(self._begin())
        try:
            event = next(self._events, None)
        except Exception as error:
            if self.session is session:
                raise
            self._problem = error
            return None
        if event is None:
            return None
        with self._moving:  # another session may follow by now: it is told with what it is shown first
            self._apply(event)
        return event if self.session is session else None

    def settle(self) -> None:
        """Waits until an event is applied that was waited for in another session's name."""
        with self._taking:
            pass

    def leave(self) -> None:
        """The page of its session is gone. Stops, unless the session of another one follows soon."""
        with self._moving:
            if self._alone is not None or self.run.ended.is_set():
                return
            if self._place() is not None:
                self._wait_for_another()
                return
            self._alone = alone = object()
        self._give_up(alone)  # nobody could find it again

    def _wait_for_another(self) -> None:
        self._alone = alone = object()

        def wait() -> None:
            self.run.stop.wait(GRACE)
            self._give_up(alone)

        threading.Thread(target=wait, name="grace", daemon=True).start()

    def _give_up(self, alone: object) -> None:
        with self._moving:
            if self._alone is not alone:
                return
            self.run.stop.set()  # whoever still takes events ends soon
        with self._taking:
            self._end()

    def is_of(self, work: Work, owner: str | None, place: str) -> bool:
        """Whether this is that work in that place, and goes on."""
        mine = work == self.work and self._place() == place and self.session.owner == owner
        return mine and not self.run.ended.is_set()

    def may_go_on(self, work: Work, owner: str | None, place: str, shown: str) -> bool:
        """Whether a page that opens that place goes on with the run: it is gone from the page that showed it, or that
        page itself was loaded anew (`shown`: the session that filled it)."""
        left = self._alone is not None or shown in self._names(self.session)
        return self.is_of(work, owner, place) and left and not self.run.stop.is_set()

    def hand_on(self, session: Session) -> bool:
        """That session follows it from now on, with all that the one before knows of it; False where it has ended."""
        with self._moving:
            before = self.session
            if self.run.stop.is_set():
                return False
            self._give(before, session)
            self._studio.line.rename(self.run.job, session.job_key(self.work))
            session.go_on_with(self.work, before)
            self.session = session
            del before.lasting[self.work]
            session.lasting[self.work] = self
            self._wait_for_another()  # until its page follows
        return True

    def end(self, session: Session) -> None:
        """The session has taken the last event, or failed. Nothing where another one goes on with it."""
        with self._taking:
            if self.session is session:
                self._end()

    def _end(self) -> None:
        with self._moving:
            if self.run.ended.is_set():
                return
            self.run.stop.set()
        with contextlib.ExitStack() as ending:  # each of these is done, whatever becomes of the one before
            ending.callback(self._let_go)
            ending.callback(self._close)
            close = getattr(self._events, "close", None)
            if close is not None:
                close()

    def _let_go(self) -> None:
        """Nobody waits for the run any more: others have their turn."""
        self.run.ended.set()
        self._studio.line.end(self.run.job)
        self._studio.lasting.remove(self)
        if self.session.lasting.get(self.work) is self:
            del self.session.lasting[self.work]


def go_on(studio: Studio, session: Session, work: Work, place: str, shown: str) -> bool:
    """The session goes on with what is being written in that place; False where nothing is."""
    for run in list(studio.lasting):
        if run.may_go_on(work, session.owner, place, shown) and run.hand_on(session):
            return True
    return False
