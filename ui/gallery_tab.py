"""The Gallery tab: search while typing, what is inside, and indexing a folder of one's own pictures."""

from typing import Any

import gradio as gr

from retrieval.base import GalleryInfo, Hit
from retrieval.errors import ReadableError
from ui import view
from ui.labels import Labels
from ui.session import Session
from ui.studio import Studio, sentence
from ui.texts import table, text
from ui.theme import asset

SHOWN = 48  # pictures of one search
LONGEST_QUERY = 300  # characters
THUMBNAIL = 320  # pixels


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
            value["hits"] = view.described(hits, lambda hit: addresses(studio, hit))
    except ReadableError as error:
        value["problem"] = error.text(language)
    return value


def addresses(studio: Studio, hit: Hit) -> tuple[str, str]:
    """The addresses of a hit's thumbnail and of its picture."""
    picture = studio.pictures.address(hit.path)
    thumbnail = getattr(studio.gallery, "thumbnail", None)
    if thumbnail is None:
        return picture, picture
    name = f"thumbnail\0{picture}\0{THUMBNAIL}"
    return studio.pictures.lazily(name, lambda: str(thumbnail(hit.id, THUMBNAIL))), picture


def build(studio: Studio, session: gr.State, labels: Labels, language: str) -> gr.HTML:
    """The tab. Returns the view, which the page fills when a visitor arrives or changes the language."""
    search = labels(
        gr.Textbox, label="gallery.search", placeholder="gallery.placeholder", elem_id="xc-gallery-search", max_lines=1
    )
    found = gr.HTML(
        {"texts": table("gallery", language), "hits": [], "facts": "", "problem": text("gallery.opening", language)},
        html_template='<div class="xc-gallery-root"></div>',
        js_on_load=asset("dom.js") + asset("gallery.js"),
        apply_default_css=False,
        elem_id="xc-gallery-view",
    )

    def look(session: Session, query: str) -> dict[str, Any]:
        return shown(studio, session, query)

    quick: dict[str, Any] = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}
    search.change(look, [session, search], [found], trigger_mode="always_last", **quick)
    search.submit(look, [session, search], [found], **quick)
    return found
