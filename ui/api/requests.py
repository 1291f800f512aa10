"""Looks at a call over HTTP before Gradio does, which answers a misspelt or missing argument with a bare error 500."""

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gradio as gr
from starlette._utils import get_route_path
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.messages import Text, _

CALLS = "/gradio_api/call/"
MAX_BODY = 200_000_000  # bytes of one call: eight large photographs as base64 text


class CheckCalls:
    """ASGI middleware: answers a call whose arguments do not fit its endpoint, and a question after a call that nobody
    made, with {"error": a sentence}."""

    def __init__(
        self, app: ASGIApp, *, endpoints: Mapping[str, Callable[..., Any]], is_call: Callable[[str], bool]
    ) -> None:
        """endpoints: name, without a slash -> the function behind it. is_call: whether an id is one of a call whose
        answer has not been fetched."""
        self.app = app
        self.is_call = is_call
        self.parameters = {name: list(_parameters(function)) for name, function in endpoints.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not get_route_path(scope).startswith(CALLS):
            await self.app(scope, receive, send)
            return
        if scope["method"] != "POST":
            call = scope["path"].rstrip("/").rpartition("/")[2]
            app: ASGIApp = self.app
            if not self.is_call(call):
                app = _refusal(
                    404,
                    _(
                        "There is no call '{call}': its answer was fetched, or the program was restarted. Call again.",
                        call=call[:80],
                    ),
                )
            await app(scope, receive, send)
            return
        name = get_route_path(scope).removeprefix(CALLS).rstrip("/")
        by_name = name.startswith("v2/")
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > MAX_BODY:
                await _refusal(413, _("A call may have at most {limit:,} bytes.", limit=MAX_BODY))(scope, receive, send)
                return
        status, problem = self._problem(name.removeprefix("v2/"), bytes(body), by_name=by_name)
        if problem is not None:
            await _refusal(status, problem)(scope, receive, send)
        else:
            await self.app(scope, _replayed(bytes(body), receive), send)

    def _problem(self, name: str, body: bytes, *, by_name: bool) -> tuple[int, Text | None]:
        """The status and the sentence for a call that cannot be made; None for one that can."""
        if name not in self.parameters:
            known = [f"/{known}" for known in self.parameters]
            return 404, _("There is no endpoint '/{name}'. There are: {known}.", name=name, known=known)
        try:
            sent = json.loads(body)
        except (ValueError, RecursionError) as error:
            return 400, _("The body of the call is no JSON: {error}.", error=error)
        if not isinstance(sent, dict):
            return 422, _("The body of the call must be a JSON object that holds the arguments by name.")
        if by_name:
            return 422, _named_problem(name, self.parameters[name], sent)
        return 422, _listed_problem(name, self.parameters[name], sent.get("data"))


def _parameters(function: Callable[..., Any]) -> Sequence[inspect.Parameter]:
    """What a caller gives: not the request, which Gradio adds."""
    given = inspect.signature(function).parameters.values()
    return [parameter for parameter in given if parameter.annotation is not gr.Request]


def _named_problem(name: str, parameters: Sequence[inspect.Parameter], sent: Mapping[str, Any]) -> Text | None:
    names = [parameter.name for parameter in parameters]
    if unknown := [given for given in sent if given not in names]:
        return _(
            "The endpoint '/{name}' has no argument '{unknown}'. Its arguments are: {names}.",
            name=name,
            unknown=ascii(unknown[0])[1:-1][:80],
            names=names,
        )
    missing = [one.name for one in parameters if one.default is one.empty and one.name not in sent]
    if missing:
        return _("The endpoint '/{name}' needs the argument '{missing}'.", name=name, missing=missing[0])
    return None


def _listed_problem(name: str, parameters: Sequence[inspect.Parameter], data: object) -> Text | None:
    """For the older form of a call, {"data": [values in order]}."""
    if isinstance(data, list) and len(data) == len(parameters):
        return None
    names = [parameter.name for parameter in parameters]
    return _("\"data\" must be the list of all arguments of the endpoint '/{name}': {names}.", name=name, names=names)


def _refusal(status: int, problem: Text) -> JSONResponse:
    return JSONResponse({"error": str(problem)}, status_code=status)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body once, and then what comes after it."""
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed
