"""A conversation as the Chat tab shows it: messages for the Chatbot, and for each of them a row of facts, from which
chat.js makes the buttons under it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from composer.chat import left_out_note
from composer.conversations import Exchange, answers, wordings
from ui.chat.escaping import escape_markdown, escape_tags
from ui.session import Session
from ui.studio import Studio
from ui.texts import text

Messages = list[dict[str, Any]]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Line:
    message: dict[str, Any]
    row: Row


def history(studio: Studio, session: Session, pending: str = "") -> Messages:
    """The conversation as Chatbot messages. Pictures are shown from this program's own addresses.

    pending: what stands in place of an answer that has not begun; empty: that it is awaited, or was stopped.
    """
    return [line.message for line in _lines(studio, session, pending)]


def rows(studio: Studio, session: Session) -> list[Row]:
    """One for each message of `history`: its kind and, of questions and answers, what can be done with them."""
    return [line.row for line in _lines(studio, session)]


def _lines(studio: Studio, session: Session, pending: str = "") -> list[_Line]:
    talk, question, awaited = session.talk, session.question, session.answering
    pending = pending or ("…" if awaited else text("chat.stopped", session.language))
    lines = _material(session)
    path = talk.tree.path if question is None else talk.tree.path_to(question.parent)
    siblings = talk.tree.siblings
    left_out = 0
    elsewhere = path[-1] if path and not path[-1].finished and _is_written_elsewhere(studio, session) else None
    for exchange in path:
        lines.append(_question(studio, session, siblings[exchange.parent], exchange))
        if exchange.left_out and not left_out and studio.model is not None:
            lines.append(_note(left_out_note(studio.model).text(session.language)))
        left_out = exchange.left_out
        if exchange.answer or not (awaited and exchange is path[-1] and question is None):
            shown = "…" if exchange is elsewhere else pending
            lines.append(_answer(siblings[exchange.parent], exchange, shown, grows=exchange is elsewhere))
        else:
            lines.append(_waiting(pending))
    if question is not None:
        message = _asked(studio, session, question.text, question.pictures)
        lines += [_Line(message, {"kind": "asked"}), _waiting(pending)]
    if session.answer_problem:
        lines.append(_Line(_says(escape_markdown(session.answer_problem)), {"kind": "note"}))
    return lines


def _is_written_elsewhere(studio: Studio, session: Session) -> bool:
    """Whether another tab of this person's has the model answer in this conversation just now."""
    kept = session.talk.kept
    if kept is None or session.answering:
        return False
    return any(run.is_of("chat", session.owner, kept) for run in studio.lasting)


def _material(session: Session) -> list[_Line]:
    """The text that the conversation is about, folded, and what the model does not see of it."""
    material, language = session.talk.material, session.language
    if not material.text:
        return []
    title = escape_markdown(text("chat.about", language, title=material.title or text("drafts.untitled", language)))
    folded = {"title": title, "status": "done"}
    lines = [
        _Line({"role": "assistant", "content": escape_tags(material.text), "metadata": folded}, {"kind": "material"})
    ]
    used = session.talk.material_used
    if used is not None and used < len(material.text):
        cut = text("chat.cut", language, used=f"{used:,}", count=f"{len(material.text):,}")
        lines.append(_note(cut))
    return lines


def _question(studio: Studio, session: Session, siblings: list[Exchange], exchange: Exchange) -> _Line:
    others = wordings(siblings, exchange)
    row = {
        "kind": "question",
        "id": exchange.id,
        "text": exchange.question,
        "pictures": len(exchange.pictures),
        "at": others.index(exchange.id),
        "of": others,
    }
    earlier = session.earlier_pictures.get(exchange.id, "")
    return _Line(_asked(studio, session, exchange.question, exchange.pictures, earlier), row)


def _answer(siblings: list[Exchange], exchange: Exchange, nothing: str, *, grows: bool = False) -> _Line:
    """grows: another tab has it written just now."""
    versions = answers(siblings, exchange)
    row = {
        "kind": "answer",
        "id": exchange.id,
        "text": exchange.answer,
        "finished": exchange.finished,
        "grows": grows,
        "at": versions.index(exchange.id),
        "of": versions,
        "liked": exchange.liked,
        "model": exchange.model,
    }
    return _Line(_says(escape_tags(exchange.answer or nothing)), row)


def _asked(
    studio: Studio, session: Session, words: str, pictures: tuple[Path, ...], earlier_pictures: str = ""
) -> dict[str, Any]:
    names = (text("chat.picture", session.language, number=number) for number in range(1, len(pictures) + 1))
    addresses = (studio.pictures.address(str(picture)) for picture in pictures)
    row = " ".join(f"![{name}]({address})" for name, address in zip(names, addresses, strict=True))
    shown = [part for part in (earlier_pictures, row, escape_markdown(words)) if part]
    return {"role": "user", "content": "\n\n".join(shown).strip()}


def _waiting(pending: str) -> _Line:
    return _Line(_says(escape_tags(pending)), {"kind": "waiting"})


def _note(words: str) -> _Line:
    return _Line(_says(f"*{escape_markdown(words)}*"), {"kind": "note"})


def _says(markdown: str) -> dict[str, Any]:
    return {"role": "assistant", "content": markdown}
