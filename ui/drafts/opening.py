"""Opens drafts in a session, goes back and forth in them, and follows what another tab did. What is answered are the
operations before the whole article, which the caller adds."""

from collections.abc import Callable
from dataclasses import replace

from common.errors import ReadableError
from composer.article import Article
from composer.drafts import Draft, Drafts
from composer.errors import DraftChanged, DraftNotFound
from ui import view
from ui.drafts.keeping import draft_operation, place_of
from ui.session import Session
from ui.studio import Studio
from ui.texts import text


def open_draft(studio: Studio, session: Session, draft_id: str) -> list[view.Operation]:
    """The session works on that draft from now on. Raises DraftNotFound, ArticleUnreadable, DraftsUnavailable."""
    drafts = _drafts(studio, session)
    if drafts is None:
        raise DraftNotFound(id=draft_id[:64])
    return _adopted(studio, session, drafts.load(draft_id))


def is_written_elsewhere(studio: Studio, session: Session) -> bool:
    """Whether another tab of this person's has the session's draft written just now."""
    place = session.draft
    if place is None or session.busy:
        return False
    return any(run.is_of("article", session.owner, place.id) for run in studio.lasting)


def attach(studio: Studio, session: Session, draft_id: object) -> Article | None:
    """The session goes on with a draft whose article the view has, because the program was restarted: what the view
    has is saved as the next step. Returns the draft's article as it was saved; None where there is no such draft."""
    drafts = _drafts(studio, session)
    if drafts is None or not isinstance(draft_id, str):
        return None
    try:
        draft = drafts.load(draft_id)
    except ReadableError:  # the article becomes a draft of its own
        return None
    session.draft, session.kept = place_of(draft, session.article.revision), draft.article
    return draft.article


def edit_draft(studio: Studio, session: Session, draft_id: str, edited: Callable[[Article], Article]) -> None:
    """Saves what `edited` makes of a draft of this person's that no session need have open, as its next step; nothing
    where it makes nothing of it. Raises what `open_draft` and `edited` raise, DraftChanged."""
    drafts = _drafts(studio, session)
    if drafts is None:
        return
    draft = drafts.load(draft_id)
    article = edited(draft.article)
    if article is not draft.article:
        drafts.save(draft.id, article, after=draft.step, what="text", left=draft.left)


def step_back(studio: Studio, session: Session) -> list[view.Operation]:
    """Undo. Raises what `open_draft` raises."""
    return _moved(studio, session, back=True)


def step_forward(studio: Studio, session: Session) -> list[view.Operation]:
    """Redo. Raises what `open_draft` raises."""
    return _moved(studio, session, back=False)


def restore_version(studio: Studio, session: Session, step: int) -> list[view.Operation]:
    """An earlier step becomes the next one. Raises VersionNotFound and what `open_draft` raises."""
    drafts, place = _drafts(studio, session), session.draft
    if drafts is None or place is None:
        return []
    try:
        return _adopted(studio, session, drafts.restore(place.id, step, after=place.step))
    except DraftChanged:
        return follow(studio, session)


def follow(studio: Studio, session: Session) -> list[view.Operation]:
    """Where another tab has gone on with the draft: shows that. Nothing to show: an empty list."""
    drafts, place = _drafts(studio, session), session.draft
    if drafts is None or place is None:
        return []
    try:
        present = drafts.load(place.id)
    except ReadableError:  # deleted, or not readable now: what is shown stays
        return []
    if present.step == place.step:
        return []
    adopted = _adopted(studio, session, present)
    if is_written_elsewhere(studio, session):  # who opened it knows, and more comes every second
        return adopted
    return [*adopted, view.notice(text("drafts.followed", session.language), tone="plain")]


def _drafts(studio: Studio, session: Session) -> Drafts | None:
    return studio.drafts.of(session.owner) if studio.drafts is not None and session.owner is not None else None


def _moved(studio: Studio, session: Session, *, back: bool) -> list[view.Operation]:
    drafts, place = _drafts(studio, session), session.draft
    if drafts is None or place is None:
        return []
    try:
        move = drafts.undo if back else drafts.redo
        return _adopted(studio, session, move(place.id, after=place.step))
    except DraftChanged:
        return follow(studio, session)


def _adopted(studio: Studio, session: Session, draft: Draft) -> list[view.Operation]:
    """Revisions go on growing, so that the view tells what it showed before from what it shows now."""
    with session.keeping:
        revision = max(session.article.revision + 1, draft.article.revision)
        session.article = session.kept = replace(draft.article, revision=revision)
        session.draft = place_of(draft, revision)
        if is_written_elsewhere(studio, session):
            session.draft = replace(session.draft, left="")  # nothing has been interrupted
        session.keeping_problem = False
    return [draft_operation(session)]
