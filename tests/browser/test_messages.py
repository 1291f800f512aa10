"""What a running function gives a view for a script arrives as it was sent, in a real browser over a real server."""

from collections.abc import Iterator
from typing import Any

import gradio as gr
import pytest

from tests.serving import free_port
from ui.messages import sends_text

pytestmark = pytest.mark.browser

SCRIPT = """
window.arrived = [];
watch("value", () => props.value && window.arrived.push(JSON.parse(props.value)));
"""
# of three pictures one is left, then none, with another part behind them: Gradio's differences of these are wrong
MESSAGES: list[dict[str, Any]] = [
    {"n": 1, "ops": [{"pictures": [{"id": "a"}, {"id": "b"}, {"id": "c"}]}, {"pictures": [{"id": "d"}, {"id": "e"}]}]},
    {"n": 2, "ops": [{"pictures": [{"id": "a"}]}, {"pictures": []}]},
    {"n": 3, "ops": [{"pictures": [{"id": "f"}]}, {"pictures": [{"id": "g"}]}]},
    {"n": 4, "ops": [{"pictures": None}]},
    {"n": 5, "ops": [{"pictures": [{"id": "书"}]}, {"pictures": [{"id": '"<b>'}]}]},
]


def test_every_message_of_a_running_function_arrives_as_it_was_sent(chromium: Any) -> None:
    @sends_text
    def run() -> Iterator[dict[str, Any]]:
        yield from MESSAGES

    with gr.Blocks() as page:
        view = gr.HTML(html_template="<p>here</p>", js_on_load=SCRIPT)
        gr.Button("Go", elem_id="go").click(run, None, view)
    page.launch(server_port=free_port(), quiet=True, prevent_thread_lock=True, footer_links=[])
    tab = chromium.new_page()
    try:
        tab.goto(page.local_url)
        tab.click("#go")
        tab.wait_for_function("() => window.arrived?.at(-1)?.n === 5", timeout=20_000)
        assert tab.evaluate("window.arrived") == MESSAGES
    finally:
        tab.close()
        page.close()
