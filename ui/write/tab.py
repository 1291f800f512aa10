"""The Write tab: the form on top, and the article as one view component that is fed with messages."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import gradio as gr

from common.messages import _
from composer.article import Article
from composer.errors import InputError
from composer.events import Event, SectionsReady, StepStarted
from composer.exporting import FORMATS
from composer.models import Capabilities, Model, Sampling
from composer.pipeline import WRITING, Options
from composer.prompts import LENGTHS, TONES, read_length
from composer.writing import is_blank, provisional_title, read_request, without_controls
from ui import view
from ui.drafts import owner_of
from ui.kept import LONGEST_TITLE, FormSettings, read_form
from ui.labels import Labels
from ui.messages import as_text, sends_text
from ui.session import ModelRun, Session
from ui.studio import Studio
from ui.texts import table, text
from ui.theme import asset
from ui.write import actions
from ui.write import own as own_text
from ui.write.own import Given, build_material, build_own_form, build_way, own_pictures
from ui.write.presets import build_presets
from ui.write.running import go_on_messages, queue, queued_messages, withdrawn

EXAMPLES = (
    "How to take good care of a pet cat",
    "Shanghai Travel Guide",
    "Travel guidance of London",
    "如何养好一只宠物",
    "又见敦煌",
    "星链新闻稿",
)
# of the article view, in this order
SCRIPTS = (
    "dom",
    "placing",
    "blocks",
    "selection",
    "inspector",
    "sections",
    "stepper",
    "exporting",
    "keeper",
    "unsaved",
    "form",
    "interrupted",
    "article",
)
# whose turn it is, `ui.scheduling` says: Gradio's own queues only bound how many threads wait for it
LONG_WORK, SHORT_WORK = "long", "short"
AT_ONCE = 24
HIGHEST_PENALTY = 2.0  # for repeated words; a family may need more


def labels_operation(language: str) -> view.Operation:
    """The labels of the view, and the few sentences its script says by itself."""
    said = {key: text(f"say.{key}", language) for key in ("empty_query", "bad_upload")}
    formats = {f"format.{one.name}": one.label.text(language) for one in FORMATS.values()}
    return {"op": "texts", "language": language, "texts": {**table("view", language), **said, **formats}}


def picture_choices(language: str) -> list[tuple[str, str]]:
    numbers = [(str(number), str(number)) for number in range(1, 31)]
    return [(text("compose.automatic", language), "auto"), (text("compose.none", language), "0"), *numbers]


def length_choices(language: str) -> list[tuple[str, str]]:
    return [(text(f"compose.length.{length}", language), length) for length in LENGTHS]


def tone_choices(language: str) -> list[tuple[str, str]]:
    return [(text("compose.tone.any", language), ""), *((text(f"view.tone.{tone}", language), tone) for tone in TONES)]


def model_defaults(model: Model | None, mine: FormSettings, *, values: bool) -> list[Any]:
    """Updates of temperature, top-p, repetition penalty and beams: the last is for models that have it, and `values`
    moves all to what the person has set, else to what the family of the model writes best with."""
    can = model.capabilities if model is not None else Capabilities()
    if not values:
        return [gr.update(), gr.update(), gr.update(), gr.update(visible=can.beams)]
    best = can.defaults or WRITING
    most = max(HIGHEST_PENALTY, best.repetition_penalty)
    chosen = mine.model_dump(exclude_none=True)
    return [
        gr.update(value=chosen.get("temperature", best.temperature)),
        gr.update(value=chosen.get("top_p", best.top_p)),
        gr.update(value=min(most, chosen.get("penalty", best.repetition_penalty)), maximum=most),
        gr.update(value=chosen.get("beams", best.beams) if can.beams else best.beams, visible=can.beams),
    ]


USUAL = FormSettings(pictures="auto", length="medium", tone="", readers="", select=True)


def remembered_settings(mine: FormSettings) -> list[Any]:
    """Updates of `WriteTab.settings`: what the person has set."""
    values = (mine.pictures, mine.length, mine.tone, mine.readers, mine.select)
    return [gr.skip() if value is None else value for value in values]


class WriteTab(NamedTuple):
    """What the page needs of the tab."""

    view: gr.HTML
    title: gr.Textbox
    own: own_text.OwnForm
    settings: list[Any]  # that `remembered_settings` updates
    sliders: list[Any]  # that `model_defaults` updates
    runs: list[Any]  # listeners after which the speed of the model is known anew


def build_write_tab(studio: Studio, session: gr.State, labels: Labels, language: str) -> WriteTab:
    """The tab."""
    with gr.Column(elem_id="xc-form"):
        way = build_way(labels)
        with gr.Row(elem_id="xc-ask", equal_height=True):
            title = labels(
                gr.Textbox,
                label="compose.title",
                placeholder="compose.placeholder",
                lines=1,
                max_lines=6,
                elem_id="xc-title",
                autofocus=True,
                scale=1,
            )
            write = labels(gr.Button, value_text="compose.write", variant="primary", elem_id="xc-go", scale=0)
        with gr.Row(elem_id="xc-chips"):
            chips = [gr.Button(example, size="sm", elem_classes="xc-chip", scale=0) for example in EXAMPLES]
        own = build_own_form(labels, way)
        material = build_material(labels)
        with gr.Row(elem_id="xc-options"):
            pictures = labels(
                gr.Dropdown,
                label="compose.pictures",
                choices=picture_choices,
                value="auto",
                min_width=120,
                elem_id="xc-pictures",
            )
            length = labels(
                gr.Dropdown,
                label="compose.length",
                choices=length_choices,
                value="medium",
                min_width=120,
                allow_custom_value=True,
                elem_id="xc-length",
            )
            tone = labels(
                gr.Dropdown,
                label="compose.tone",
                choices=tone_choices,
                value="",
                min_width=120,
                allow_custom_value=True,
                elem_id="xc-tone",
            )
        with labels(gr.Accordion, label="compose.advanced", open=False, elem_id="xc-advanced"):
            readers = labels(
                gr.Textbox,
                label="compose.readers",
                placeholder="compose.readers_placeholder",
                max_lines=1,
                elem_id="xc-readers",
            )
            select = labels(gr.Checkbox, label="compose.select", info="compose.select_info", value=True)
            with gr.Row(elem_classes="xc-writing"):
                temperature = labels(
                    gr.Slider, label="compose.temperature", info="compose.temperature_info",
                    minimum=0, maximum=1.5, step=0.05, value=WRITING.temperature,
                )  # fmt: skip
                top_p = labels(
                    gr.Slider,
                    label="compose.top_p",
                    info="compose.top_p_info",
                    minimum=0.05,
                    maximum=1,
                    step=0.05,
                    value=WRITING.top_p,
                )
            with gr.Row(elem_classes="xc-writing"):
                penalty = labels(
                    gr.Slider,
                    label="compose.penalty",
                    minimum=1,
                    maximum=HIGHEST_PENALTY,
                    step=0.05,
                    value=WRITING.repetition_penalty,
                )
                seed = labels(
                    gr.Textbox, label="compose.seed", info="compose.seed_info", max_lines=1, elem_id="xc-seed"
                )
            beams = labels(
                gr.Slider,
                label="compose.beams",
                minimum=1,
                maximum=6,
                step=1,
                value=1,
                visible=False,
                elem_id="xc-beams",
            )
            presets = build_presets(labels)
            reset = labels(gr.Button, value_text="compose.reset", size="sm", scale=0, elem_id="xc-reset")
    first = {"session": None, "n": 0, "ops": [labels_operation(language)]}
    page_view = gr.HTML(
        as_text(first),
        html_template='<div class="xc-root"></div>',
        css_template=asset("article.css"),
        js_on_load="".join(asset(f"{name}.js") for name in SCRIPTS),
        apply_default_css=False,
        elem_id="xc-view",
    )

    @sends_text
    def queue_title(
        session: Session, title: str, given: Given, pictures: str,
        length: str | None, tone: str | None, readers: str | None, select: bool,
        temperature: float, top_p: float, penalty: float, beams: float, seed: str | None,
        request: gr.Request,
    ) -> dict[str, Any]:  # fmt: skip
        studio.visitor_arrived(str(request.session_hash), session)
        title = without_controls(title)
        problem = title_problem(title, session.language)
        if not problem and session.is_taken:
            problem = text("say.busy", session.language)
        if problem:
            return session.message(view.notice(problem))
        count = None if pictures == "auto" else int(pictures)
        options = Options(
            pictures=count,
            select=select,
            length=read_length(length or "medium"),
            tone=tone or "",
            readers=readers or "",
        )

        def events(run: ModelRun) -> Iterator[Event]:
            sampling = Sampling(
                max_tokens=4000,
                temperature=temperature,
                top_p=top_p,
                repetition_penalty=penalty,
                beams=int(beams),
                seed=parse_seed(seed),
            )
            composer = studio.composer(run.job)
            with own_pictures(studio, given) as own_ones:
                for event in composer.compose(title, replace(options, sampling=sampling), own=own_ones, stop=run.stop):
                    if isinstance(event, StepStarted) and event.step == "write":
                        yield SectionsReady(composer.article)
                    yield event

        asked = read_request(title)
        kept = ("pictures", "select", "length", "tone", "readers")
        parameters = {"request": asked.text, **{name: getattr(options, name) for name in kept}}
        begins = Article(title=asked.title, language=asked.language, parameters=parameters)
        return queue(studio, session, events, begins, title=provisional_title(asked))

    @sends_text
    def compose(session: Session) -> Iterator[dict[str, Any]]:
        yield from queued_messages(studio, session)

    @sends_text
    def queue_text(
        session: Session, words: str, given: Given, pictures: str, select: bool, request: gr.Request
    ) -> dict[str, Any]:
        studio.visitor_arrived(str(request.session_hash), session)
        return own_text.queue_text(studio, session, words, wanted_of(given, pictures, select))

    @sends_text
    def queue_file(
        session: Session, file: str, given: Given, pictures: str, select: bool, request: gr.Request
    ) -> dict[str, Any]:
        studio.visitor_arrived(str(request.session_hash), session)
        return own_text.queue_file(studio, session, file, wanted_of(given, pictures, select))

    @sends_text
    def model_action(session: Session, selects: bool, event: gr.EventData) -> Iterator[dict[str, Any]]:
        yield from actions.model_action(studio, session, event.value, selects=selects)

    @sends_text
    def export_action(session: Session, event: gr.EventData) -> Iterator[dict[str, Any]]:
        yield from actions.export_action(studio, session, event.value)

    @sends_text
    def quick_action(session: Session, event: gr.EventData, request: gr.Request) -> dict[str, Any]:
        studio.visitor_arrived(str(request.session_hash), session)
        session.owner = session.owner or owner_of(request.username, event.value.get("key"))
        return actions.quick_action(studio, session, event.value)

    @sends_text
    def stop(session: Session) -> Any:
        session.stop("article")
        # a run says by itself that it has stopped; one that ended with the program's last run cannot
        return gr.skip() if session.busy else session.message(session.status)

    @sends_text
    def rejoin(session: Session) -> Iterator[dict[str, Any]]:
        yield from go_on_messages(studio, session)

    @sends_text
    def leave_queue(session: Session) -> dict[str, Any]:
        return session.message(*withdrawn(studio, session))

    def forget(session: Session) -> list[Any]:
        session.form = FormSettings()
        return [*remembered_settings(USUAL), *model_defaults(studio.model, session.form, values=True), ""]

    def use_preset(session: Session, event: gr.EventData) -> list[Any]:
        chosen = read_form((event.value or {}).get("settings"))
        session.form = USUAL.model_copy(update=chosen.model_dump(exclude_none=True))
        return [*remembered_settings(session.form), *model_defaults(studio.model, session.form, values=True)]

    private: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    quick: dict[str, Any] = {**private, "queue": False}
    model: dict[str, Any] = {
        **private,
        "concurrency_id": LONG_WORK,
        "concurrency_limit": AT_ONCE,
        "trigger_mode": "multiple",
    }
    mixed: dict[str, Any] = {**model, "concurrency_id": "actions"}
    settings = [material, pictures, length, tone, readers, select, temperature, top_p, penalty, beams, seed]
    runs = []
    for trigger in (write.click, title.submit):
        first_step = trigger(queue_title, [session, title, *settings], [page_view], **quick)
        runs.append(first_step.then(compose, [session], [page_view], **model))
    for trigger, queue_own, sent in ((own.go.click, queue_text, own.words), (own.file.upload, queue_file, own.file)):
        first_step = trigger(queue_own, [session, sent, material, pictures, select], [page_view], **quick)
        runs.append(first_step.then(compose, [session], [page_view], **model))
    for chip, example in zip(chips, EXAMPLES, strict=True):
        chip.click(None, None, [title], js=f"() => {json.dumps(example)}", **private)
    runs.append(page_view.work(model_action, [session, select], [page_view], **mixed))
    # an action may follow before the one before is answered (leaving a text by clicking on Save): none may be dropped
    page_view.select(quick_action, [session], [page_view], **quick, trigger_mode="multiple")
    page_view.deliver(export_action, [session], [page_view], **private, concurrency_limit=4, trigger_mode="multiple")
    # not in the model's queue: what it goes on with has had its turn
    runs.append(page_view.rejoin(rejoin, [session], [page_view], **private, concurrency_limit=None))
    page_view.halt(stop, [session], [page_view], **quick)
    page_view.leave(leave_queue, [session], [page_view], cancels=runs, **quick)
    title.change(None, [title], None, js="(words) => { xcKeep('title', words); return []; }", **private)
    choices, sliders = [pictures, length, tone, readers, select], [temperature, top_p, penalty, beams]
    for name, component in zip(FormSettings.model_fields, [*choices, *sliders], strict=True):
        remember = f"(value) => {{ xcSetting({json.dumps(name)}, value); return []; }}"
        # what comes all at once, as a text that is pasted, Gradio may take for no input
        for event in ("input", "blur" if component is readers else "release"):
            if hasattr(component, event):
                getattr(component, event)(None, [component], None, js=remember, **private)
    presets.select(use_preset, [session], [*choices, *sliders], show_progress_on=presets, **quick)
    forgotten = "(session) => { xcForget(); return [session]; }"
    reset.click(forget, [session], [*choices, *sliders, seed], js=forgotten, show_progress_on=reset, **quick)
    return WriteTab(page_view, title, own, choices, sliders, runs)


def wanted_of(given: Given, pictures: str, select: bool) -> own_text.Wanted:
    """What the form says of pictures for a text of one's own. pictures: "auto" or a number."""
    return own_text.Wanted(given, None if pictures == "auto" else int(pictures), select)


def parse_seed(typed: str | None) -> int | None:
    """The seed a person typed; None for an empty field. Raises InputError."""
    digits = without_controls(typed or "").strip()
    if not digits:
        return None
    if not (digits.isascii() and digits.isdigit() and int(digits) < 2**31):
        raise InputError(
            _(
                "The seed is '{seed}'; it must be a whole number from 0 to {most:,}, or empty.",
                seed=digits[:40],
                most=2**31 - 1,
            )
        )
    return int(digits)


def title_problem(title: str, language: str) -> str:
    """Why a title cannot be used; empty if it can."""
    if is_blank(title):
        return text("say.empty_title", language)
    if len(title) > LONGEST_TITLE:
        return text("say.long_title", language, length=f"{len(title):,}", limit=f"{LONGEST_TITLE:,}")
    return ""
