"""What went wrong with a call, in clauses for people: of the connection, and of what a server answered.

Sends nothing.
"""

from collections.abc import Callable
from typing import Any

import httpx

from common.decoding import well_formed
from common.messages import Text, _

MOST_CHARACTERS = 400  # of what a server says about an error
_MOST_SHOWN = 40  # characters of a value that should not be there


class CallFailed(Exception):
    """A call that has no answer. `reason` is a clause for people; `message` and `kind` are the server's own words."""

    def __init__(
        self, reason: Text, *, status: int | None = None, message: str = "", kind: str = "", pause: float | None = None
    ) -> None:
        super().__init__(reason.text())
        self.reason, self.status, self.message, self.kind = reason, status, message, kind
        self.pause = pause  # seconds after which it may be tried again; None: that would not help


def not_compatible() -> Text:
    """The clause for an answer of another kind than was asked for."""
    return _(
        "its answer is not that of an OpenAI-compatible server. Check the address, which usually ends in /v1, and that "
        "no page for logging in stands before it"
    )


def odd_field(field: str, value: Any) -> CallFailed:
    """The error for a value that no OpenAI-compatible server has in that field."""
    shown = well_formed(repr(value))
    shown = shown if len(shown) <= _MOST_SHOWN else f"{shown[:_MOST_SHOWN]}…"
    return CallFailed(
        _(
            "its answer has {value} in the field '{field}', which no OpenAI-compatible server sends there",
            field=field,
            value=shown,
        )
    )


def words_of(answer: Any, redacted: Callable[[str], str]) -> tuple[str, str]:
    """Message and kind of an error, in the forms that servers have: {"error": {…}}, {"error": "…"}, {"detail": …}."""
    if not isinstance(answer, dict):
        return "", ""
    error = answer.get("error") or answer.get("detail") or answer.get("message") or ""
    kind = str((error if isinstance(error, dict) else answer).get("type") or "")
    if isinstance(error, dict):
        error = error.get("message") or error
    elif isinstance(error, list):  # of FastAPI: one a field; "input" would repeat what was sent
        error = "; ".join(f"{e.get('msg')} {e.get('loc', '')}" for e in error if isinstance(e, dict))
    # before it is cut: half a key is more than may be shown
    return redacted(well_formed(" ".join(str(error).split())))[:MOST_CHARACTERS].rstrip("."), kind


def raise_error(answer: dict[str, Any], redacted: Callable[[str], str]) -> None:
    """Raises CallFailed for an error that comes where an answer was due."""
    if answer.get("error"):
        message, kind = words_of(answer, redacted)
        raise CallFailed(_("it failed: {message}", message=message), message=message, kind=kind)


def broken(error: httpx.HTTPError, connecting: float, *, begun: bool) -> CallFailed:
    if isinstance(error, httpx.ConnectTimeout):
        return CallFailed(
            _(
                "nothing answers there within {seconds:.0f} s; start the server, or check the address",
                seconds=connecting,
            ),
            pause=0.0,
        )
    if isinstance(error, httpx.TimeoutException):
        return CallFailed(
            _(
                "it has said nothing for {seconds:.0f} s. It may be loading or busy",
                seconds=error.request.extensions["timeout"]["read"],
            )
        )
    if isinstance(error, httpx.ConnectError) and "WRONG_VERSION_NUMBER" in str(error):
        return CallFailed(_("it does not speak TLS. Name its address with http:// in the place of https://"))
    if isinstance(error, httpx.ConnectError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return CallFailed(
            _(
                "its certificate is not trusted ({error}). Name the file with the certificate of who signed it in the "
                "environment variable SSL_CERT_FILE",
                error=error,
            )
        )
    if isinstance(error, httpx.ConnectError):
        return CallFailed(
            _(
                "nothing answers there ({error}); start the server, or check the address",
                error=str(error) or type(error).__name__,
            ),
            pause=0.0,
        )
    if begun:
        return CallFailed(_("the connection broke in the middle of the answer"))
    # a connection that was kept and that the server has closed meanwhile, too: another attempt opens a new one
    return CallFailed(_("the connection broke ({error})", error=str(error) or type(error).__name__), pause=0.0)
