"""What a person does with the draft as a whole: another one, a new one, back and forth, an earlier version."""

from typing import Any

from composer.article import Article
from ui import view
from ui.drafts import draft_operation, follow, open_draft, restore_version, step_back, step_forward
from ui.session import Session
from ui.studio import Studio
from ui.write.running import whole_article


def open_another(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    """Another draft; what is shown now has been saved."""
    operations = open_draft(studio, session, str(value.get("id")))
    return [{"op": "fresh"}, whole_article(studio, session), view.idle(), _without_proposal(session), *operations]


def begin(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    """No article: the next one is a draft of its own."""
    with session.keeping:
        session.article, session.draft, session.kept = Article(title=""), None, None
    return [{"op": "fresh"}, view.idle(), _without_proposal(session), draft_operation(session)]


def undo(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    operations = step_back(studio, session)
    return [whole_article(studio, session), _without_proposal(session), *operations]


def redo(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    operations = step_forward(studio, session)
    return [whole_article(studio, session), _without_proposal(session), *operations]


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
