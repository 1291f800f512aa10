"""The page: header, tabs, language, and what happens when a tab of the browser opens or closes."""

import json
from typing import Any

import gradio as gr

from common.messages import SOURCE_LANGUAGE, languages, preferred_language
from ui.api import add_endpoints
from ui.chat import build_chat_tab, history, settings_of, take_over, talk_message
from ui.drafts import build_sidebar, drafts_message, owner_of
from ui.gallery import build_gallery_tab, gallery_message
from ui.kept import Kept, read_form, read_kept
from ui.labels import Labels
from ui.lasting import go_on
from ui.messages import as_text
from ui.models import build_models_tab, models_message
from ui.session import Session
from ui.studio import Studio
from ui.texts import language_choices, language_tag, table, text
from ui.theme import asset
from ui.write import (
    build_write_tab,
    delayed_message,
    draft_at_arrival,
    labels_operation,
    model_defaults,
    recall_own_form,
    remembered_settings,
)

# the language that this browser remembers from an earlier choice, else its own; and what it keeps of a tab (first.js)
_ARRIVING = """async (session) => {
  let language = navigator.language || "";
  try { language = localStorage.getItem("xc-language") || language; } catch { /* storage is forbidden */ }
  const kept = ["tab", "title", "question"].map((name) => [name, xcKept(name)]);
  const [draft, chat] = [xcDraft(), xcKept("chat")];
  const [article, answer] = await Promise.all([xcElsewhere(draft.shown), xcElsewhere(chat?.owner)]);
  if (article) draft.shown = null;
  if (answer) chat.owner = "-";
  kept.push(["chat", chat], ["key", xcKey()], ["talk", xcTalk().id], ...Object.entries(draft));
  return [session, language, Object.fromEntries(kept), xcSettings()];
}"""

_ILLUSTRATE = "() => { document.querySelector('#xc-illustrate').click(); return []; }"


def header_value(
    studio: Studio, language: str, *, remember: bool = False, switch: bool = True, rejoin: bool = False
) -> dict[str, Any]:
    """What header.js draws. `remember`: the visitor chose this language, so the browser keeps it. `switch`: with the
    language switch, whose names of languages take a moment when they are first looked up. `rejoin`: the chat goes on
    with an answer; it is said here because the Chat tab may not be open."""
    status = studio.status(language)
    return {
        "texts": table("header", language),
        "language": language,
        "tag": language_tag(language),
        "languages": language_choices() if switch else [],
        "remember": remember,
        "rejoin": rejoin,
        "status": {"tone": status.tone, "text": status.text, "detail": status.detail, "fraction": status.fraction},
    }


def _heading(labels: Labels, key: str) -> None:
    """The first heading of a tab, for those who hear the page."""
    template = '<h1 class="xc-heading">${value}</h1>'
    labels(gr.HTML, value_text=key, html_template=template, apply_default_css=False, elem_classes="xc-heading")


def build(studio: Studio) -> gr.Blocks:
    """The whole page over a studio, which may still be loading its model and gallery."""
    first = studio.language if studio.language in languages() else SOURCE_LANGUAGE
    labels = Labels(first)
    # an upload is written anew where it is used, without its metadata: the file itself goes after a day, and at the end
    keeping = (3600, 86400)
    with gr.Blocks(title="XComposer Studio", analytics_enabled=False, fill_width=True, delete_cache=keeping) as page:
        add_endpoints(studio)  # first, so that the endpoints have the plain names
        session = gr.State(Session(), delete_callback=Session.leave)
        browser_language = gr.Textbox(visible=False)
        kept = gr.JSON(visible=False)  # what the browser has kept of this tab
        form = gr.JSON(visible=False)  # what a person has set in the form
        owner = gr.Textbox(visible=False)  # id of the session that filled the page: another one after a restart
        header = gr.HTML(
            header_value(studio, first, switch=False),  # the switch comes with the visitor's language
            html_template=asset("header.html").replace("@logo", asset("logo.svg")),
            js_on_load=asset("dom.js") + asset("header.js"),
            apply_default_css=False,
            elem_id="xc-header",
        )
        with gr.Tabs(elem_id="xc-tabs") as tabs:
            with labels(gr.Tab, label="tab.write", id="write", elem_id="xc-write") as write_tab:
                _heading(labels, "tab.write")
                drafts_view = build_sidebar(studio, first)
                view, title, own, choices, sliders, runs = build_write_tab(studio, session, labels, first)
            with labels(gr.Tab, label="tab.chat", id="chat", elem_id="xc-chat") as chat_tab:
                _heading(labels, "tab.chat")
                talk = build_chat_tab(studio, session, labels, owner, header, first)
            with labels(gr.Tab, label="tab.gallery", id="gallery", elem_id="xc-gallery") as gallery_tab:
                _heading(labels, "tab.gallery")
                gallery_view = build_gallery_tab(studio, first)
            with labels(gr.Tab, label="tab.models", id="models", elem_id="xc-models") as models_tab:
                _heading(labels, "tab.models")
                models_view = build_models_tab(studio, first)
        timer = gr.Timer(1.0)

        def model_updates(session: Session) -> list[Any]:
            """Updates of what depends on the model: the sliders, to where it writes best (once, so that a person's own
            choice stays), and the note whether it sees pictures."""
            model = studio.model
            if model is None:
                return [*model_defaults(None, session.form, values=False), ""]
            first_time, session.moved_to_defaults = not session.moved_to_defaults, True
            sight = text("chat.sees" if model.capabilities.sees_pictures else "chat.blind", session.language)
            return [*model_defaults(model, session.form, values=first_time), sight]

        def set_language(session: Session, language: str, *, chosen: bool, kept: Kept | None = None) -> list[Any]:
            """Updates of everything that holds words. `chosen`: with the language switch, not by arriving with what
            the browser has kept."""
            session.language = language
            drafts = (
                draft_at_arrival(studio, session, kept.draft, newer=kept.newer, shown=kept.shown or "") if kept else []
            )
            return [
                header_value(studio, language, remember=chosen, rejoin=kept is not None and session.answering),
                as_text(session.message(labels_operation(language), *drafts)),
                gallery_message(studio, session),
                models_message(studio, session),
                drafts_message(studio, session),
                talk_message(studio, session),
                *model_updates(session),
                *labels.updates(language),
            ]

        def arrive(session: Session, preferred: str, sent: object, form: object, request: gr.Request) -> list[Any]:
            # a tick may say "ready" while this is still being answered: this older header must not be the last word
            loading = gr.Timer(active=not studio.settled)
            studio.visitor_arrived(str(request.session_hash), session)
            session.form = read_form(form)
            language = preferred_language(preferred) if studio.language == "auto" or preferred in languages() else first
            kept = read_kept(sent)
            session.owner = owner_of(request.username, kept.key)
            shown = kept.chat
            if kept.talk and go_on(studio, session, "chat", kept.talk, shown.owner if shown else ""):
                pass  # with all that the page before knew
            elif shown or kept.talk:  # of a conversation that was opened by its address the page shows nothing yet
                take_over(studio, session, shown.owner if shown else "-", shown.shown if shown else [], kept.talk)
            named = bool(session.talk.kept) and kept.draft is None  # the page's address names a conversation alone
            tab = kept.tab or ("chat" if named else None)
            again = [
                gr.update(selected=tab) if tab else gr.skip(),
                kept.title or gr.skip(),
                {"text": kept.question, "files": []} if kept.question else gr.skip(),
                history(studio, session) or gr.skip(),
                *settings_of(session),
                *remembered_settings(session.form),
            ]
            return [session.id, *set_language(session, language, chosen=False, kept=kept), *again, loading]

        def switch_language(session: Session, event: gr.EventData) -> list[Any]:
            wanted = str((event.value or {}).get("language"))
            return set_language(session, wanted if wanted in languages() else session.language, chosen=True)

        def ask_about(session: Session, owner: str, event: gr.EventData) -> list[Any]:
            """A conversation about the article, which a session of before a restart may have to be given first."""
            waiting = delayed_message(session, event.value)
            if waiting is not None:
                return [as_text(waiting), *[gr.skip()] * 5]
            session.chat_names.add(owner)
            return [gr.skip(), *talk.about(session), gr.update(selected="chat")]

        def illustrate_answer(event: gr.EventData) -> list[Any]:
            """An answer as a text of one's own, which `_ILLUSTRATE` then has illustrated."""
            return [str(event.value.get("text") or ""), "own", gr.update(selected="write")]

        def tick(session: Session) -> list[Any]:
            settled = studio.settled
            pictures = gallery_message(studio, session) if settled else gr.skip()
            header = header_value(studio, session.language)
            models = models_message(studio, session) if settled else gr.skip()
            return [header, pictures, models, *model_updates(session), gr.Timer(active=not settled)]

        def model_changed(session: Session) -> list[Any]:
            """Another model answers from now on: the sliders go to where it writes best."""
            session.moved_to_defaults = False
            return [header_value(studio, session.language), models_message(studio, session), *model_updates(session)]

        def header_update(session: Session) -> dict[str, Any]:
            return header_value(studio, session.language)

        def leave(request: gr.Request) -> None:
            studio.visitor_left(str(request.session_hash))

        everything = [
            header,
            view,
            gallery_view,
            models_view,
            drafts_view,
            talk.view,
            *sliders,
            talk.note,
            *labels.components,
        ]
        # on the header alone: Gradio looks at whatever could show progress anew with each piece of a stream
        quiet: dict[str, Any] = {
            "show_progress": "hidden",
            "show_progress_on": header,
            "queue": False,
            "api_visibility": "private",
        }
        page.load(
            arrive,
            [session, browser_language, kept, form],
            [owner, *everything, tabs, title, talk.box, talk.turns, *talk.settings, *choices, timer],
            js=_ARRIVING,
            **quiet,
        )
        recall_own_form(page, own)
        for tab in (write_tab, chat_tab, gallery_tab, models_tab):
            keep = f"() => {{ xcKeep('tab', {json.dumps(tab.id)}); return []; }}"
            tab.select(None, None, None, js=keep, show_progress="hidden", api_visibility="private")
        header.select(switch_language, [session], everything, **quiet)
        timer.tick(tick, [session], [header, gallery_view, models_view, *sliders, talk.note, timer], **quiet)
        models_view.changed(model_changed, [session], [header, models_view, *sliders, talk.note], **quiet)
        for run in [*runs, *talk.runs]:
            run.then(header_update, [session], [header], **quiet)
        asked = [view, talk.turns, talk.view, talk.box, talk.regenerate, tabs]
        view.about(ask_about, [session, owner], asked, **quiet)
        answered = talk.view.illustrate(illustrate_answer, None, [own.words, own.way, tabs], **quiet)
        answered.then(None, None, None, js=_ILLUSTRATE, show_progress="hidden", api_visibility="private")
        page.unload(leave)
    return page
