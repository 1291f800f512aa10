"""A composition that outlives a reload of its page: followed by one session at a time, and handed on to the next one.

It stands still while nobody follows it, and stops where nobody comes back.
"""

import threading
from collections.abc import Callable, Iterator

from composer.events import Event
from ui import view
from ui.drafts.keeping import Growing
from ui.session import ModelRun, Session
from ui.studio import Studio

GRACE = 8.0  # seconds that a page has for being loaded anew; then the model is free for others


class Composition:
    """One run of a session's article. The model works only while a session takes the events."""

    def __init__(
        self, studio: Studio, session: Session, events: Callable[[ModelRun], Iterator[Event]], what: str
    ) -> None:
        """events: begins the work when it is first asked for; what: the kind of step that it is in the draft."""
        self.session = session  # that follows it
        self.run = studio.begin(session, "article")
        self.growing = Growing(studio, session, what)
        self._studio, self._begin = studio, events
        self._events: Iterator[Event] | None = None
        self._taking = threading.Lock()  # held while the next event is waited for and applied
        self._left = False
        session.composition = self
        studio.compositions.append(self)

    @property
    def begun(self) -> bool:
        """Whether the model has been at work."""
        return self._events is not None

    def events(self, session: Session) -> Iterator[Event]:
        """What happens from now on, applied to the session's article; ends where another session goes on with it."""
        while True:
            with self._taking:
                if self.session is not session or self.run.ended.is_set():
                    return
                if self._events is None:
                    self._events = iter(self._begin(self.run))
                event = next(self._events, None)
                if event is None:
                    return
                with session.changing:
                    before = session.article
                    session.article = view.apply_event(before, event)
                if session.article is not before:
                    self.growing.changed()
            yield event

    def leave(self) -> None:
        """The page of its session is gone. Stops, unless the draft is opened again soon."""
        if self._left or self.run.ended.is_set():
            return
        self._left = True
        if self.session.draft is None:  # nobody could find it again
            self._give_up(self.session)
            return
        timer = threading.Timer(GRACE, self._give_up, [self.session])
        timer.daemon = True
        timer.start()

    def _give_up(self, session: Session) -> None:
        if self.session is session:
            self.run.stop.set()  # whoever still takes events ends soon
            with self._taking:
                if self.session is session:
                    self._end()

    def may_go_on(self, owner: str | None, draft_id: str, shown: str) -> bool:
        """Whether a page that opens this draft goes on with the composition: it is gone from the page that showed it,
        or that page itself was loaded anew (`shown`: the session that filled it)."""
        place = self.session.draft
        mine = place is not None and place.id == draft_id and self.session.owner == owner
        return mine and not self.run.stop.is_set() and (self._left or shown in self.session.names)

    def hand_on(self, session: Session) -> bool:
        """That session follows it from now on, with all that it knows of the article; False where it has ended."""
        with self._taking:
            before = self.session
            if self.run.ended.is_set():
                return False
            with before.keeping:
                session.article, session.draft, session.kept = before.article, before.draft, before.kept
                session.keeping_problem, session.status = before.keeping_problem, before.status
                session.names |= before.names
                session.go_on_with(self.run)
                self.session = self.growing.session = session
            self._left = False
            before.composition, session.composition = None, self
        self._studio.line.rename(self.run.job, session.job_key("article"))
        return True

    def end(self, session: Session) -> None:
        """The session has taken the last event, or failed. Nothing where another one goes on with it."""
        with self._taking:
            if self.session is session:
                self._end()

    def _end(self) -> None:
        if self.run.ended.is_set():
            return
        self.run.stop.set()
        close = getattr(self._events, "close", None)
        if close is not None:
            close()
        self.growing.save()
        self.run.ended.set()
        self._studio.line.end(self.run.job)
        self._studio.compositions.remove(self)
        if self.session.composition is self:
            self.session.composition = None
        if self.session.status["state"] in view.WAITING:  # a view that comes back waits no longer
            self.session.status = view.idle()


def go_on(studio: Studio, session: Session, draft_id: str, shown: str) -> bool:
    """The session goes on with what is being written in that draft; False where nothing is."""
    for composition in list(studio.compositions):
        if composition.may_go_on(session.owner, draft_id, shown) and composition.hand_on(session):
            return True
    return False
