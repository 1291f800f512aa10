"""A composition as a run that outlives a reload: its draft grows with it, and is how a page finds it again."""

from collections.abc import Callable, Iterator

from composer.events import Event
from ui import view
from ui.drafts.keeping import Growing
from ui.lasting import LastingRun
from ui.session import ModelRun, Session
from ui.studio import Studio


class Composition(LastingRun[Event]):
    """One run of a session's article."""

    work = "article"

    def __init__(
        self, studio: Studio, session: Session, events: Callable[[ModelRun], Iterator[Event]], what: str
    ) -> None:
        """events: begins the work when it is first asked for; what: the kind of step that it is in the draft."""
        super().__init__(studio, session)
        self.growing = Growing(studio, session, what)
        self._make_events = events

    def _begin(self) -> Iterator[Event]:
        return self._make_events(self.run)

    def _apply(self, event: Event) -> None:
        session = self.session
        with session.changing:
            before = session.article
            session.article = view.apply_event(before, event)
        if session.article is not before:
            self.growing.changed()

    def _place(self) -> str | None:
        return self.session.draft.id if self.session.draft is not None else None

    def _names(self, session: Session) -> set[str]:
        return session.names

    def _give(self, before: Session, after: Session) -> None:
        with before.keeping:
            after.article, after.draft, after.kept = before.article, before.draft, before.kept
            after.keeping_problem, after.status = before.keeping_problem, before.status
            after.names |= before.names
            self.growing.session = after

    def _close(self) -> None:
        self.growing.save()
        if self.session.status["state"] in view.WAITING:  # a view that comes back waits no longer
            self.session.status = view.idle()
