"""The page behind a reverse proxy and against strangers' pages: path prefix, public address, Host and Origin."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from common.hosts import AllowedHosts
from common.messages import _

OWN_ROUTES = ("/studio/pictures/", "/studio/files/")  # ui/files.py; a prefix may be /studio, too


class CheckHost:
    """ASGI middleware: refuses a request whose Host this page was not started for, and one of a stranger's page."""

    def __init__(self, app: ASGIApp, *, hosts: AllowedHosts) -> None:
        self.app, self.hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self.app
        if scope["type"] in ("http", "websocket") and (refused := self.hosts.refuses(Headers(scope=scope))):
            name, _blank, value = refused.partition(" ")
            sentence = _(
                "This page was not started for the {header} '{value}'. Its owner can allow a name: "
                "--allowed_host NAME.",
                header=name,
                value=ascii(value)[1:-1][:100],
            )
            app = JSONResponse({"error": str(sentence)}, status_code=403)
        await app(scope, receive, send)


class BehindProxy:
    """ASGI middleware: makes paths and addresses what they are for the browser, whatever the proxy does to them.

    A proxy may strip the prefix from the path or leave it; Starlette wants it there. It may send its upstream's name as
    Host; the addresses that Gradio gives out begin with what the browser calls the page, which stands in Origin.
    """

    def __init__(self, app: ASGIApp, *, prefix: str) -> None:
        """prefix: a path such as "/writer", or ""."""
        self.app, self.prefix = app, prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            path = scope["path"]
            kept = path == self.prefix or path.startswith(f"{self.prefix}/")
            if self.prefix and (not kept or path.startswith(OWN_ROUTES)):
                scope = {**scope, "path": self.prefix + path, "raw_path": None}
            headers = Headers(scope=scope)
            page = urlsplit(headers.get("origin", ""))
            if page.netloc and page.netloc != headers.get("host") and "x-forwarded-host" not in headers:
                others = [pair for pair in scope["headers"] if pair[0] != b"x-forwarded-proto"]
                known = [
                    (b"x-forwarded-host", page.netloc.encode()),
                    (b"x-forwarded-proto", page.scheme.encode()),
                ]
                scope = {**scope, "headers": [*others, *known]}
        await self.app(scope, receive, send)
