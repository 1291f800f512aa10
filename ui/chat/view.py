"""What the view of conversations (demo_asset/chat.js) is told, and what a person does there.

A message is {"session", "n", "proof", "talk", "do", "texts", "language"}: `talk` describes the conversation that is
shown, `do` holds what happens once, as operations: {"op": "say", "text", "tone"}.
"""

from collections.abc import Callable
from typing import Any

import gradio as gr

from common.errors import ReadableError
from composer.article import Article
from composer.conversations import Material
from composer.errors import InputError
from ui.chat import talking
from ui.chat.listing import ConversationsList
from ui.chat.showing import rows
from ui.drafts import proof_of
from ui.session import Question, Session
from ui.studio import Studio
from ui.texts import TEXTS, error_sentence, table, text
from ui.theme import asset

Action = dict[str, Any]
LONGEST_MATERIAL = 400_000  # characters


def talk_message(studio: Studio, session: Session, *does: dict[str, Any]) -> dict[str, Any]:
    """The present state for the view, with its texts: one that is opened late sees the last message alone."""
    talk = session.talk
    begun = session.question is not None or talk.tree.exchanges  # the page knows its id before the first answer comes
    shown = {
        "id": talk.kept or (talk.key if begun and talking.conversations_of(studio, session) else None),
        "title": talk.title or talk.material.title,
        "rows": rows(studio, session),
        "answering": session.answering,
        "empty": not (talk.tree.exchanges or talk.material.text or session.question),
    }
    return {
        **_labels(session.language),
        "session": session.id,
        "n": next(session.talk_numbers),
        "proof": proof_of(studio.secret, session.owner),
        "talk": shown,
        "do": list(does),
    }


def build_view(studio: Studio, language: str) -> gr.HTML:
    """The list of conversations, and the buttons under questions and answers."""

    def chats_call(sent: Any) -> dict[str, Any]:
        return ConversationsList(studio).answer(sent)

    return gr.HTML(
        _labels(language),
        html_template='<div class="xc-drafts-root xc-chats-root"></div>',
        css_template=asset("drafts.css") + asset("chat.css"),
        js_on_load=asset("dom.js") + "".join(asset(f"{name}.js") for name in ("sidebar", "turns", "camera", "chat")),
        server_functions=[chats_call],
        apply_default_css=False,
        elem_id="xc-chats",
    )


def _labels(language: str) -> dict[str, Any]:
    return {"texts": table("chats", language), "language": language}


def say(words: str, tone: str = "plain") -> dict[str, Any]:
    return {"op": "say", "text": words, "tone": tone}


# -- what a person does ------------------------------------------------------------------------------


def quick_action(studio: Studio, session: Session, value: Action) -> dict[str, Any]:
    """An action that needs no model; the message for the view. Unknown ones and what is gone are answered with a
    sentence."""
    act = _QUICK.get(str(value.get("act")))
    try:
        if act is None:
            return talk_message(studio, session, say(text("chats.failed", session.language)))
        talking.refresh(studio, session)
        act(studio, session, value)
        return talk_message(studio, session)
    except KeyError:
        return talk_message(studio, session, say(text("chat.gone", session.language)))
    except ReadableError as error:
        return talk_message(studio, session, say(error_sentence(error, session.language)))


def _end_answer(studio: Studio, session: Session) -> None:
    session.stop("chat")
    studio.leave(session, "chat")


def _open(studio: Studio, session: Session, value: Action) -> None:
    _end_answer(studio, session)
    talking.open_talk(studio, session, str(value.get("id")))


def _new(studio: Studio, session: Session, value: Action) -> None:
    _end_answer(studio, session)
    talking.begin(session)


def _about(studio: Studio, session: Session, value: Action) -> None:
    """A new conversation about a text."""
    _end_answer(studio, session)
    title, words = str(value.get("title") or "")[:300], str(value.get("text") or "").strip()[:LONGEST_MATERIAL]
    talking.begin(session, Material(title, words))
    about = text("chat.about", session.language, title=title or text("drafts.untitled", session.language))
    talking.keep_begun(studio, session, about)


def article_text(article: Article) -> str:
    """An article as the material of a conversation: its Markdown without pictures."""
    shown = [f"{'#' * max(2, one.level)} {one.text}" if one.kind == "heading" else one.text for one in article]
    return "\n\n".join([f"# {article.title}", *shown] if article.title else shown)


def _page(studio: Studio, session: Session, value: Action) -> None:
    """Another version of an answer, or another wording of a question."""
    if not session.answering:
        talking.show(studio, session, _number(value))


def _like(studio: Studio, session: Session, value: Action) -> None:
    liked = value.get("liked")
    talking.like(studio, session, _number(value), liked if isinstance(liked, bool) else None)


def _follow(studio: Studio, session: Session, value: Action) -> None:
    """Another tab may have gone on with the conversation, which `quick_action` has read by now."""


_QUICK: dict[str, Callable[[Studio, Session, Action], None]] = {
    "open": _open,
    "new": _new,
    "about": _about,
    "follow": _follow,
    "page": _page,
    "like": _like,
}


def ask_again(studio: Studio, session: Session, value: Action) -> None:
    """Has a question wait for another answer, for the rest of one that broke off ("continue"), or for one to other
    words ("text"). Raises KeyError where it is gone."""
    talking.refresh(studio, session)
    exchange = session.talk.tree.get(_number(value))
    if exchange.id in session.earlier_pictures:  # an answer about a picture that the model does not get is none
        raise InputError(TEXTS["chat.pictures_gone"])
    words = value.get("text")
    edited = isinstance(words, str)
    session.question = Question(
        str(words) if edited else exchange.question,
        exchange.pictures,
        parent=exchange.parent,
        first=0 if edited else exchange.first,
        begun=exchange.answer if value.get("act") == "continue" else "",
    )


def _number(value: Action) -> int:
    number = value.get("id")
    return number if isinstance(number, int) else 0
