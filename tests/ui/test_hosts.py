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


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "127.0.0.1"},
        {"X-Real-IP": "203.0.113.9"},
        {"Forwarded": "for=203.0.113.9"},
        {"Via": "1.1 gw", "X-Forwarded-Host": "studio.example.org"},
    ],
)
def test_who_comes_through_a_proxy_looks_and_changes_nothing(served: Any, headers: dict[str, str]) -> None:
    config = httpx.get(f"{served[1]}config").json()
    [view] = [part["id"] for part in config["components"] if part["props"].get("elem_id") == "xc-gallery-view"]
    served[0].gallery_settled.wait(5)

    def ask(act: str, **more: Any) -> Any:
        body = {"data": {"act": act, **more}, "component_id": view, "fn_name": "gallery_call", "session_hash": "x"}
        return httpx.post(f"{served[1]}gradio_api/component_server", json=body, headers=headers).json()

    assert ask("hello")["may"] is False
    assert ask("search", query="blue")["hits"]
    assert "problem" in ask("remove", id="p0")
