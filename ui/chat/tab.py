"""The Chat tab: text and pictures, streamed, with Stop in place of Send while the model answers."""

import functools
import html
import logging
import re
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import gradio as gr
from markdown_it import MarkdownIt
from markdown_it.token import Token

from common.errors import ReadableError
from composer.models import Picture, Sampling
from composer.writing import without_controls
from ui.chat.shown import read_turns
from ui.labels import Labels
from ui.session import Question, Session
from ui.studio import Studio, loading_status, wait_until
from ui.texts import error_sentence, text
from ui.write import MODEL_QUEUE

_log = logging.getLogger(__name__)

# seconds: a drawing sends the whole conversation, which the browser copies; one a piece leaves it no time for Stop
DRAWN_EVERY = 0.1

Messages = list[dict[str, Any]]


def history(session: Session, pending: str = "") -> Messages:
    """The conversation as Chatbot messages. Pictures are shown from this program's own addresses.

    pending: what stands in place of an answer that has not begun.
    """
    shown: Messages = []
    conversation = session.conversation
    for number, turn in enumerate(conversation.turns if conversation else session.earlier_turns):
        earlier = session.earlier_pictures.get(number, "")
        shown.append(_user_message(session, turn.question, turn.pictures, earlier))
        if conversation and (note := conversation.note(number)):
            shown.append(_assistant_message(f"*{escape_markdown(note.text(session.language))}*"))
        answer = turn.answer or pending
        if answer:
            shown.append(_assistant_message(answer))
    return shown


class ChatTab(NamedTuple):
    """What the page needs of the tab."""

    turns: gr.Chatbot
    box: gr.MultimodalTextbox
    note: gr.Markdown  # about pictures
    runs: list[Any]  # listeners after which the speed of the model is known anew


def build_chat_tab(studio: Studio, session: gr.State, labels: Labels, owner: gr.Textbox) -> ChatTab:
    """The tab. `owner` names the session that filled the page."""
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
    with gr.Row(elem_id="xc-chat-actions"):
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

    def show_stop(**box: Any) -> list[Any]:
        """Updates of the box and of Regenerate while the model answers: Stop in place of Send."""
        return [gr.update(submit_btn=False, stop_btn=True, **box), gr.update(interactive=False)]

    def show_send(**box: Any) -> list[Any]:
        return [gr.update(submit_btn=True, stop_btn=False, **box), gr.update(interactive=True)]

    def ask(session: Session, message: dict[str, Any], owner: str, shown: Messages, request: gr.Request) -> list[Any]:
        studio.visitor_arrived(str(request.session_hash), session)
        take_over(session, owner, shown)
        if session.earlier_pictures and session.conversation is None:
            gr.Warning(text("chat.pictures_gone", session.language), duration=8)
        words = without_controls(str(message.get("text") or "")).strip()
        files = [str(file) for file in message.get("files") or []]
        problem, pictures = "", []
        if session.answering:
            problem = text("chat.busy", session.language)
        elif not words and not files:
            problem = text("chat.empty", session.language)
        try:
            pictures = [_store_picture(studio, session, path) for path in files]
        except ReadableError as error:
            problem = problem or error.text(session.language)
        if problem:  # what was typed stays in the box
            gr.Warning(html.escape(problem, quote=False), duration=8)
            return [gr.skip()] * 3
        session.question = Question(words, tuple(pictures), tuple(files))
        studio.join_queue(session.id)
        shown = [*history(session), _user_message(session, words, pictures), _assistant_message("…")]
        return [shown, *show_stop(value=None)]

    def answer(session: Session, length: float, temperature: float, penalty: float) -> Iterator[Messages]:
        yield from _stream_answer(studio, session, _sampling(length, temperature, penalty), again=False)

    def answer_again(
        session: Session, owner: str, shown: Messages, length: float, temperature: float, penalty: float
    ) -> Iterator[Messages]:
        take_over(session, owner, shown)
        turns = session.conversation.turns if session.conversation else session.earlier_turns
        if len(turns) - 1 in session.earlier_pictures:  # an answer about a picture that the model does not get is none
            gr.Warning(text("chat.pictures_gone", session.language), duration=8)
            return
        yield from _stream_answer(studio, session, _sampling(length, temperature, penalty), again=True)

    def stop(session: Session, owner: str, shown: Messages) -> list[Any]:
        take_over(session, owner, shown)
        session.stop("chat")
        studio.leave_queue(session.id)
        waiting, session.question = session.question, None  # goes back into the box
        typed = {"value": {"text": waiting.text, "files": list(waiting.files)}} if waiting is not None else {}
        return [history(session, text("chat.stopped", session.language)), *show_send(**typed)]

    def clear_chat(session: Session, owner: str) -> list[Any]:
        session.stop("chat")
        studio.leave_queue(session.id)
        session.question = None
        if session.conversation is not None:
            session.conversation.clear()
        session.earlier_turns, session.earlier_pictures = (), {}
        session.chat_names.add(owner)  # what an earlier session showed is cleared, too
        return [[], *show_send(value=None)]

    private: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    quick: dict[str, Any] = {**private, "queue": False}
    model: dict[str, Any] = {**private, "concurrency_id": MODEL_QUEUE, "concurrency_limit": 1}
    settings = [length, temperature, penalty]
    # through the queue, because Gradio shows a warning only from there; never behind the model's work
    sent = box.submit(ask, [session, box, owner, chat], [chat, box, regenerate], concurrency_limit=None, **private)
    first = sent.success(answer, [session, *settings], [chat], **model)
    first.then(show_send, None, [box, regenerate], **quick)
    redo = regenerate.click(show_stop, None, [box, regenerate], **quick)
    second = redo.then(answer_again, [session, owner, chat, *settings], [chat], **model)
    second.then(show_send, None, [box, regenerate], **quick)
    box.stop(stop, [session, owner, chat], [chat, box, regenerate], cancels=[first, second], **quick)
    clear.click(clear_chat, [session, owner], [chat, box, regenerate], cancels=[first, second], **quick)
    kept = "(shown, owner) => { xcKeep('chat', {shown, owner}); return []; }"
    chat.change(None, [chat, owner], None, js=kept, **private)
    typed = "(message) => { xcKeep('question', message && message.text); return []; }"
    box.change(None, [box], None, js=typed, **private)
    return ChatTab(chat, box, note, [first, second])


def take_over(session: Session, owner: str, shown: object) -> None:
    """Takes the conversation from the page where another session filled it and this one has none."""
    if not owner or owner in session.chat_names or session.conversation is not None:
        return
    session.chat_names.add(owner)
    session.earlier_turns, session.earlier_pictures = read_turns(shown)


def _sampling(length: float, temperature: float, penalty: float) -> Sampling:
    return Sampling(max_tokens=int(length), temperature=temperature, top_p=0.9, repetition_penalty=penalty)


def _store_picture(studio: Studio, session: Session, path: str) -> Picture:
    """A visitor's picture, decoded anew, with an address to show it by."""
    candidate = studio.pictures.store_upload(path)
    picture = Picture.open(candidate.path)
    session.pictures[picture.sha256] = studio.pictures.address(candidate.path)
    return picture


def _stream_answer(studio: Studio, session: Session, sampling: Sampling, *, again: bool) -> Iterator[Messages]:
    """The history after each piece of the answer."""
    question, language = session.question, session.language
    if question is None and not again:
        return  # refused a moment ago, with the reason
    run = session.begin("chat")
    asked = history(session)
    if question is not None:  # it joins the conversation only when the model takes it up
        asked.append(_user_message(session, question.text, question.pictures))
    try:
        while not studio.model_settled.is_set() and wait_until(studio.model_settled, run.stop):
            yield [*asked, _assistant_message(loading_status(studio.progress, language).text + " …")]
        if run.stop.is_set():
            return
        if session.conversation is None:
            session.conversation = studio.conversation(session.language)
            session.conversation.turns, session.earlier_turns = session.earlier_turns, ()
        if question is None:
            pieces = session.conversation.regenerate(sampling, stop=run.stop)
        else:
            if question.pictures and not studio.require_model().capabilities.sees_pictures:
                yield [*asked, _assistant_message(text("chat.looking", language))]
            pieces = session.conversation.ask(question.text, question.pictures, sampling, stop=run.stop)
            if session.question is not question:  # stopped while the pictures were looked at: it is in the box again
                session.conversation.turns = session.conversation.turns[:-1]
                return
            session.question = None
        asked = history(session)
        yield history(session, "…")
        drawn = time.monotonic()
        for _ in pieces:
            if time.monotonic() - drawn >= DRAWN_EVERY:
                yield history(session)
                drawn = time.monotonic()
        yield history(session, text("chat.stopped", language)) if run.stop.is_set() else history(session)
    except Exception as error:  # noqa: BLE001 - the person reads it in place of the answer
        if not isinstance(error, ReadableError):
            _log.exception("The chat failed.")
        yield [*asked, _assistant_message(error_sentence(error, language))]
    finally:
        run.stop.set()
        run.ended.set()
        studio.leave_queue(session.id)
        if session.question is question:
            session.question = None


def _user_message(
    session: Session, words: str, pictures: Sequence[Picture], earlier_pictures: str = ""
) -> dict[str, Any]:
    shown = [earlier_pictures] if earlier_pictures else []
    for number, picture in enumerate(pictures, 1):
        name = text("chat.picture", session.language, number=number)
        shown.append(f"![{name}]({session.pictures[picture.sha256]})")
    return {"role": "user", "content": "\n\n".join([*shown, escape_markdown(words)]).strip()}


def _assistant_message(answer: str) -> dict[str, Any]:
    return {"role": "assistant", "content": escape_tags(answer)}


def escape_markdown(words: str) -> str:
    """Markdown that shows exactly these words: no mark is one, and lines keep their indentation."""
    escaped = re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", words)
    return re.sub(r"^[ \t]+", lambda blanks: "\u00a0" * len(blanks[0].expandtabs(4)), escaped, flags=re.MULTILINE)


_MARKDOWN = MarkdownIt("commonmark").disable(["html_block", "html_inline", "autolink"])
_STAND_INS = 0xF0000  # private characters, which stand for the "<" of an answer while it is parsed
_MOST_STAND_INS = 0xFFFE


@functools.lru_cache(maxsize=256)  # all answers of the conversation are shown again with each piece of the last
def escape_tags(markdown: str) -> str:
    """An answer in which tags outside of code are text: as HTML they would be swallowed. What is code, a Markdown
    parser says, also of a block that is still streaming."""
    parts = markdown.split("<", _MOST_STAND_INS)
    in_code: set[str] = set()
    if re.search(r"[`~]|^(?: {4}|.*\t)", markdown, re.MULTILINE):  # otherwise there is no code in it
        private = re.compile("[\U000f0000-\U000fffff]")
        marked = "".join(private.sub("\ufffd", part) + chr(_STAND_INS + at) for at, part in enumerate(parts))
        in_code.update(_code_of(_MARKDOWN.parse(marked)))
    escaped = []
    for at, part in enumerate(parts[:-1]):
        backslashes = len(part) - len(part.rstrip("\\"))
        text = chr(_STAND_INS + at) not in in_code and backslashes % 2 == 0  # otherwise it is escaped already
        escaped.append(f"{part}\\<" if text else f"{part}<")
    return "".join(escaped) + parts[-1]


def _code_of(tokens: Sequence[Token]) -> Iterator[str]:
    """The characters of code, in blocks and in lines."""
    for token in tokens:
        if token.type in ("fence", "code_block", "code_inline"):
            yield from token.content
        yield from _code_of(token.children or ())
