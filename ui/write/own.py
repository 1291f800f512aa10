"""The form's parts for what a person brings: a text, pasted or a file, read as it is and illustrated; and pictures of
their own, which are material of the next article."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import gradio as gr

from composer.errors import InputError
from composer.events import Event, Notice, SectionsReady
from composer.illustrating import OwnPictures
from composer.importing import FORMATS, OwnText, read_file, read_text, with_appended
from composer.writing import detect_language, without_controls
from ui import view
from ui.drafts import SUFFIX, begin_draft, opened_article
from ui.labels import Labels
from ui.session import ModelRun, Session
from ui.studio import Studio
from ui.texts import text
from ui.write.restoring import uploaded_file
from ui.write.running import Message, logged_sentence, queue, whole_article

# which form is shown is a matter of the page alone (studio.css)
_SHOW = "(way) => { document.body.dataset.way = way; xcKeep('way', way); return []; }"
# what a reload must not lose; and a file that is dropped on the form goes the way of one that is chosen
_RECALL = """() => {
  const form = document.querySelector("#xc-own"), way = xcKept("way") === "own" ? "own" : "title";
  document.body.dataset.way = way;
  form.addEventListener("dragover", (event) => { event.preventDefault(); form.classList.add("xc-drop"); });
  for (const end of ["dragleave", "drop"]) form.addEventListener(end, () => form.classList.remove("xc-drop"));
  form.addEventListener("drop", (event) => {
    const input = document.querySelector("#xc-own input[type=file], input#xc-own-file");
    if (!event.dataTransfer.files.length || !input) return;
    event.preventDefault();
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });
  return [way, xcKept("own") || ""];
}"""


def way_choices(language: str) -> list[tuple[str, str]]:
    return [(text(f"compose.way.{way}", language), way) for way in ("title", "own")]


Given = Sequence[tuple[str, str | None]] | None  # what the component of pictures says: path and caption each


class OwnForm(NamedTuple):
    """The components of the form."""

    way: gr.Radio
    words: gr.Textbox
    go: gr.Button
    file: gr.UploadButton


def build_way(labels: Labels) -> gr.Radio:
    """The switch between a title and a text of one's own."""
    return labels(
        gr.Radio, label="compose.way", choices=way_choices, value="title", elem_id="xc-way", container=False, scale=0
    )


def build_own_form(labels: Labels, way: gr.Radio) -> OwnForm:
    """The form, which is hidden until the switch says so."""
    with gr.Column(elem_id="xc-own"):
        words = labels(
            gr.Textbox,
            label="compose.own",
            placeholder="compose.own_placeholder",
            lines=7,
            max_lines=16,
            elem_id="xc-own-text",
        )
        with gr.Row(elem_id="xc-own-row"):
            go = labels(gr.Button, value_text="compose.illustrate", variant="primary", elem_id="xc-illustrate", scale=0)
            file = labels(
                gr.UploadButton,
                label="compose.file",
                file_types=[*FORMATS, SUFFIX],
                type="filepath",
                elem_id="xc-own-file",
                scale=0,
            )
    way.change(None, [way], None, js=_SHOW, show_progress="hidden", api_visibility="private")
    words.change(
        None,
        [words],
        None,
        js=f"(words) => {{ xcKeep({json.dumps('own')}, words || null); return []; }}",
        show_progress="hidden",
        api_visibility="private",
    )
    return OwnForm(way, words, go, file)


def recall_own_form(page: gr.Blocks, form: OwnForm) -> None:
    """Has the browser fill the form with what it kept of this tab."""
    page.load(None, None, [form.way, form.words], js=_RECALL, show_progress="hidden", api_visibility="private")


def build_material(labels: Labels) -> gr.Gallery:
    """Where pictures of one's own are chosen, dropped or pasted."""
    with labels(gr.Accordion, label="compose.material", open=False, elem_id="xc-material"):
        labels(gr.Markdown, value_text="compose.material_info", elem_id="xc-material-info")
        pictures: gr.Gallery = labels(
            gr.Gallery,
            label="compose.material",
            show_label=False,
            file_types=["image"],
            columns=6,
            fit_columns=False,
            height=190,
            object_fit="cover",
            interactive=True,
            sources=["upload", "clipboard"],
            buttons=[],
            elem_id="xc-material-pictures",
        )
    return pictures


@contextmanager
def own_pictures(studio: Studio, given: Given) -> Iterator[OwnPictures | None]:
    """The pictures, described, for as long as an article is made; None where none were given. Raises InputError for
    too many, PictureError for a file that the page did not upload, RetrievalError."""
    if not given:
        yield None
        return
    with OwnPictures([uploaded_file(path) for path, _caption in given], store=studio.pictures.store_upload) as own:
        yield own


class Wanted(NamedTuple):
    """What a person wants beside the text of an own text."""

    given: Given
    pictures: int | None
    selects: bool


def queue_text(studio: Studio, session: Session, words: str, wanted: Wanted) -> Message:
    """Reads a pasted text and waits with it for the model."""
    return _queue(studio, session, lambda: read_text(words or ""), wanted)


def queue_file(studio: Studio, session: Session, path: object, wanted: Wanted) -> Message:
    """Reads an uploaded file and waits with it for the model; an article that was saved is opened as it is."""
    if str(path).lower().endswith(SUFFIX):
        return _open(studio, session, path)

    def read() -> OwnText:
        file = uploaded_file(path)
        return read_file(file.name, Path(file).read_bytes())

    return _queue(studio, session, read, wanted)


def _open(studio: Studio, session: Session, path: object) -> Message:
    if session.is_taken:
        return session.message(view.notice(text("say.busy", session.language)))
    try:
        file = uploaded_file(path)
        article, missing = opened_article(studio, file.name, Path(file).read_bytes())
    except Exception as error:  # noqa: BLE001 - the person reads it, the article stays
        return session.message(view.notice(logged_sentence(error, session.language), tone="bad"))
    operations = begin_draft(studio, session, article, title="", left="")
    session.article = session.kept if session.draft is not None and session.kept is not None else article
    if missing:
        sentence = text("say.missing_pictures", session.language, names=list(missing))
        operations.append(view.notice(sentence))
    return session.message({"op": "fresh"}, whole_article(studio, session), *operations, view.idle())


def _queue(studio: Studio, session: Session, read: Callable[[], OwnText], wanted: Wanted) -> Message:
    if session.is_taken:
        return session.message(view.notice(text("say.busy", session.language)))
    try:
        own = read()
    except Exception as error:  # noqa: BLE001 - the person reads it, the article stays
        return session.message(view.notice(logged_sentence(error, session.language), tone="bad"))

    def events(run: ModelRun) -> Iterator[Event]:
        from composer.pipeline import Options

        yield SectionsReady(own.article)
        for note in own.notes:
            yield Notice(InputError(note))
        options = Options(pictures=wanted.pictures, select=wanted.selects)
        with own_pictures(studio, wanted.given) as own_ones:
            yield from studio.composer(run.job).illustrate(own.article, options, own=own_ones, stop=run.stop)

    asked = {"pictures": wanted.pictures, "select": wanted.selects}
    begins = replace(own.article, parameters={**own.article.parameters, **asked})
    return queue(studio, session, events, begins, left="illustrate")


def append(studio: Studio, session: Session, value: dict[str, object]) -> list[view.Operation]:
    """Puts the blocks of a text ("text") at the end of the article; where there is none, begins one called "title".
    Raises InputError for a text that is too long."""
    words = without_controls(str(value.get("text") or ""))
    article = session.article
    if not article.sections:
        title = " ".join(without_controls(str(value.get("title") or "")).split())[:500]
        language = detect_language(words)
        article = replace(article, title=title or text("drafts.untitled", session.language), language=language)
    session.article = with_appended(article, words)
    said = view.notice(text("chats.appended", session.language), tone="plain")
    return [whole_article(studio, session), view.idle() if len(article.sections) == 0 else session.status, said]
