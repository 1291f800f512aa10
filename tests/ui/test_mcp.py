"""The tools of MCP, called by the client of the `mcp` package over HTTP."""

import asyncio
import base64
import importlib.util
import json
import time
import urllib.request
import zipfile
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.types import (
    CallToolResult,
    CancelledNotification,
    CancelledNotificationParams,
    ClientNotification,
    ResourceLink,
)
from PIL import Image

from composer.errors import SettingsError
from tests.fakes import FakeGallery, FakeModel
from tests.proxying import proxied
from tests.serving import serve_on_free_port
from tests.ui.conftest import LOGINS
from ui.launch.cli import check_mcp

Step = tuple[float, str | None]


def with_session(address: str, act: Callable[[ClientSession], Awaitable[Any]], **options: Any) -> Any:
    """What `act` does with a session of the client. options: of its HTTP client, such as `auth`."""

    async def run() -> Any:
        async with (
            create_mcp_http_client(**options) as http,
            streamable_http_client(f"{address}gradio_api/mcp", http_client=http) as (reading, writing, _),
            ClientSession(reading, writing) as session,
        ):
            await session.initialize()
            return await act(session)

    # in a thread of its own: after a test in the browser this one has an event loop that goes on
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(run())).result()


def call(address: str, name: str, steps: list[Step] | None = None, **arguments: Any) -> CallToolResult:
    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        if steps is not None:
            steps.append((progress, message))

    return with_session(
        address,
        lambda session: session.call_tool(
            name, arguments, progress_callback=on_progress if steps is not None else None
        ),
    )


def told(result: CallToolResult) -> Any:
    """The answer as a program reads it; as a model reads it, it is the same."""
    assert not result.isError, result.content
    assert json.loads(result.content[0].text) == result.structuredContent  # type: ignore[union-attr]
    return result.structuredContent


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url) as answer:
        return bytes(answer.read())


def test_the_tools_are_described_as_the_endpoints_are(served: Any) -> None:
    tools = with_session(served[1], lambda session: session.list_tools()).tools
    assert [tool.name for tool in tools] == ["write_article", "illustrate_text", "search_gallery", "chat", "export"]
    for tool in tools:
        assert tool.description
        assert all(field["description"] for field in tool.inputSchema["properties"].values()), tool.name
    assert tools[0].description.startswith("Writes an illustrated article")
    assert tools[0].inputSchema["required"] == ["title"]
    assert tools[0].inputSchema["properties"]["pictures"]["default"] == -1


def test_an_article_is_written_step_by_step_and_exported(served: Any) -> None:
    steps: list[Step] = []
    article = told(call(served[1], "write_article", steps, title="Where herons nest", pictures=1, seed=7))
    assert [message for _, message in steps if message] == ["write", "retrieve", "spot", "select"]
    assert [number for number, _ in steps] == sorted({number for number, _ in steps}), "progress grows"
    assert article["parameters"]["sampling"]["seed"] == 7
    [picture] = [section["picture"] for section in article["sections"] if "picture" in section]
    assert "candidates" not in picture, "what nobody asked for fills no model's memory"
    assert Image.open(BytesIO(fetch(picture["chosen"]["src"]))).size == (64, 48)
    assert "article.md" in zipfile.ZipFile(BytesIO(fetch(article["zip"]))).namelist()

    article["title"] = "Herons"
    result = call(served[1], "export", article=article, format="html")
    made = told(result)
    [link] = [part for part in result.content if isinstance(part, ResourceLink)]
    assert (link.name, link.mimeType, link.size) == ("Herons.html", made["media_type"], made["bytes"])
    page = fetch(str(link.uri)).decode()
    assert "<h1" in page
    assert "Herons" in page
    assert "data:image/" in page, "the picture is found again by what the tool told of it"


def test_a_text_is_illustrated_without_a_word_changed(served: Any) -> None:
    own = "# My cat\n\nA cat sleeps on the sofa.\n\n* cat food\n"
    article = told(call(served[1], "illustrate_text", text=own, pictures=1))
    assert article["title"] == "My cat"
    assert [section["source"] for section in article["sections"]] == ["A cat sleeps on the sofa.", "* cat food"]
    assert [section for section in article["sections"] if "picture" in section]
    markdown = zipfile.ZipFile(BytesIO(fetch(article["zip"]))).read("article.md").decode()
    assert [line for line in own.splitlines() if line not in markdown.splitlines()] == []


def test_the_gallery_is_searched(served: Any) -> None:
    pictures = told(call(served[1], "search_gallery", query="blue", k=2))["pictures"]
    assert [picture["id"] for picture in pictures] == ["p0", "p1"]
    assert pictures[0]["credit"] == "A. Painter"
    assert Image.open(BytesIO(fetch(pictures[0]["src"]))).size == (64, 48)


def test_the_chat_answers_with_a_history(served: Any) -> None:
    served[0].model.answer = lambda messages: "By the lake."
    history = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "A heron."}]
    result = call(served[1], "chat", question="Where does it live?", history=history)
    assert [part.text for part in result.content] == ["By the lake."]  # type: ignore[union-attr]
    assert "A heron." in " ".join(message.text for message in served[0].model.prompts[-1])


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("write_article", {}, "The endpoint '/compose' needs the argument 'title'."),
        ("write_article", {"title": "A cat", "pictures": "many"}, "The argument 'pictures' is 'many'"),
        ("write_article", {"title": " "}, "Enter a title"),
        ("search_gallery", {"q": "cat"}, "The endpoint '/search' has no argument 'q'."),
        ("chat", {"question": "What is this?", "pictures": ["@@@"]}, "it is not base64 text"),
        ("export", {"article": {"title": "A", "language": "en", "sections": []}, "format": "odt"}, "no format 'odt'"),
        ("paint", {}, "There is no tool 'paint'. There are: write_article, illustrate_text, search_gallery, chat"),
    ],
)
def test_a_call_that_cannot_be_made_is_answered_with_a_sentence(
    served: Any, tool: str, arguments: dict[str, Any], said: str
) -> None:
    result = call(served[1], tool, **arguments)
    assert result.isError
    assert said in result.content[0].text  # type: ignore[union-attr]


def test_a_fault_of_the_program_is_told_by_its_kind_alone(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.mcp.server.get_root_url", lambda *_: 1 / 0)
    result = call(served[1], "search_gallery", query="blue")
    assert result.isError
    assert "its log (ZeroDivisionError)" in result.content[0].text  # type: ignore[union-attr]


def test_a_call_that_is_given_up_frees_the_model(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the client that sends a word of it, and by one that is gone."""
    monkeypatch.setattr("ui.api.answers.BEAT", 0)

    async def cancel(session: ClientSession) -> None:
        calling = asyncio.create_task(session.call_tool("write_article", {"title": "A cat"}))
        while not model.prompts:
            await asyncio.sleep(0.02)
        given_up = CancelledNotification(params=CancelledNotificationParams(requestId=session._request_id - 1))
        await session.send_notification(ClientNotification(given_up))
        result = await asyncio.gather(calling, return_exceptions=True)
        assert "cancelled" in str(result)

    async def leave(session: ClientSession) -> None:
        calling = asyncio.create_task(session.call_tool("write_article", {"title": "A cat"}))
        while not model.prompts:
            await asyncio.sleep(0.02)
        calling.cancel()

    for give_up in (cancel, leave):
        slow = SimpleNamespace(wait=lambda seconds: time.sleep(0.05))
        served[0].model = model = FakeModel(gate=slow)  # type: ignore[arg-type]
        with_session(served[1], give_up)
        model.answer = lambda messages: "Yes."
        assert call(served[1], "chat", question="Are you free?").content[0].text == "Yes."  # type: ignore[union-attr]
        assert model.usage.generated < 25, "the article, of 41 pieces, was not written to its end"


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}])
def test_a_strangers_page_is_refused(served: Any, headers: dict[str, str]) -> None:
    answer = httpx.post(f"{served[1]}gradio_api/mcp", json={}, headers=headers)
    assert answer.status_code == 403
    assert "--allowed_host" in answer.json()["error"]


def test_without_the_flag_there_are_no_tools(tmp_path: Path) -> None:
    from ui.studio import Studio

    studio = Studio(lambda progress: FakeModel(), lambda: FakeGallery(tmp_path))
    blocks, address = serve_on_free_port(studio)
    try:
        assert httpx.post(f"{address}gradio_api/mcp", json={}).status_code in (404, 405)
    finally:
        studio.close()
        blocks.close(verbose=False)


def test_who_has_logged_in_uses_tools_and_endpoints_behind_a_proxy(guarded: Any) -> None:
    with proxied(urlsplit(guarded[1]).netloc, "/writer", tells=True) as public:
        refused = httpx.post(f"{public}gradio_api/mcp", json={})
        assert refused.status_code == 401
        assert "asks for a name and a password" in refused.json()["error"]
        for wrong in (("ann", "secret"), ("bob", ""), ("", "")):
            assert httpx.post(f"{public}gradio_api/mcp", json={}, auth=wrong).status_code == 401

        async def search(session: ClientSession) -> CallToolResult:
            return await session.call_tool("search_gallery", {"query": "blue", "k": 1})

        for name, password in LOGINS:
            login = httpx.BasicAuth(name.encode(), password.encode())
            [picture] = told(with_session(public, search, auth=login))["pictures"]
            assert picture["src"].startswith(public)
            assert fetch(picture["src"]).startswith(b"\x89PNG")
        # a cookie of the page's own login does as well
        cookies = httpx.post(f"{guarded[1]}login", data={"username": "ann", "password": "sec:ret"}).cookies
        kept = "; ".join(f"{name}={value}" for name, value in cookies.items())
        assert told(with_session(public, search, headers={"cookie": kept}))["pictures"]
        # and endpoints take name and password in the header, too
        begun = httpx.post(f"{public}gradio_api/call/v2/search", json={"query": "blue"}, auth=LOGINS[0])
        assert begun.status_code == 200
        basic = "Basic " + base64.b64encode(b"ann").decode()
        assert httpx.get(f"{public}config", headers={"authorization": basic}).status_code == 401


def test_the_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    check_mcp(False)
    with pytest.raises(SettingsError, match=r"pip install 'mcp>=1\.30,<2'"):
        check_mcp(True)
