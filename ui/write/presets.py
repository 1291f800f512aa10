"""The form's settings under names of a person's choice. They are kept in the browser, like the settings themselves."""

import gradio as gr

from ui.labels import Labels
from ui.theme import asset


def build_presets(labels: Labels) -> gr.HTML:
    """The menu. Its event "select" has the settings of the chosen one, by the names of `ui.kept.FormSettings`."""
    presets: gr.HTML = labels(
        gr.HTML,
        value_table="presets",
        html_template='<div class="xc-presets"></div>',
        css_template=asset("presets.css"),
        js_on_load=asset("dom.js") + asset("presets.js"),
        apply_default_css=False,
        elem_id="xc-presets",
    )
    return presets
