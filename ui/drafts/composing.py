"""A composition as a run that outlives a reload: its draft grows with it, and is how a page finds it again."""

import contextlib
from collections.abc import Callable, Iterator

from common.errors import ReadableError
from composer.article import Article
from composer.events import ArticleReady, Event, StepFinished
from ui import view
from ui.drafts.keeping import Growing, begin_draft
from ui.lasting import LastingRun
from ui.session import ModelRun, Place, Session
from ui.studio import Studio


class Composition(LastingRun[Event]):
    """One run of a session's article."""

    work = "article"

    def __init__(
        self,
        studio: Studio,
        session: Session,
        events: Callable[[ModelRun], Iterator[Event]],
        what: str,
        *,
        left: str = "",
        begins: Article | None = None,
        title: str = "",
    ) -> None:
        """events: begins the work when it is first asked for; what: the kind of step that it is in the draft; left:
        what is missing where the program ends meanwhile, as of `DraftStore`.

        begins: the article as it is before the first event, for one that is a draft of its own: the draft is there at
        once, under `title` as long as the article has none.
        """
        super().__init__(studio, session)
        self.begun_with: list[view.Operation] = []  # what the view must know before the first event
        self._before: tuple[Article, Place | None, Article | None] | None = None
        if begins is not None:
            with session.keeping:
                self._before = (session.article, session.draft, session.kept)
                self.begun_with = begin_draft(studio, session, begins, title=title, left=left)
        begun = session.draft is not None and (begins is not None or not session.article.sections)
        self.growing = Growing(studio, session, what, left=left, begun=begun)
        self._make_events = events

    def _begin(self) -> Iterator[Event]:
        return self._make_events(self.run)

    def _apply(self, event: Event) -> None:
        session = self.session
        if self.growing.left and isinstance(event, ArticleReady):
            self.growing.left = ""  # finished, or stopped by the person: nothing is missing
        elif self.growing.left and isinstance(event, StepFinished) and event.step == "write":
            self.growing.left = "illustrate"
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

    def give_up(self) -> bool:
        """Where it has ended before anything came, there is again what was there before, and the draft that was begun
        goes. Whether that is so."""
        session = self.session
        with session.keeping:
            if self._before is None or session.article.sections or not self.run.ended.is_set():
                return False
            begun = session.draft
            (session.article, session.draft, session.kept), self._before = self._before, None
        if begun is not None and self._studio.drafts is not None:
            with contextlib.suppress(ReadableError):  # then a title without a text stays in the list
                self._studio.drafts.of(session.owner).delete(begun.id)
        return True

    def _close(self) -> None:
        if self._alone is None:
            self.growing.left = ""  # whoever was there knows how it ended
        self.growing.save()
        if self.session.status["state"] in view.WAITING:  # a view that comes back waits no longer
            self.session.status = view.idle()
