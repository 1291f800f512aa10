"""What a visitor finds when the page is loaded: the draft that its address names, or the one this tab had."""

from common.errors import ReadableError
from ui import view
from ui.drafts import draft_operation, go_on, open_draft
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
    if draft_id and not session.has_article and go_on(studio, session, draft_id, shown):
        return [whole_article(studio, session), draft_operation(session), session.status, {"op": "rejoin"}, *operations]
    if not draft_id or newer or session.has_article or studio.drafts is None:
        return operations
    try:
        place = open_draft(studio, session, draft_id)
    except ReadableError as error:
        return [*operations, view.notice(error.text(language), tone="bad")]
    return [whole_article(studio, session), *place, *operations]
