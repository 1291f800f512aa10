"""The Chat tab: text and pictures, streamed, with Stop in place of Send while the model answers; the list of
conversations beside it."""

import html
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import gradio as gr

from common.errors import ReadableError
from composer.conversations import Parameters
from composer.writing import without_controls
from ui.chat import talking
from ui.chat.answering import store_pictures, stream_answer
from ui.chat.showing import Messages, history
from ui.chat.view import article_text, ask_again, build_view, quick_action, say, talk_message
from ui.drafts import owner_of
from ui.labels import Labels
from ui.session import Question, Session
from ui.studio import Studio
from ui.texts import text
from ui.write import AT_ONCE, SHORT_WORK

# `$` alone is left out: it is also a currency
FORMULAS = [
    {"left": "$$", "right": "$$", "display": True},
    {"left": "\\[", "right": "\\]", "display": True},
    {"left": "\\(", "right": "\\)", "display": False},
]
LONGEST_PROMPT = 20_000  # characters of a system prompt
# the last of what is sent: which conversation this tab shows, and who it is (chat.js)
_HERE = "(...sent) => [...sent.slice(0, -1), window.xcTalk()]"


class ChatTab(NamedTuple):
    """What the page needs of the tab."""

    turns: gr.Chatbot
    box: gr.MultimodalTextbox
    view: gr.HTML
    regenerate: gr.Button
    settings: list[Any]  # of the conversation that is shown: `settings_of`
    note: gr.Markdown  # about pictures
    about: Callable[[Session], list[Any]]  # begins a conversation about the article: turns, view, box, regenerate
    runs: list[Any]  # listeners after which the speed of the model is known anew


def settings_of(session: Session) -> list[Any]:
    """Values of system prompt, length, temperature and penalty."""
    wanted = session.talk.parameters
    return [wanted.system, wanted.max_tokens, wanted.temperature, wanted.repetition_penalty]


def build_chat_tab(
    studio: Studio, session: gr.State, labels: Labels, owner: gr.Textbox, header: gr.HTML, language: str
) -> ChatTab:
    """The tab. `owner` names the session that filled the page; `header` tells that an answer which a page before this
    one asked for goes on."""
    view = build_view(studio, language)
    chat = labels(
        gr.Chatbot,
        placeholder="chat.hello",
        elem_id="xc-turns",
        show_label=False,
        container=False,
        height="calc(100dvh - 250px)",
        buttons=[],
        layout="bubble",
        group_consecutive_messages=False,
        latex_delimiters=FORMULAS,
    )
    with gr.Row(elem_id="xc-chat-actions"):
        regenerate = labels(gr.Button, value_text="chat.regenerate", size="sm", scale=0, elem_id="xc-regenerate")
        fresh = labels(gr.Button, value_text="chats.new", size="sm", scale=0, elem_id="xc-clear")
    box = labels(
        gr.MultimodalTextbox,
        label="chat.placeholder",
        placeholder="chat.placeholder",
        show_label=False,
        file_types=["image"],
        file_count="multiple",
        sources=["upload"],
        max_lines=8,
        max_plain_text_length=1_000_000,  # a long text that is pasted is a question, not a file
        elem_id="xc-chat-box",
    )
    note = gr.Markdown("", elem_id="xc-chat-note")
    with labels(gr.Accordion, label="chat.settings", open=False, elem_id="xc-chat-settings"):
        system = labels(
            gr.Textbox, label="chat.system", placeholder="chat.system_placeholder", lines=2, max_lines=8,
            max_length=LONGEST_PROMPT, elem_id="xc-chat-system",
        )  # fmt: skip
        with gr.Row():
            length = labels(gr.Slider, label="chat.length", minimum=16, maximum=2048, step=16, value=512)
            temperature = labels(
                gr.Slider, label="compose.temperature", info="compose.temperature_info",
                minimum=0, maximum=1.5, step=0.05, value=0.7,
            )  # fmt: skip
            penalty = labels(gr.Slider, label="compose.penalty", minimum=1, maximum=2, step=0.05, value=1.1)
    here = gr.JSON(visible=False)

    def arrive(session: Session, owner: str, shown: Messages, here: object, request: gr.Request) -> None:
        """Who acts, and on which conversation: after a restart only the page knows."""
        studio.visitor_arrived(str(request.session_hash), session)
        known = here if isinstance(here, dict) else {}
        session.owner = session.owner or owner_of(request.username, known.get("key"))
        talking.take_over(studio, session, owner, shown, str(known.get("id") or "") or None)

    def show_stop(session: Session, *does: dict[str, Any], **box: Any) -> list[Any]:
        """Updates while the model answers: Stop in place of Send."""
        stopping = gr.update(submit_btn=False, stop_btn=True, **box)
        shown = [history(studio, session), talk_message(studio, session, *does)]
        return [*shown, stopping, gr.update(interactive=False)]

    def show_send(session: Session, *does: dict[str, Any], **box: Any) -> list[Any]:
        sending = gr.update(submit_btn=True, stop_btn=False, **box)
        shown = [history(studio, session), talk_message(studio, session, *does)]
        return [*shown, sending, gr.update(interactive=True)]

    def ask(
        session: Session, message: dict[str, Any], owner: str, shown: Messages, here: object, request: gr.Request
    ) -> list[Any]:
        arrive(session, owner, shown, here, request)
        if session.earlier_pictures:
            gr.Warning(text("chat.pictures_gone", session.language), duration=8)
        words = without_controls(str(message.get("text") or "")).strip()
        files = [str(file) for file in message.get("files") or []]
        problem, question = "", None
        if session.answering:
            problem = text("chat.busy", session.language)
        elif not words and not files:
            problem = text("chat.empty", session.language)
        try:
            talking.refresh(studio, session)
            last = session.talk.tree.last
            question = Question(words, store_pictures(studio, files), tuple(files), parent=last)
        except ReadableError as error:
            problem = problem or error.text(session.language)
        if problem:  # what was typed stays in the box
            gr.Warning(html.escape(problem, quote=False), duration=8)
            return [gr.skip()] * 4
        session.question, session.answer_problem = question, ""
        studio.join(session, "chat")
        return show_stop(session, value=None)

    def once_more(session: Session, value: dict[str, Any]) -> list[Any]:
        """Another answer, or an edited question, waits for the model."""
        if session.answering:
            return [gr.skip()] * 4
        try:
            ask_again(studio, session, value)
        except KeyError:
            return show_send(session, say(text("chat.gone", session.language)))
        except ReadableError as error:
            return show_send(session, say(error.text(session.language)))
        studio.join(session, "chat")
        return show_stop(session)

    def rejoin(session: Session) -> list[Any]:
        return show_stop(session) if session.answering else show_send(session)

    def act_again(
        session: Session, owner: str, shown: Messages, here: object, event: gr.EventData, request: gr.Request
    ) -> list[Any]:
        arrive(session, owner, shown, here, request)
        return once_more(session, event.value)

    def last_again(session: Session, owner: str, shown: Messages, here: object, request: gr.Request) -> list[Any]:
        arrive(session, owner, shown, here, request)
        last = session.talk.tree.last
        return once_more(session, {"id": last}) if last else show_send(session)

    def act(
        session: Session, owner: str, shown: Messages, here: object, event: gr.EventData, request: gr.Request
    ) -> list[Any]:
        if event.value.get("act") in ("new", "about"):
            session.chat_names.add(owner)  # what an earlier session showed stays among the conversations
        arrive(session, owner, shown, here, request)
        before, set_before = session.talk.tree, settings_of(session)
        message = quick_action(studio, session, event.value)
        if event.value.get("act") == "follow" and session.talk.tree == before:
            return [gr.skip()] * 8
        button = gr.update(submit_btn=not session.answering, stop_btn=session.answering)
        shown = history(studio, session)
        # what stays as it was is not sent: a person may be typing another system prompt just now
        settings = [gr.skip() if old == new else new for old, new in zip(set_before, settings_of(session), strict=True)]
        return [shown, message, button, gr.update(interactive=not session.answering), *settings]

    def about_article(session: Session) -> list[Any]:
        """A new conversation about the article of the session."""
        value = {"act": "about", "title": session.article.title, "text": article_text(session.article)}
        message = quick_action(studio, session, value)
        return [history(studio, session), message, *show_send(session)[2:]]

    def start_anew(session: Session, owner: str) -> list[Any]:
        session.chat_names.add(owner)
        message = quick_action(studio, session, {"act": "new"})
        [_shown, _message, *controls] = show_send(session, value=None)
        return [[], message, *controls]

    def answer(session: Session, system: str, length: float, temperature: float, penalty: float) -> Iterator[Messages]:
        keep_settings(session, system, length, temperature, penalty)
        yield from stream_answer(studio, session)

    def keep_settings(session: Session, system: str, length: float, temperature: float, penalty: float) -> None:
        parameters = Parameters(str(system or "")[:LONGEST_PROMPT], int(length), float(temperature), float(penalty))
        talking.set_parameters(studio, session, parameters)

    def stop(session: Session, owner: str, shown: Messages, here: object, request: gr.Request) -> list[Any]:
        arrive(session, owner, shown, here, request)
        waiting, session.question = session.question, None
        session.stop("chat")
        studio.leave(session, "chat")
        return show_send(session, **back_into_box(waiting))

    def answered(session: Session) -> list[Any]:
        refused, session.refused = session.refused, None
        return show_send(session, **back_into_box(refused))

    def back_into_box(question: Question | None) -> dict[str, Any]:
        if question is None or question.first:
            return {}
        return {"value": {"text": question.text, "files": list(question.files)}}

    # on the view alone: Gradio looks at whatever could show progress anew with each piece of a stream
    private: dict[str, Any] = {"show_progress": "hidden", "show_progress_on": view, "api_visibility": "private"}
    quick: dict[str, Any] = {**private, "queue": False}
    model: dict[str, Any] = {**private, "concurrency_id": SHORT_WORK, "concurrency_limit": AT_ONCE}
    settings = [system, length, temperature, penalty]
    place = [session, owner, chat, here]
    outputs = [chat, view, box, regenerate]
    # through the queue, because Gradio shows a warning only from there; never behind the model's work
    queued: dict[str, Any] = {**private, "concurrency_limit": None, "js": _HERE}
    steps = [
        box.submit(ask, [session, box, owner, chat, here], outputs, **queued),
        view.again(act_again, place, outputs, **queued),
        regenerate.click(last_again, place, outputs, **queued),
        header.rejoin(rejoin, [session], outputs, **private, concurrency_limit=None),
    ]
    runs = [step.success(answer, [session, *settings], [chat], **model) for step in steps]
    for run in runs:
        run.then(answered, [session], outputs, **quick)
    box.stop(stop, place, outputs, cancels=runs, js=_HERE, **quick)
    fresh.click(start_anew, [session, owner], outputs, cancels=runs, **quick)
    # cancels nothing: liking an answer must not end another; opening another conversation stops the model by itself
    view.select(act, place, [*outputs, *settings], js=_HERE, trigger_mode="multiple", **quick)
    for change in (system.blur, length.release, temperature.release, penalty.release):
        change(keep_settings, [session, *settings], None, **quick)
    kept = "(shown, owner) => { xcKeep('chat', {shown, owner}); return []; }"
    chat.change(None, [chat, owner], None, js=kept, **private)
    typed = "(message) => { xcKeep('question', message && message.text); return []; }"
    box.change(None, [box], None, js=typed, **private)
    return ChatTab(chat, box, view, regenerate, settings, note, about_article, runs)
