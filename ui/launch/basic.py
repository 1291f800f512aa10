"""Logins of programs that keep no cookie: name and password in the header Authorization, as HTTP Basic has them."""

import base64
import hmac
import secrets
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send


class BasicLogin:
    """ASGI middleware inside Gradio's app: gives such a request the cookie that Gradio's own login would have set.

    A name or password that is none of these is nobody's: a proxy may ask for names of its own, and passes them on.
    """

    def __init__(self, app: ASGIApp, *, logins: Mapping[str, str]) -> None:
        """logins: name -> password."""
        self.app, self.logins = app, logins
        self._tokens = {name: secrets.token_urlsafe(24) for name in logins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (name := self._name(Headers(scope=scope).get("authorization", ""))):
            page, token = scope["app"], self._tokens[name]
            page.tokens[token] = name
            others = [pair for pair in scope["headers"] if pair[0] != b"cookie"]
            scope = {**scope, "headers": [*others, (b"cookie", f"{_cookie(page)}={token}".encode())]}
        await self.app(scope, receive, send)

    def _name(self, header: str) -> str | None:
        """Whose name and password the header holds."""
        kind, _blank, coded = header.partition(" ")
        if kind.lower() != "basic":
            return None
        try:
            name, _colon, password = base64.b64decode(coded.strip(), validate=True).decode().partition(":")
        except ValueError:
            return None
        known = self.logins.get(name, "")
        right = hmac.compare_digest(password.encode(), known.encode())
        return name if right and known else None


def has_logged_in(request: Request) -> bool:
    """Whether a request to Gradio's app has the cookie of a login."""
    page = request.app
    return any(page.tokens.get(request.cookies.get(f"{_cookie(page, kind)}")) for kind in ("", "unsecure-"))


def _cookie(page: object, kind: str = "") -> str:
    """The name of Gradio's cookie, which differs from one start to the next."""
    return f"access-token-{kind}{page.cookie_id}"  # type: ignore[attr-defined]
