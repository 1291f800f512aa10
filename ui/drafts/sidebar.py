"""The sidebar of drafts: one view whose script asks Python by a server function (listing.py)."""

from typing import Any

import gradio as gr

from ui.drafts.listing import DraftsList
from ui.drafts.owners import proof_of
from ui.session import Session
from ui.studio import Studio
from ui.texts import table
from ui.theme import asset


def drafts_message(studio: Studio, session: Session) -> dict[str, Any]:
    """What the page tells the view: labels, and what shows whose drafts it asks for."""
    return {**_labels(session.language), "proof": proof_of(studio.secret, session.owner)}


def _labels(language: str) -> dict[str, Any]:
    return {"texts": table("drafts", language), "language": language}


def build_sidebar(studio: Studio, language: str) -> gr.HTML:
    """The sidebar. Returns the view, which the page relabels when a visitor arrives or changes the language."""

    def drafts_call(sent: Any) -> dict[str, Any]:
        return DraftsList(studio).answer(sent)

    return gr.HTML(
        _labels(language),
        html_template='<div class="xc-drafts-root"></div>',
        css_template=asset("drafts.css"),
        js_on_load="".join(asset(f"{name}.js") for name in ("dom", "sidebar", "versions", "drafts")),
        server_functions=[drafts_call],
        apply_default_css=False,
        elem_id="xc-drafts",
    )
