"""The Models tab: one view that asks Python by a server function of its own; actions.py answers."""

from typing import Any

import gradio as gr

from ui.indexing import may_change
from ui.models.actions import ModelActions
from ui.session import Session
from ui.studio import Studio
from ui.texts import table
from ui.theme import asset


def models_message(studio: Studio, session: Session) -> dict[str, Any]:
    """What the page tells the view: labels, and which model is loaded."""
    return _message(studio, session.language)


def _message(studio: Studio, language: str) -> dict[str, Any]:
    loaded = "" if studio.model is None else f"{studio.model.name} {id(studio.model)}"
    return {"texts": table("models", language), "language": language, "model": loaded}


def may_choose(studio: Studio, request: gr.Request) -> bool:
    """Whether who sends this request may choose the model that everybody works with."""
    if studio.model_choice == "here":
        return may_change(studio.shared, request, trust_local=studio.trust_local)
    return studio.model_choice == "everybody"


def build_models_tab(studio: Studio, language: str) -> gr.HTML:
    """The tab. Returns the view, which the page fills when a visitor arrives or changes the language."""

    def models_call(sent: Any, request: gr.Request) -> dict[str, Any]:
        return ModelActions(studio, allowed=may_choose(studio, request)).answer(sent)

    return gr.HTML(
        _message(studio, language),
        html_template='<div class="xc-models-root"></div>',
        css_template=asset("models.css"),
        js_on_load=asset("dom.js") + asset("models.js"),
        server_functions=[models_call],
        apply_default_css=False,
        elem_id="xc-models-view",
    )
