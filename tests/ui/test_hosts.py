"""Requests that a stranger's web page sends, or has sent by its visitor's browser."""

from typing import Any

import httpx
import pytest

PATHS = [
    ("GET", ""),
    ("GET", "config"),
    ("POST", "gradio_api/call/v2/search"),
    ("POST", "gradio_api/queue/join"),
    ("POST", "gradio_api/upload"),
    ("POST", "gradio_api/component_server"),
    ("GET", "studio/pictures/0a"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_a_bent_name_and_a_foreign_page_are_refused(served: Any, method: str, path: str) -> None:
    for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
        answer = httpx.request(method, served[1] + path, headers=headers, json={} if method == "POST" else None)
        assert answer.status_code == 403, (path, headers)
        assert "--allowed_host" in answer.json()["error"]


def test_its_own_page_is_answered(served: Any) -> None:
    own = {"Origin": served[1].rstrip("/")}
    answer = httpx.post(f"{served[1]}gradio_api/call/v2/search", json={"query": "blue"}, headers=own)
    assert answer.status_code == 200
