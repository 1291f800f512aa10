"""What a person does in the article view: each action is an edit of the frozen article, answered with a message."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from common.messages import languages
from composer.article import Illustration, Section
from composer.events import Event, SectionsReady, StepStarted
from composer.prompts import style_of
from composer.writing import rewrite_several
from ui import view
from ui.drafts import attach, draft_operation, is_written_elsewhere, keep
from ui.session import ModelRun, Session
from ui.studio import Studio
from ui.texts import text
from ui.write import drafting, pictures
from ui.write.exporting import copy, export_messages, stop_export
from ui.write.own import append
from ui.write.restoring import HAND, is_unknown, taken_over
from ui.write.rewriting import accept, discard, hush, rewrite_messages
from ui.write.running import Message, logged_sentence, run_messages, whole_article
from ui.write.sections import (
    block,
    delete,
    delete_several,
    is_typed,
    join,
    late,
    move,
    one_line,
    selected,
    split,
    title,
    typing,
    untype,
    written,
)

if TYPE_CHECKING:
    from composer.pipeline import Composer, Options

MOST_DELAYED = 64  # actions that wait for the article of the view
FREE_ACTIONS = (
    "resync",
    "copy",
    "stop_export",
    "wait",
    "hush",
    "follow",
    "late",
    "typing",
)  # possible while the article is being written


def quick_action(studio: Studio, session: Session, value: dict[str, Any]) -> Message:
    """An action that needs neither model nor gallery. Unknown actions and sections are answered with a sentence."""
    with session.in_order():
        if value.get("act") == "restore":
            return session.message(*_restore(studio, session, value))
        if is_unknown(session, value):
            return session.message(_delayed(session, value))
        operations = _operations(studio, session, value)
        if not session.busy:  # a running work saves by itself
            operations += _kept(studio, session, value)
        return session.message(*operations)


def _kept(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    """Saves the article. What is typed into one section, and its end, are one step."""
    act = str(value.get("act"))
    goes_on = act in ("typing", "text", "title") and is_typed(session, value)
    what = act if act != "typing" else "text" if _id(value) else "title"
    operations = keep(studio, session, what, amend=goes_on)
    session.typed = (session.draft.id, _id(value)) if act == "typing" and session.draft is not None else None
    return operations


def _operations(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    action = str(value.get("act"))
    language = session.language
    if session.busy and action not in FREE_ACTIONS:
        return [view.notice(text("say.busy", language))]
    if action not in (*FREE_ACTIONS, "draft", "new") and is_written_elsewhere(studio, session):
        return [whole_article(studio, session), view.notice(text("drafts.written_elsewhere", language))]
    try:
        return _QUICK_ACTIONS[action](studio, session, value)
    except KeyError:
        return [whole_article(studio, session), view.notice(text("say.gone", language))]
    except Exception as error:  # noqa: BLE001 - the person reads it, the article stays
        return [view.notice(logged_sentence(error, language), tone="bad")]


def delayed_message(session: Session, value: dict[str, Any]) -> Message | None:
    """For work that needs the article: where only the view has it, asks for it, and the view sends `value` again."""
    if not is_unknown(session, value):
        return None
    with session.in_order():
        return session.message(_delayed(session, value, work=True))


def _delayed(session: Session, value: dict[str, Any], *, work: bool = False) -> view.Operation:
    """Keeps an action until the view has handed its article over."""
    changes = value.get("act") != "resync" and (value.get("act") != "wait" or value.get("join"))
    if changes and len(session.delayed) < MOST_DELAYED:
        session.delayed.append({**value, "work": work})
    return HAND


def _restore(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    """Takes the article from the view and does what was asked meanwhile."""
    wanted, session.delayed = session.delayed, []
    if session.has_article:  # the draft was opened meanwhile
        same = session.draft is not None and session.draft.id == value.get("draft")
        done = [operation for action in wanted if same for operation in _done_late(studio, session, action)]
        return [whole_article(studio, session), session.status, *done]
    if value.get("language") in languages():
        session.language = str(value["language"])
    language = session.language
    known = attach(studio, session, value.get("draft"))
    try:
        waiting = {_id(action) for action in wanted if action.get("act") == "text"}
        session.article, lost = taken_over(studio, value, waiting, known)
    except Exception as error:  # noqa: BLE001 - the person reads it, the view keeps what it shows
        return [view.notice(text("say.not_taken", language, reason=logged_sentence(error, language)), tone="bad")]
    session.names.add(str(value.get("shows")))
    operations = [whole_article(studio, session), session.status]
    if lost:
        operations.append(view.notice(text("say.lost_pictures", language, count=lost)))
    for action in wanted:
        operations += _done_late(studio, session, action)
    operations += keep(studio, session, "restore")  # what the draft said of an interruption stays
    return operations if session.draft is None else [*operations, draft_operation(session)]


def _done_late(studio: Studio, session: Session, action: dict[str, Any]) -> list[view.Operation]:
    """What was asked for before the session had the article; what needs the model is asked for once more."""
    work = action.pop("work")
    return [{"op": "again", "value": action}] if work else _operations(studio, session, action)


def _resync(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    """For a view that noticed a gap in the numbers of its messages."""
    drafts = [draft_operation(session)] if session.draft is not None else []
    proposal = [view.proposal_ready(session.proposal)] if session.proposal else []
    exporting = [session.exporting] if session.exporting else []
    shown = [whole_article(studio, session), *drafts, session.status, *proposal, *exporting]
    return [*shown, *session.recent_effects()]


def _wait(studio: Studio, session: Session, value: dict[str, Any]) -> list[view.Operation]:
    """How many come first: with `join` as soon as the model is wanted, and now and then until it is this one's turn."""
    if value.get("join") and not session.busy:
        studio.join(session, "article")
    place = studio.place(session, "article")
    if place is None and session.status["state"] != "waiting":
        return [session.status]  # what the view waits for was lost when the program was restarted
    return [] if place is None or place.begun else [view.waiting(place)]


_QUICK_ACTIONS: dict[str, Callable[[Studio, Session, dict[str, Any]], list[view.Operation]]] = {
    "resync": _resync,
    "wait": _wait,
    "draft": drafting.open_another,
    "new": drafting.begin,
    "undo": drafting.undo,
    "redo": drafting.redo,
    "finished": drafting.finished,
    "late": late,
    "follow": drafting.look,
    "version": drafting.version,
    "title": title,
    "text": written,
    "typing": typing,
    "untype": untype,
    "caption": pictures.caption,
    "alt": pictures.alt,
    "width": pictures.width,
    "choose": pictures.choose,
    "still_fits": pictures.still_fits,
    "remove": pictures.remove,
    "relocate": pictures.relocate,
    "crop": pictures.crop,
    "upload": pictures.upload,
    "copy": copy,
    "stop_export": stop_export,
    "move": move,
    "split": split,
    "join": join,
    "delete": delete,
    "delete_several": delete_several,
    "block": block,
    "accept": accept,
    "discard": discard,
    "append": append,
    "hush": hush,
}


# -- actions for which the model works -----------------------------------------------------------------


def model_action(studio: Studio, session: Session, value: dict[str, Any], *, selects: bool = True) -> Iterator[Message]:
    """An action that waits for the model: search, propose, illustrate. `selects`: the model chooses pictures."""
    action = value.get("act")
    if (waiting := delayed_message(session, value)) is not None:
        yield waiting
    elif is_written_elsewhere(studio, session):
        notice = view.notice(text("drafts.written_elsewhere", session.language))
        yield session.message(view.no_proposal(), notice, view.idle())
    elif action == "illustrate":
        yield from run_messages(studio, session, lambda run: _illustrate(studio, session, value, selects, run), action)
    elif action == "write_on":
        yield from run_messages(studio, session, lambda run: _write_on(studio, session, value, selects, run), action)
    elif action == "go_on":
        left = session.draft.left if session.draft is not None else str(value.get("left"))
        what = "illustrate" if left == "illustrate" else "write"
        yield from run_messages(studio, session, lambda run: _go_on(studio, session, what, run), what)
    elif action == "several":
        yield from run_messages(studio, session, lambda run: _several(studio, session, value, run), action)
    elif action == "rewrite":
        yield from rewrite_messages(studio, session, value)
    elif action in ("search", "propose"):
        yield from _one_picture(studio, session, value, _search if action == "search" else _propose)
    else:
        yield session.message(view.notice(text("say.gone", session.language)))


def export_action(studio: Studio, session: Session, value: dict[str, Any]) -> Iterator[Message]:
    """A file of the article, which takes a while and waits for nobody's model."""
    if is_unknown(session, value):
        with session.in_order():
            yield session.message(_delayed(session, {**value, "act": "export"}, work=True))
    else:
        yield from export_messages(studio, session, value)


def _illustrate(
    studio: Studio, session: Session, value: dict[str, Any], selects: bool, run: ModelRun
) -> Iterator[Event]:
    from composer.pipeline import Options

    count = value.get("pictures")
    options = Options(pictures=None if count is None else int(count), select=selects)
    return studio.composer(run.job).illustrate(session.article, options, stop=run.stop)


def _write_on(studio: Studio, session: Session, value: dict[str, Any], selects: bool, run: ModelRun) -> Iterator[Event]:
    from composer.pipeline import Options

    return studio.composer(run.job).write_on(session.article, _id(value), Options(select=selects), stop=run.stop)


def _go_on(studio: Studio, session: Session, what: str, run: ModelRun) -> Iterator[Event]:
    """The rest of an article whose making was interrupted, as it was asked for: from its last section on, which may
    have been broken off in the middle."""
    from composer.illustrating import MOST_PICTURES
    from composer.pipeline import Options

    article, composer = session.article, studio.composer(run.job)
    asked, style = article.parameters, style_of(article.parameters)
    wanted = asked.get("pictures")
    options = Options(
        pictures=wanted if isinstance(wanted, int) and 0 <= wanted <= MOST_PICTURES else None,
        language=article.language,
        select=asked.get("select") is not False,
        length=style.length,
        tone=style.tone,
        readers=style.readers,
    )
    if what == "illustrate":
        return composer.illustrate(article, options, stop=run.stop)
    if article.sections:
        return composer.write_on(article, article.sections[-1].id, options, stop=run.stop)
    return _from_the_start(composer, str(asked.get("request") or article.title), options, run)


def _from_the_start(composer: "Composer", request: str, options: "Options", run: ModelRun) -> Iterator[Event]:
    for event in composer.compose(request, options, stop=run.stop):
        if isinstance(event, StepStarted) and event.step == "write":
            yield SectionsReady(composer.article)
        yield event


def _several(studio: Studio, session: Session, value: dict[str, Any], run: ModelRun) -> Iterator[Event]:
    ids = selected(session, value)
    return rewrite_several(studio.model_of(run.job), session.article, ids, str(value.get("task")), stop=run.stop)


def _one_picture(
    studio: Studio,
    session: Session,
    value: dict[str, Any],
    find: Callable[[Studio, ModelRun, Session, Section, dict[str, Any]], Illustration],
) -> Iterator[Message]:
    """Search and propose: short, so without a stepper. The panel opens with what was found.

    What the person did to the picture in the meantime stays.
    """
    language = session.language
    run = studio.begin(session, "picture")
    try:
        before = session.article.section(_id(value))
        found = find(studio, run, session, before, value)
        if run.stop.is_set():  # the page is gone, or another picture is looked for
            return
        with session.in_order():
            now = session.article.section(before.id).illustration
            removed = now is None and before.illustration is not None
            if not removed:
                session.article = session.article.with_illustration(before.id, _with_found(now, found, find is _search))
            kept = keep(studio, session, str(value.get("act")))
        operations = [whole_article(studio, session), *kept]
        if not removed:
            operations.append({"op": "open", "id": before.id})
        if not found.candidates:
            operations.append(
                view.notice(text("say.nothing_found", language, query=found.caption or (now.caption if now else "")))
            )
        yield session.message(*operations)
    except KeyError:
        yield session.message(whole_article(studio, session), view.notice(text("say.gone", language)))
    except Exception as error:  # noqa: BLE001 - the person reads it, the article stays
        yield session.message(view.notice(logged_sentence(error, language), tone="bad"))
    finally:
        run.ended.set()
        studio.line.end(run.job)


def _search(studio: Studio, run: ModelRun, session: Session, section: Section, value: dict[str, Any]) -> Illustration:
    query = one_line(value.get("query"))[:500]
    found = studio.composer(run.job).search(session.article, query, section_id=section.id)
    return Illustration(query, query=query, candidates=found, chosen=found[0] if found else None)


def _propose(studio: Studio, run: ModelRun, session: Session, section: Section, value: dict[str, Any]) -> Illustration:
    return studio.composer(run.job).propose(session.article, section.id, stop=run.stop)


def _with_found(now: Illustration | None, found: Illustration, typed: bool) -> Illustration:
    """What was found, around the picture that stands there, if one does. typed: a person gave the query; the line under
    the picture stays, where there is one."""
    if now is None or now.chosen is None:
        kept_line = now.caption if now is not None and typed else ""
        return replace(found, caption=kept_line or found.caption, by_hand=True)
    kept = () if any(one.id == now.chosen.id for one in found.candidates) else (now.chosen,)
    offered = (*kept, *found.candidates)
    return replace(now, caption=now.caption or found.caption, query=found.query, candidates=offered, by_hand=True)


# -- helpers ----------------------------------------------------------------------------------------


def _id(value: dict[str, Any]) -> str:
    return str(value.get("id"))
