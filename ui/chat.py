"""The Chat tab: text and pictures, streamed, with Stop in place of Send while the model answers."""

import html
import logging
import re
from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr

from common.errors import ReadableError
from composer.models import Picture, Sampling
from ui.labels import Labels
from ui.session import Question, Session
from ui.studio import Studio, loading_status, wait_until
from ui.texts import error_sentence, text
from ui.write import MODEL_QUEUE

_log = logging.getLogger(__name__)

Messages = list[dict[str, Any]]


def history(session: Session, pending: str = "") -> Messages:
    """The conversation as Chatbot messages. Pictures are shown from this program's own addresses.

    pending: what stands in place of an answer that has not begun.
    """
    shown: Messages = []
    for turn in session.conversation.turns if session.conversation else ():
        shown.append(_question(session, turn.question, turn.pictures))
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
        label="chat.placeholder",
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

    def answering(**box: Any) -> list[Any]:
        """Of the box and of Regenerate: Stop in place of Send."""
        return [gr.update(submit_btn=False, stop_btn=True, **box), gr.update(interactive=False)]

    def asking(**box: Any) -> list[Any]:
        return [gr.update(submit_btn=True, stop_btn=False, **box), gr.update(interactive=True)]

    def asked(session: Session, message: dict[str, Any]) -> list[Any]:
        words = str(message.get("text") or "").strip()
        files = [str(file) for file in message.get("files") or []]
        problem, pictures = "", []
        if session.answering:
            problem = text("chat.busy", session.language)
        elif not words and not files:
            problem = text("chat.empty", session.language)
        try:
            pictures = [_kept(studio, session, path) for path in files]
        except ReadableError as error:
            problem = problem or error.text(session.language)
        if problem:  # what was typed stays in the box
            gr.Warning(html.escape(problem, quote=False), duration=8)
            return [gr.skip()] * 3
        session.question = Question(words, tuple(pictures), tuple(files))
        studio.join(session.id)
        shown = [*history(session), _question(session, words, pictures), _reply("…")]
        return [shown, *answering(value=None)]

    def answer(session: Session, length: float, temperature: float, penalty: float) -> Iterator[Messages]:
        yield from _answered(studio, session, _sampling(length, temperature, penalty), again=False)

    def again(session: Session, length: float, temperature: float, penalty: float) -> Iterator[Messages]:
        yield from _answered(studio, session, _sampling(length, temperature, penalty), again=True)

    def halt(session: Session) -> list[Any]:
        session.stop("chat")
        studio.leave(session.id)
        back, session.question = session.question, None
        typed = {"value": {"text": back.words, "files": list(back.files)}} if back is not None else {}
        return [history(session, text("chat.stopped", session.language)), *asking(**typed)]

    def cleared(session: Session) -> list[Any]:
        session.stop("chat")
        studio.leave(session.id)
        session.question = None
        if session.conversation is not None:
            session.conversation.clear()
        return [[], *asking(value=None)]

    private: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    quick: dict[str, Any] = {**private, "queue": False}
    model: dict[str, Any] = {**private, "concurrency_id": MODEL_QUEUE, "concurrency_limit": 1}
    settings = [length, temperature, penalty]
    # through the queue, because Gradio shows a warning only from there; never behind the model's work
    sent = box.submit(asked, [session, box], [chat, box, regenerate], concurrency_limit=None, **private)
    first = sent.success(answer, [session, *settings], [chat], **model)
    first.then(asking, None, [box, regenerate], **quick)
    redo = regenerate.click(answering, None, [box, regenerate], **quick)
    second = redo.then(again, [session, *settings], [chat], **model)
    second.then(asking, None, [box, regenerate], **quick)
    box.stop(halt, [session], [chat, box, regenerate], cancels=[first, second], **quick)
    clear.click(cleared, [session], [chat, box, regenerate], cancels=[first, second], **quick)
    return note, [first, second]


def _sampling(length: float, temperature: float, penalty: float) -> Sampling:
    return Sampling(max_tokens=int(length), temperature=temperature, top_p=0.9, repetition_penalty=penalty)


def _kept(studio: Studio, session: Session, path: str) -> Picture:
    """A visitor's picture, decoded anew, with an address to show it by."""
    candidate = studio.pictures.keep_upload(path)
    picture = Picture.open(candidate.path)
    session.pictures[picture.sha256] = studio.pictures.address(candidate.path)
    return picture


def _answered(studio: Studio, session: Session, sampling: Sampling, *, again: bool) -> Iterator[Messages]:
    """The history after each piece of the answer."""
    question, language = session.question, session.language
    if question is None and not again:
        return  # refused a moment ago, with the reason
    run = session.begin("chat")
    asked = history(session)
    if question is not None:  # it joins the conversation only when the model takes it up
        asked.append(_question(session, question.words, question.pictures))
    try:
        while not studio.model_settled.is_set() and wait_until(studio.model_settled, run.stop):
            yield [*asked, _reply(loading_status(studio.progress, language).text + " …")]
        if run.stop.is_set():
            return
        if session.conversation is None:
            session.conversation = studio.conversation(session.language)
        if question is None:
            pieces = session.conversation.regenerate(sampling, stop=run.stop)
        else:
            if question.pictures and not studio.require_model().capabilities.sees_pictures:
                yield [*asked, _reply(text("chat.looking", language))]
            pieces = session.conversation.ask(question.words, question.pictures, sampling, stop=run.stop)
            if session.question is not question:  # stopped while the pictures were looked at: it is in the box again
                session.conversation.turns = session.conversation.turns[:-1]
                return
            session.question = None
        asked = history(session)
        yield history(session, "…")
        for _ in pieces:
            yield history(session)
        if run.stop.is_set():
            yield history(session, text("chat.stopped", language))
    except Exception as error:  # noqa: BLE001 - the person reads it in place of the answer
        if not isinstance(error, ReadableError):
            _log.exception("The chat failed.")
        yield [*asked, _reply(error_sentence(error, language))]
    finally:
        run.stop.set()
        run.ended.set()
        studio.leave(session.id)
        if session.question is question:
            session.question = None


def _question(session: Session, words: str, pictures: Sequence[Picture]) -> dict[str, Any]:
    shown = []
    for number, picture in enumerate(pictures, 1):
        name = text("chat.picture", session.language, number=number)
        shown.append(f"![{name}]({session.pictures[picture.sha256]})")
    return {"role": "user", "content": "\n\n".join([*shown, as_typed(words)]).strip()}


def _reply(said: str) -> dict[str, Any]:
    return {"role": "assistant", "content": without_tags(said)}


def as_typed(words: str) -> str:
    """Markdown that shows exactly these words: no mark is one, and lines keep their indentation."""
    escaped = re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", words)
    return re.sub(r"^[ \t]+", lambda blanks: "\u00a0" * len(blanks[0].expandtabs(4)), escaped, flags=re.MULTILINE)


_CODE = re.compile(r"(```.*?(?:```|\Z)|`[^`\n]*`)", re.DOTALL)  # a block may still be streaming


def without_tags(markdown: str) -> str:
    """An answer in which tags outside of code are text: as HTML they would be swallowed."""
    parts = _CODE.split(markdown)
    return "".join(part if at % 2 else part.replace("<", "\\<") for at, part in enumerate(parts))
