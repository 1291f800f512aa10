"""The Gallery tab: search while typing, what is inside, and indexing a folder of one's own pictures."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from retrieval.base import GalleryInfo
from retrieval.errors import ReadableError
from ui import view
from ui.indexing import Indexing, may_index
from ui.labels import Labels
from ui.session import Session
from ui.studio import Studio, sentence
from ui.texts import table, text
from ui.theme import asset

SHOWN = 48  # pictures of one search
LONGEST_QUERY = 300  # characters


def facts(info: GalleryInfo, language: str) -> str:
    """One line: how many pictures, which encoder, when updated, how many skipped."""
    parts = [text("gallery.facts", language, count=f"{info.pictures:,}", encoder=info.encoder)]
    if info.updated:
        parts.append(text("gallery.updated", language, date=info.updated[:10]))
    if info.skipped:
        parts.append(text("gallery.skipped", language, count=f"{info.skipped:,}"))
    return " · ".join(parts)


def shown(studio: Studio, session: Session, query: str = "") -> dict[str, Any]:
    """What gallery.js draws: labels, facts, and the pictures found for `query`."""
    language = session.language
    value: dict[str, Any] = {
        "texts": table("gallery", language),
        "language": language,
        "query": query,
        "hits": [],
        "facts": "",
        "attribution": "",
        "problem": "",
    }
    if studio.gallery is None:
        problem = studio.gallery_problem
        value["problem"] = (
            text("status.no_gallery", language, reason=sentence(problem, language))
            if problem
            else text("gallery.opening", language)
        )
        return value
    try:
        info = studio.gallery.info()
        value.update(name=info.name, facts=facts(info, language), attribution=info.attribution)
        words = " ".join(query.split())[:LONGEST_QUERY]
        if words:
            hits = studio.gallery.search(words, k=SHOWN)
            value["hits"] = view.described(hits, studio.addresses)
    except ReadableError as error:
        value["problem"] = error.text(language)
    return value


def indexed(studio: Studio, language: str, folder: str, client: str | None) -> Iterator[str]:
    """Starts indexing a folder and tells how far it is until it has ended. A second one is told to wait."""
    if not may_index(studio.shared, client):
        yield text("index.local", language)
        return
    if not folder.strip():
        yield text("index.empty", language)
        return
    job = studio.index(lambda: Indexing(studio, folder.strip()))
    if job is None:
        yield text("index.busy", language)
        return
    told = ""
    while not job.ended.wait(0.25):
        if job.line(language) != told:
            told = job.line(language)
            yield told
    yield job.line(language)


def _plain(said: str) -> str:
    """A sentence for a Markdown component, with nothing in it read as Markdown: it may name files."""
    return "".join(f"\\{c}" if c in r"\`*_{}[]()<>#+-.!|~" else c for c in said)


def build(studio: Studio, session: gr.State, labels: Labels, language: str) -> gr.HTML:
    """The tab. Returns the view, which the page fills when a visitor arrives or changes the language."""
    search = labels(
        gr.Textbox, label="gallery.search", placeholder="gallery.placeholder", elem_id="xc-gallery-search", max_lines=1
    )
    with labels(gr.Accordion, label="index.title", open=False, elem_id="xc-index"):
        with gr.Row(elem_id="xc-index-row", equal_height=True):
            folder = labels(gr.Textbox, label="index.folder", placeholder="index.folder_hint", max_lines=1, scale=1)
            start = labels(gr.Button, value_text="index.start", scale=0, elem_id="xc-index-go")
        line = gr.Markdown("", elem_id="xc-index-line", sanitize_html=True)

    found = gr.HTML(
        {"texts": table("gallery", language), "hits": [], "facts": "", "problem": text("gallery.opening", language)},
        html_template='<div class="xc-gallery-root"></div>',
        js_on_load=asset("dom.js") + asset("gallery.js"),
        apply_default_css=False,
        elem_id="xc-gallery-view",
    )

    def index(session: Session, folder: str, request: gr.Request) -> Iterator[tuple[Any, Any]]:
        for said in indexed(studio, session.language, folder, request.client.host if request.client else None):
            yield _plain(said), gr.skip()
        yield gr.skip(), shown(studio, session)

    def look(session: Session, query: str) -> dict[str, Any]:
        return shown(studio, session, query)

    quick: dict[str, Any] = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}
    search.change(look, [session, search], [found], trigger_mode="always_last", **quick)
    search.submit(look, [session, search], [found], **quick)
    slow: dict[str, Any] = {**quick, "queue": True, "concurrency_limit": None}
    for trigger in (start.click, folder.submit):
        trigger(index, [session, folder], [line, found], **slow)
    return found
