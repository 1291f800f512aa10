"""What the page as a whole asks of Gradio."""

from typing import Any

import httpx


def test_progress_can_show_on_few_components(served: Any) -> None:
    """Gradio looks at each of them, and at all that is in them, whenever a piece of text comes: fifty take as long as
    drawing the piece."""
    events = httpx.get(served[1] + "config").json()["dependencies"]
    watched = [event["show_progress_on"] or event["outputs"] for event in events]
    assert 1 <= max(map(len, watched)) <= 6
