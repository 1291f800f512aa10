"""What every request to the gallery server passes: host, token and size checks, error answers, metrics.

Knows nothing of galleries. Starlette's own middleware for hosts and body sizes answers in plain text, matches fixed
names only (not all of 127.0.0.0/8), and sets no time limit on a body that arrives slowly."""

import asyncio
import hmac
import logging
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.hosts import AllowedHosts
from common.messages import Text, _
from retrieval.protocol import MAX_BODY, ErrorReply, Fault

log = logging.getLogger(__name__)

BODY_SECONDS = 30.0  # a request's body must have come by then
PUBLIC_ROUTES = frozenset({"/health"})  # monitors need no token to see that the process lives
METHODS = frozenset({"GET", "HEAD", "POST"})
LATENCIES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds


_FOREIGN = _("pages of other addresses may not ask this gallery. Its owner can allow a name: --allowed_host NAME")


class RequestMetrics:
    """Prometheus metrics of one server: requests, seconds a request, pictures."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, pictures: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "gallery_requests", "Requests answered", ["route", "method", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "gallery_request_seconds", "Seconds until answered", ["route"], buckets=LATENCIES, registry=self._registry
        )
        Gauge("gallery_pictures", "Pictures in the gallery", registry=self._registry).set_function(pictures)

    def count(self, route: str, method: str, status: int, seconds: float) -> None:
        # labels come from known sets of routes and methods, so that no client can fill the memory with names
        self._requests.labels(route, method if method in METHODS else "other", str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        return generate_latest(self._registry)


class RequestGuard:
    """ASGI middleware: checks host, token and size before the application reads the request; errors become JSON.

    `token`: None admits everybody who reaches the port. `local_only`: the Host header must name this machine, so that
    a web page cannot ask through a name of its own that points here (DNS rebinding).
    """

    def __init__(
        self, app: ASGIApp, *, token: str | None, local_only: bool, hosts: AllowedHosts, request_metrics: RequestMetrics
    ) -> None:
        self._app, self._local_only, self._hosts, self._metrics = app, local_only, hosts, request_metrics
        self._token = token.encode() if token else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), 500

        async def send_and_note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            refusal = self._access_error(scope)
            body = b"" if refusal else await self._read_body(Headers(scope=scope), receive)
            if refusal is None and not isinstance(body, bytes):
                refusal = body
            if refusal is not None:
                await refusal(scope, receive, send_and_note_status)
            elif isinstance(body, bytes):
                await self._app(scope, _replay(body, receive), send_and_note_status)
        except Exception:
            log.exception("A request failed")
            if status == 500:  # nothing has been sent yet
                fault = error_response(500, "internal_error", _("the server failed; the reason is in its log"))
                await fault(scope, receive, send_and_note_status)
            else:
                raise
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.count(route, scope["method"], status, time.perf_counter() - start)

    def _access_error(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        if self._local_only and not self._hosts.allows(headers.get("host", "")):
            reason = _(
                "this gallery was not started for the host '{host}'. Its owner can allow a name: --allowed_host NAME",
                host=ascii(headers.get("host", ""))[1:-1][:100],
            )
            return error_response(400, "wrong_host", reason)
        if self._hosts.is_foreign_page(headers):
            return error_response(403, "foreign_origin", _FOREIGN)
        if self._token is not None and scope["path"] not in PUBLIC_ROUTES:
            kind, _space, given = headers.get("authorization", "").partition(" ")
            # latin-1: the bytes as they came; compare_digest takes the same time wherever they differ
            matches = hmac.compare_digest(given.strip().encode("latin-1"), self._token)
            if kind.lower() != "bearer" or not matches:
                refusal = error_response(401, "unauthorized", _("a valid token is needed"))
                refusal.headers["WWW-Authenticate"] = "Bearer"
                return refusal
        return None

    async def _read_body(self, headers: Headers, receive: Receive) -> bytes | JSONResponse:
        too_large = error_response(
            413, "too_large", _("a request may have at most {max_body:,} bytes", max_body=MAX_BODY)
        )
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length[:20]) > MAX_BODY:
            return too_large
        received = bytearray()
        try:
            async with asyncio.timeout(BODY_SECONDS):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return error_response(400, "incomplete", _("the request ended early"))
                    received += message.get("body", b"")
                    more = message.get("more_body", False)
                    if len(received) > MAX_BODY:
                        return too_large
        except TimeoutError:
            return error_response(408, "too_slow", _("the request came too slowly"))
        return bytes(received)


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that returns the body once and then waits for the client to disconnect."""
    returned = False

    async def replayed() -> Message:
        nonlocal returned
        if returned:
            return await receive()
        returned = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


def error_response(status: int, code: str, reason: Text | None, *, message: str = "") -> JSONResponse:
    """The answer to a request that is refused or failed. `message` replaces the English of `reason` by a longer
    text, which has no translation."""
    fault = Fault(code=code, message=message or str(reason), message_zh=reason.text("zh") if reason else "")
    return JSONResponse(ErrorReply(error=fault).model_dump(), status_code=status)
