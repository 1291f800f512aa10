"""What a person does with the draft as a whole: arrives with it, opens another one, begins a new one, goes back and
forth, takes an earlier version."""

from typing import Any

from common.errors import ReadableError
from composer.article import Article
from ui import view
from ui.drafts import (
    draft_operation,
    follow,
    is_written_elsewhere,
    keep,
    open_draft,
    restore_version,
    step_back,
    step_forward,
)
from ui.lasting import go_on
from ui.session import Session
from ui.studio import Studio
from ui.texts import text
from ui.write.running import whole_article


def draft_at_arrival(
    studio: Studio, session: Session, draft_id: str | None, *, newer: bool, shown: str
) -> list[view.Operation]:
    """Operations for the view. newer: the browser has more of the draft than was saved, and hands it over itself.
    shown: id of the session that filled this tab before; what is still being written there goes on here."""
    language = session.language
    operations: list[view.Operation] = []
    if studio.drafts_problem is not None:
        reason = studio.drafts_problem.text(language)
        operations.append(view.notice(text("drafts.not_kept", language, reason=reason), tone="bad"))
    if studio.drafts is not None and studio.drafts.recovered is not None:
        operations.append(view.notice(studio.drafts.recovered.sentence.text(language), tone="bad"))
    if draft_id and not session.has_article and go_on(studio, session, "article", draft_id, shown):
        return [whole_article(studio, session), draft_operation(session), session.status, {"op": "rejoin"}, *operations]
    if not draft_id or newer or session.has_article or studio.drafts is None:
        return operations
    try:
        place = open_draft(studio, session, draft_id)
    except ReadableError as error:
        return [*operations, view.notice(error.text(language), tone="bad")]
    return [whole_article(studio, session), *place, *_written_elsewhere(studio, session), *operations]


def open_another(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    """Another draft; what is shown now has been saved."""
    before = session.article
    operations = open_draft(studio, session, str(value.get("id")))
    shown = [
        {"op": "fresh"},
        _box(before, session.article),
        whole_article(studio, session),
        view.idle(),
        _without_proposal(session),
    ]
    return [*shown, *operations, *_written_elsewhere(studio, session)]


def _box(before: Article, now: Article) -> view.Operation:
    """What the form says belongs to the article that was shown: with another one it says what that was made of. What a
    person has typed there since stays."""
    was, title = (str(one.parameters.get("request") or one.title) for one in (before, now))
    return {"op": "box", "was": was, "title": title, "own": before.imported is not None}


def _written_elsewhere(studio: Studio, session: Session) -> list[view.Operation]:
    notice = view.notice(text("drafts.written_elsewhere", session.language), tone="plain")
    return [notice] if is_written_elsewhere(studio, session) else []


def begin(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    """No article: the next one is a draft of its own."""
    before = session.article
    with session.keeping:
        session.article, session.draft, session.kept = Article(title=""), None, None
    return [
        {"op": "fresh"},
        _box(before, session.article),
        view.idle(),
        _without_proposal(session),
        draft_operation(session),
    ]


def undo(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    operations = step_back(studio, session)
    return [whole_article(studio, session), _without_proposal(session), *operations]


def redo(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    operations = step_forward(studio, session)
    return [whole_article(studio, session), _without_proposal(session), *operations]


def finished(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    """An article whose making was interrupted is as the person wants it."""
    return keep(studio, session, "edit", left="")


def version(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    step = value.get("step")
    operations = restore_version(studio, session, step) if isinstance(step, int) and 0 < step < 2**62 else []
    return [whole_article(studio, session), _without_proposal(session), *operations]


def look(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    """The tab is looked at again: another one may have gone on with its draft."""
    operations = [] if session.busy else follow(studio, session)
    return [whole_article(studio, session), *operations] if operations else []


def _without_proposal(session: Session) -> view.Operation:
    """A proposal is for the text that was there before."""
    session.stop("rewrite")
    session.proposal = None
    return view.no_proposal()
