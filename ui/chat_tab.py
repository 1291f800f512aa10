"""The Chat tab: text and pictures, streamed, with Stop in place of Send while the model answers."""

import logging
from collections.abc import Iterator
from typing import Any

import gradio as gr

from composer.models.base import Picture, Sampling
from retrieval.errors import ReadableError
from ui.compose_tab import MODEL_QUEUE
from ui.labels import Labels
from ui.session import Session
from ui.studio import Studio, loading_status, sentence, wait_until
from ui.texts import text

_log = logging.getLogger(__name__)

Messages = list[dict[str, Any]]


def history(session: Session, pending: str = "") -> Messages:
    """The conversation as Chatbot messages. Pictures are shown from this program's own addresses.

    pending: what stands in place of an answer that has not begun.
    """
    shown: Messages = []
    for turn in session.conversation.turns if session.conversation else ():
        shown.append(_question(session, turn.question, list(turn.pictures)))
        answer = turn.answer or pending
        if answer:
            shown.append(_reply(answer))
    return shown


def build(studio: Studio, session: gr.State, labels: Labels) -> tuple[gr.Markdown, list[Any]]:
    """The tab. Returns the note about pictures, and the listeners after which the model's last speed is known."""
    chat = labels(
        gr.Chatbot,
        placeholder="chat.hello",
        elem_id="xc-turns",
        show_label=False,
        container=False,
        height="calc(100dvh - 250px)",
        buttons=["copy"],
        layout="bubble",
        group_consecutive_messages=False,
    )
    with gr.Row(elem_id="xc-chat-acts"):
        regenerate = labels(gr.Button, value_text="chat.regenerate", size="sm", scale=0, elem_id="xc-regenerate")
        clear = labels(gr.Button, value_text="chat.clear", size="sm", scale=0, elem_id="xc-clear")
    box = labels(
        gr.MultimodalTextbox,
        placeholder="chat.placeholder",
        show_label=False,
        file_types=["image"],
        file_count="multiple",
        sources=["upload"],
        max_lines=8,
        elem_id="xc-chat-box",
    )
    note = gr.Markdown("", elem_id="xc-chat-note")
    with labels(gr.Accordion, label="chat.settings", open=False, elem_id="xc-chat-settings"), gr.Row():
        length = labels(gr.Slider, label="chat.length", minimum=16, maximum=2048, step=16, value=512)
        temperature = labels(
            gr.Slider, label="compose.temperature", info="compose.temperature_info",
            minimum=0, maximum=1.5, step=0.05, value=0.7,
        )  # fmt: skip
        penalty = labels(gr.Slider, label="compose.penalty", minimum=1, maximum=2, step=0.05, value=1.1)

    answering = {"interactive": True, "submit_btn": False, "stop_btn": True}
    asking = {"interactive": True, "submit_btn": True, "stop_btn": False}

    def asked(session: Session, message: dict[str, Any]) -> tuple[Any, Any]:
        words = str(message.get("text") or "").strip()
        files = [str(file) for file in message.get("files") or []]
        if not words and not files:
            raise _error(text("chat.empty", session.language))
        try:
            pictures = [_kept(studio, session, path) for path in files]
        except ReadableError as error:
            raise _error(error.text(session.language)) from error
        session.question = (words, pictures)
        studio.join(session.id)
        question = _question(session, words, pictures)
        return [*history(session), question, _reply("…")], gr.update(value=None, **answering)

    def answer(session: Session, length: float, temperature: float, penalty: float) -> Iterator[Messages]:
        yield from _answered(studio, session, _sampling(length, temperature, penalty), again=False)

    def again(session: Session, length: float, temperature: float, penalty: float) -> Iterator[Messages]:
        yield from _answered(studio, session, _sampling(length, temperature, penalty), again=True)

    def halt(session: Session) -> tuple[Any, Any]:
        session.stop("chat")
        studio.leave(session.id)
        return history(session, text("chat.stopped", session.language)), gr.update(**asking)

    def cleared(session: Session) -> tuple[Any, Any]:
        session.stop("chat")
        if session.conversation is not None:
            session.conversation.clear()
        return [], gr.update(value=None, **asking)

    private: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    quick: dict[str, Any] = {**private, "queue": False}
    model: dict[str, Any] = {**private, "concurrency_id": MODEL_QUEUE, "concurrency_limit": 1}
    settings = [length, temperature, penalty]
    # through the queue, because Gradio shows an error's sentence only from there; never behind the model's work
    sent = box.submit(asked, [session, box], [chat, box], concurrency_limit=None, **private)
    first = sent.success(answer, [session, *settings], [chat], **model)
    first.then(lambda: gr.update(**asking), None, [box], **quick)
    redo = regenerate.click(lambda: gr.update(**answering), None, [box], **quick)
    second = redo.then(again, [session, *settings], [chat], **model)
    second.then(lambda: gr.update(**asking), None, [box], **quick)
    box.stop(halt, [session], [chat, box], cancels=[first, second], **quick)
    clear.click(cleared, [session], [chat, box], cancels=[first, second], **quick)
    return note, [first, second]


def _sampling(length: float, temperature: float, penalty: float) -> Sampling:
    return Sampling(max_tokens=int(length), temperature=temperature, top_p=0.9, repetition_penalty=penalty)


def _error(said: str) -> gr.Error:
    return gr.Error(said, title="", duration=8, print_exception=False)


def _kept(studio: Studio, session: Session, path: str) -> Picture:
    """A visitor's picture, decoded anew, with an address to show it by."""
    candidate = studio.pictures.keep_upload(path)
    picture = Picture.open(candidate.path)
    session.pictures[picture.sha256] = studio.pictures.address(candidate.path)
    return picture


def _answered(studio: Studio, session: Session, sampling: Sampling, *, again: bool) -> Iterator[Messages]:
    """The history after each piece of the answer."""
    run = session.begin("chat")
    language = session.language
    words, pictures = session.question or ("", [])
    before = history(session)  # the question joins the conversation only when the model takes it up
    asked = before if again else [*before, _question(session, words, pictures)]
    try:
        while not studio.model_settled.is_set() and wait_until(studio.model_settled, run.stop):
            yield [*asked, _reply(loading_status(studio.progress, language).text + " …")]
        if run.stop.is_set():
            return
        if session.conversation is None:
            session.conversation = studio.conversation()
        if again:
            pieces = session.conversation.regenerate(sampling, stop=run.stop)
        else:
            if pictures and not studio.require_model().capabilities.sees_pictures:
                yield [*asked, _reply(text("chat.looking", language))]
            pieces = session.conversation.ask(words, pictures, sampling, stop=run.stop)
        asked = history(session)
        session.question = None
        yield history(session, "…")
        for _ in pieces:
            yield history(session)
        if run.stop.is_set():
            yield history(session, text("chat.stopped", language))
    except Exception as error:  # noqa: BLE001 - the person reads it in place of the answer
        if not isinstance(error, ReadableError):
            _log.exception("The chat failed.")
        yield [*asked, _reply(sentence(error, language))]
    finally:
        run.stop.set()
        run.ended.set()
        studio.leave(session.id)


def _question(session: Session, words: str, pictures: list[Picture]) -> dict[str, Any]:
    shown = [f"![]({session.pictures[picture.sha256]})" for picture in pictures]
    return {"role": "user", "content": "\n\n".join([*shown, words]).strip()}


def _reply(said: str) -> dict[str, Any]:
    return {"role": "assistant", "content": said}
