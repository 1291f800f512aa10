"""One section written anew on the page: the proposal is streamed beside the text, and a person takes what they like."""

from collections.abc import Iterator
from typing import Any

from composer.errors import InputError
from composer.writing import LONGEST_INSTRUCTION, Proposal, RewriteDelta, rewrite, without_controls
from ui import view
from ui.session import Session
from ui.studio import Studio
from ui.texts import text
from ui.write.running import Message, logged_sentence, until_loaded, whole_article


def rewrite_messages(studio: Studio, session: Session, value: dict[str, Any]) -> Iterator[Message]:
    """The messages of one proposal. What came before a stop or a failure is proposed, too; the article stays."""
    section_id, task = str(value.get("id")), str(value.get("task"))
    language = session.language
    if session.busy:
        yield session.message(view.no_proposal(), view.notice(text("say.busy", language)))
        return
    run = studio.begin(session, "rewrite")
    session.proposal = None
    written = ""
    try:
        yield from until_loaded(studio, session, run)
        if run.stop.is_set():
            yield session.message(view.no_proposal())
            return
        instruction = without_controls(str(value.get("instruction") or ""))[: LONGEST_INSTRUCTION + 1]
        events = rewrite(
            studio.model_of(run.job), session.article, section_id, task,
            instruction=instruction, tone=str(value.get("tone") or ""), stop=run.stop,
        )  # fmt: skip
        yield session.message(view.proposal_begins(section_id, task))
        for event in events:
            if isinstance(event, RewriteDelta):
                before = written[: event.offset]
                written = before + event.text
                yield session.message(view.proposal_text(section_id, before, event.text))
            else:
                session.proposal = event
        yield session.message(*_ended(session, session.proposal, language))
    except KeyError:
        yield session.message(view.no_proposal(), whole_article(studio, session), _gone(language))
    except Exception as error:  # noqa: BLE001 - whatever it was, the person reads it and the article stays
        yield session.message(view.no_proposal(), view.notice(logged_sentence(error, language), tone="bad"))
    finally:
        run.stop.set()
        run.ended.set()
        studio.line.end(run.job)


def _ended(session: Session, proposal: Proposal | None, language: str) -> list[view.Operation]:
    if proposal is None or proposal.nothing:
        session.proposal = None
        stopped = proposal is not None and proposal.stopped
        said = "say.not_shorter" if proposal is not None and proposal.task == "shorten" else "say.no_change"
        return [view.no_proposal(), *([] if stopped else [view.notice(text(said, language), tone="plain")])]
    return [view.proposal_ready(proposal)]


def _gone(language: str) -> view.Operation:
    return view.notice(text("say.gone", language))


def accept(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    """Takes the proposal, less the changes that the person dropped: one edit of the article."""
    proposal, session.proposal = session.proposal, None
    if proposal is None:
        return [view.no_proposal(), view.notice(text("say.proposal_gone", session.language))]
    dropped = value.get("dropped")
    positions = frozenset(at for at in dropped if isinstance(at, int)) if isinstance(dropped, list) else frozenset()
    try:
        session.article = proposal.apply(session.article, positions)
    except InputError as error:
        return [view.no_proposal(), view.notice(error.text(session.language))]
    return [view.no_proposal(), whole_article(studio, session)]


def discard(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    """Ends the proposal, written or still being written."""
    session.stop("rewrite")
    session.proposal = None
    return [view.no_proposal()]


def hush(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    """Stops the writing of a proposal; what came is shown as one."""
    session.stop("rewrite")
    return []
