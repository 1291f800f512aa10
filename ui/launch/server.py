"""Puts the page on an address: theme, styles, our own routes, and the headers that keep the browser on this machine."""

from collections.abc import Awaitable, Callable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import gradio as gr
from gradio.routes import App
from starlette._utils import get_route_path
from starlette.middleware import Middleware

from common.hosts import AllowedHosts, host_name
from ui.api import MAX_BODY, CheckCalls
from ui.launch.basic import BasicLogin, has_logged_in
from ui.launch.proxy import BehindProxy, CheckHost
from ui.page import build
from ui.studio import Studio
from ui.theme import ASSETS, asset, theme

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_UPLOAD = "100mb"
MAX_THREADS = 120  # most of them wait: for the model, whose turns `ui.scheduling` hands out, or for the next words

# Nothing is fetched from another machine, whatever a model or a visitor wrote. Gradio's own scripts are inline and
# compile templates, hence the two "unsafe" words; text never reaches the page as HTML.
POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' data: blob:; "
    "connect-src 'self' data: blob:; base-uri 'self'; form-action 'self'; object-src 'none'"
)


class ScriptFirst:
    """Puts first.js at the beginning of the page, before Gradio's own script."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self.app = app
        self.head = f"<head><script>{asset('first.js')}</script>".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started: list[MutableMapping[str, Any]] = []

        async def with_script(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                started.append(message)  # its length is known with the body
                return
            if started:
                start = started.pop()
                body = message.get("body", b"")
                if b"<head>" in body and not message.get("more_body"):
                    message["body"] = body = body.replace(b"<head>", self.head, 1)
                    others = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"]
                    start["headers"] = [*others, (b"content-length", str(len(body)).encode())]
                await send(start)
            await send(message)

        page = scope["type"] == "http" and scope["method"] == "GET" and get_route_path(scope) in ("", "/")
        await self.app(scope, receive, with_script if page else send)


class SecurityHeaders:
    """Adds the policy to every answer that has none of its own."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = message.setdefault("headers", [])
                names = {name.lower() for name, _ in headers}
                if b"content-security-policy" not in names:
                    headers.append((b"content-security-policy", POLICY.encode()))
                headers.append((b"referrer-policy", b"same-origin"))
            await send(message)

        await self.app(scope, receive, guarded if scope["type"] == "http" else send)


@contextmanager
def _without_routes() -> Iterator[None]:
    """Gradio makes all routes anew at each of four steps up to the server, and serves those of the last one. In here
    none are made, which is half the work of a start."""
    make = App.create_app
    App.create_app = staticmethod(lambda *_, **__: None)
    try:
        yield
    finally:
        App.create_app = staticmethod(make)


def serve(
    studio: Studio,
    *,
    host: str = "127.0.0.1",
    port: int = 7860,
    share: bool = False,
    auth: list[tuple[str, str]] | None = None,
    root_path: str = "",
    allowed_hosts: Sequence[str] = (),
    mcp: bool = False,
) -> tuple[gr.Blocks, str, str]:
    """Starts the server and returns (page, local address, public address or ""). Raises OSError for a busy port.

    root_path: where a proxy shows the page, such as "/writer". allowed_hosts: names of the page beside this machine's.
    mcp: programs that speak the Model Context Protocol are answered, which needs the package `mcp`.
    """
    hosts = AllowedHosts(host, allowed_hosts)
    with _without_routes():
        page = build(studio)
        page.queue(default_concurrency_limit=4, max_size=64)
    endpoints = {str(fn.api_name): fn.fn for fn in page.fns.values() if fn.api_visibility == "public" and fn.fn}

    def is_call(event_id: str) -> bool:
        queue = page._queue  # keeps the id of a call until its answer has been fetched
        waiting = queue.pending_event_ids_session.values()
        return event_id in queue.event_ids_to_events or any(event_id in ids for ids in waiting)

    routes = studio.pictures.routes()
    more: dict[str, Any] = {}
    if mcp:
        from ui.mcp import ToolServer

        tools = ToolServer(
            endpoints,
            address=lambda: str(page.local_url),
            root_path=root_path,
            may_enter=has_logged_in if auth else lambda request: True,
            largest=MAX_BODY,
        )
        routes += tools.routes()
        more["lifespan"] = tools.lifespan

    _, local, public = page.launch(
        server_name=f"[{host}]" if ":" in host and not host.startswith("[") else host,  # an IPv6 address in a URL
        server_port=port,
        share=share,
        root_path=root_path,
        auth=auth,
        prevent_thread_lock=True,
        quiet=True,
        show_error=False,
        theme=theme(),
        head=f"<style>{asset('studio.css')}{asset('turns.css')}</style>",  # as `css` Gradio would rewrite the selectors
        favicon_path=ASSETS / "logo.svg",
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        max_file_size=MAX_UPLOAD,
        max_threads=MAX_THREADS,
        ssr_mode=False,
        app_kwargs={
            **more,
            "routes": routes,
            "middleware": [
                Middleware(CheckHost, hosts=hosts),
                Middleware(BehindProxy, prefix=root_path),
                Middleware(BasicLogin, logins=dict(auth or ())),
                Middleware(SecurityHeaders),
                Middleware(ScriptFirst),
                Middleware(CheckCalls, endpoints=endpoints, is_call=is_call),
            ],
        },
    )
    if public:
        hosts.names.add(host_name(urlsplit(public).netloc))
    return page, local, public or ""
