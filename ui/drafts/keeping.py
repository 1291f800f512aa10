"""Saves the article of a session: after each change as a step that can be undone, and while it is being written at
every step of the composition and at least every second.
"""

import threading
from dataclasses import replace

from common.errors import ReadableError
from composer.article import Article
from composer.drafts import Draft
from composer.errors import DraftChanged, DraftNotFound
from ui import view
from ui.lasting import Soon
from ui.session import Place, Session
from ui.studio import Studio
from ui.texts import text


def begin_draft(studio: Studio, session: Session, article: Article, *, title: str, left: str) -> list[view.Operation]:
    """The session works on a draft of its own from now on, which is there at once, before the first word; the one
    before stays in the list. title: of the draft, as long as the article has none. What the view must know of it.

    Where no draft can be kept, the article that is there stays until the first word comes."""
    with session.keeping:
        session.draft = session.kept = None
        if studio.drafts is None or session.owner is None:
            return []
        try:
            titled = replace(article, title=article.title or title)
            draft = studio.drafts.of(session.owner).create(titled, left=left)
        except ReadableError as error:
            return _not_kept(session, error)
        session.keeping_problem = False
        session.article = session.kept = replace(draft.article, title=article.title)
        session.draft = place_of(draft, article.revision)
        return [draft_operation(session)]


def keep(
    studio: Studio, session: Session, what: str, *, amend: bool = False, left: str | None = None
) -> list[view.Operation]:
    """Saves the article where it is not what was saved last; what the view must know of it.

    left: as of `DraftStore`; None: as it was, since who edits an article that was interrupted may still want the rest.
    A draft that another tab has changed is left alone: this article becomes a draft of its own, and the person
    reads so.
    """
    if studio.drafts is None or session.owner is None or not session.article.sections:
        return []
    with session.keeping:
        article = session.article
        before = session.draft.left if session.draft is not None else ""
        left = before if left is None else left
        if left == before and (article is session.kept or _same(article, session.kept)):
            if session.draft is None or session.draft.revision == article.revision:
                return []
            session.draft = replace(session.draft, revision=article.revision)
            return [draft_operation(session)]
        drafts, place = studio.drafts.of(session.owner), session.draft
        notices: list[view.Operation] = []
        try:
            if place is None:
                draft = drafts.create(article, what=what, left=left)
            else:
                try:
                    draft = drafts.save(place.id, article, after=place.step, what=what, amend=amend, left=left)
                except DraftChanged:
                    draft = drafts.create(article, what=what, left=left)
                    notices.append(view.notice(text("drafts.own_copy", session.language)))
                except DraftNotFound:  # deleted in another tab
                    draft = drafts.create(article, what=what, left=left)
        except ReadableError as error:
            return _not_kept(session, error)
        session.keeping_problem = False
        with session.changing:
            if session.article is article:  # its pictures are those that were kept
                session.article = draft.article
        session.kept = draft.article
        session.draft = place_of(draft, article.revision)
        return [draft_operation(session), *notices]


def _not_kept(session: Session, error: ReadableError) -> list[view.Operation]:
    """Says so, once."""
    if session.keeping_problem:
        return []
    session.keeping_problem = True
    reason = error.text(session.language)
    return [view.notice(text("drafts.not_kept", session.language, reason=reason), tone="bad")]


def place_of(draft: Draft, revision: int) -> Place:
    """revision: of the session's article with that content."""
    return Place(draft.id, draft.step, draft.summary.title, draft.can_undo, draft.can_redo, revision, draft.left)


def draft_operation(session: Session) -> view.Operation:
    """Which draft the view shows, and what can be undone."""
    place = session.draft
    if place is None:
        return {"op": "draft", "id": None}
    return {
        "op": "draft",
        "id": place.id,
        "step": place.step,
        "title": place.title,
        "undo": place.can_undo,
        "redo": place.can_redo,
        "revision": place.revision,
        "left": place.left,
    }


def _same(article: Article, kept: Article | None) -> bool:
    """The revision grows with every action, also with one that changes nothing."""
    return kept is not None and replace(article, revision=0) == replace(kept, revision=0)


class Growing:
    """Saves an article while it is being written: one step of its draft, from the first word to the last picture."""

    def __init__(self, studio: Studio, session: Session, what: str, *, left: str, begun: bool) -> None:
        """left: what is missing where the program ends meanwhile, as of `DraftStore`; begun: its step is there."""
        self.studio, self.session, self.what, self.left = studio, session, what, left
        self._begun = begun
        self._soon = Soon(self._save)
        self._lock = threading.Lock()
        self._unsent: list[view.Operation] = []

    def changed(self) -> None:
        """There is more of it: saved within a second, whether or not anything follows."""
        if self.studio.drafts is not None:
            self._soon.ask()

    def save(self) -> list[view.Operation]:
        """Saves it now; what the view must know since the last time."""
        self._save()
        return self.unsent()

    def unsent(self) -> list[view.Operation]:
        """What the view must know of what was saved meanwhile."""
        with self._lock:
            unsent, self._unsent = self._unsent, []
        return unsent

    def close(self) -> None:
        """Nothing is saved behind the end."""
        self._soon.cancel()

    def _save(self) -> None:
        self.close()
        with self.session.keeping:
            operations = keep(self.studio, self.session, self.what, amend=self._begun, left=self.left)
            self._begun = self._begun or any(operation["op"] == "draft" for operation in operations)
        with self._lock:
            self._unsent = [*(one for one in self._unsent if one["op"] != "draft"), *operations]
