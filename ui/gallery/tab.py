"""The Gallery tab: one view that searches while typing, filters, edits words, shows duplicates and takes pictures in.

The view asks Python by a server function of its own (actions.py), which answers each request. The page sends it the
labels, and that a gallery has been opened.
"""

from pathlib import Path
from typing import Any

import gradio as gr

from ui.gallery.actions import GalleryActions
from ui.gallery.facts import facts
from ui.indexing import may_change
from ui.session import Session
from ui.studio import Studio
from ui.texts import error_sentence, table, text
from ui.theme import asset


def gallery_message(studio: Studio, session: Session) -> dict[str, Any]:
    """What the page tells the view: labels, and the gallery's facts or why there is none."""
    language = session.language
    message = {"texts": table("gallery", language), "language": language, "ready": False, "problem": ""}
    if studio.gallery is not None:
        return message | {"ready": True} | facts(studio.gallery, language)
    problem = studio.gallery_problem
    if problem is None:
        return message | {"problem": text("gallery.opening", language)}
    return message | {"problem": text("status.no_gallery", language, reason=error_sentence(problem, language))}


def build_gallery_tab(studio: Studio, language: str) -> gr.HTML:
    """The tab. Returns the view, which the page fills when a visitor arrives or changes the language."""
    from gradio.utils import get_upload_folder

    def gallery_call(sent: Any, request: gr.Request) -> dict[str, Any]:
        allowed = may_change(studio.shared, request, trust_local=studio.trust_local)
        actions = GalleryActions(studio, allowed=allowed, uploads=Path(get_upload_folder()))
        return actions.answer(sent)

    return gr.HTML(
        {
            "texts": table("gallery", language),
            "language": language,
            "ready": False,
            "problem": text("gallery.opening", language),
        },
        html_template='<div class="xc-gallery-root"></div>',
        css_template=asset("gallery.css"),
        js_on_load="".join(
            map(asset, ("dom.js", "gallery_details.js", "gallery_filters.js", "gallery_add.js", "gallery.js"))
        ),
        server_functions=[gallery_call],
        apply_default_css=False,
        elem_id="xc-gallery-view",
    )
