"""The address /gradio_api/mcp: sessions of MCP over HTTP ("streamable HTTP"), each call passed on to an endpoint.

Gradio has a server of this kind, which calls the endpoints with one client for everybody: where the page asks for
logins nobody's calls are answered, and everybody may list the tools. This one calls as the person who asks.
"""

import contextlib
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import Any

import httpx
from gradio.route_utils import get_root_url
from httpx_sse import aconnect_sse
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.types import CallToolResult, TextContent
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from common.errors import ReadableError
from common.messages import _
from composer.errors import InputError
from ui.mcp.tools import TOOLS, describe_tools, tool_result

PATH = "/gradio_api/mcp"  # where Gradio's own would be: its compression leaves streams alone there
_log = logging.getLogger(__name__)


class ToolServer:
    """Answers programs that speak MCP."""

    def __init__(
        self,
        endpoints: Mapping[str, Callable[..., Any]],
        *,
        address: Callable[[], str],
        root_path: str,
        may_enter: Callable[[Request], bool],
        largest: int,
    ) -> None:
        """endpoints: name, without a slash -> the function behind it. address: of the page on this machine.
        root_path: where a proxy shows it. may_enter: whether somebody has logged in, where that is asked for.
        largest: bytes of one call."""
        self.address, self.root_path, self.may_enter = address, root_path, may_enter
        self.server: Server[Any, Request] = Server(
            "XComposer Studio",
            instructions="Writes illustrated articles, finds pictures in a gallery, and answers questions about "
            "pictures, with models on the machine where it runs. Addresses in its answers can be fetched.",
        )
        self.tools = describe_tools(endpoints)
        self._listen()
        self.sessions = StreamableHTTPSessionManager(self.server, max_request_body_size=largest)

    def routes(self) -> list[Route]:
        """The routes to put before Gradio's own."""
        return [Route(path, self) for path in (PATH, f"{PATH}/")]

    @contextlib.asynccontextmanager
    async def lifespan(self, _app: Any) -> AsyncIterator[None]:
        """Of the server that has the routes."""
        async with self.sessions.run():
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.may_enter(Request(scope)):
            await self.sessions.handle_request(scope, receive, send)
            return
        sentence = _(
            "This page asks for a name and a password. Send them in the header Authorization, as HTTP Basic has them."
        )
        await JSONResponse({"error": str(sentence)}, status_code=401)(scope, receive, send)

    def _listen(self) -> None:
        @self.server.list_tools()  # type: ignore[no-untyped-call, untyped-decorator]
        async def list_tools() -> Any:
            return self.tools

        @self.server.call_tool(validate_input=False)  # type: ignore[untyped-decorator]  # endpoints say what is wrong
        async def call_tool(name: str, arguments: dict[str, Any]) -> CallToolResult:
            try:
                return await self._call(name, arguments)
            except ReadableError as error:
                return _failed(error.text("en"))
            except Exception as error:  # noqa: BLE001 - it is logged; the caller is told its kind
                _log.exception("A call of a tool failed.")
                kind = type(error).__name__
                return _failed(str(_("The program failed at this call; the reason is in its log ({kind}).", kind=kind)))

    async def _call(self, name: str, arguments: dict[str, Any]) -> CallToolResult:
        """Raises InputError with the sentence of the endpoint that refused the call."""
        if name not in TOOLS:
            raise InputError(_("There is no tool '{name}'. There are: {known}.", name=name[:80], known=list(TOOLS)))
        request = self.server.request_context.request
        assert request is not None  # every call comes over HTTP
        last: Any = None
        async with contextlib.aclosing(self._values(TOOLS[name], arguments, request)) as values:
            number = 0
            async for value in values:
                number += 1
                last = last if value is None else value
                await self._tell(number, value)
        path = PATH + "/" * request.url.path.endswith("/")
        return tool_result(last, get_root_url(request, path, self.root_path))

    async def _values(self, endpoint: str, arguments: dict[str, Any], request: Request) -> AsyncGenerator[Any]:
        """What the endpoint answers to the person who sent `request`: its values, and None while it is silent."""
        mine = {"cookie": request.headers["cookie"]} if "cookie" in request.headers else {}
        # an environment's proxy is not for calls of this machine; an answer takes as long as the model needs
        async with httpx.AsyncClient(base_url=self.address(), headers=mine, timeout=None, trust_env=False) as client:
            begun = await client.post(f"gradio_api/call/v2/{endpoint}", json=arguments)
            answer = begun.json()
            if not begun.is_success:
                raise InputError(reason=answer.get("error") or answer.get("detail"))
            place = f"gradio_api/call/{endpoint}/{answer['event_id']}"
            async with aconnect_sse(client, "GET", place) as events:
                async for event in events.aiter_sse():
                    value = json.loads(event.data)
                    if event.event == "error":
                        raise InputError(reason=value.get("error") if isinstance(value, dict) else value)
                    yield value[0] if isinstance(value, list) and value else None

    async def _tell(self, number: int, value: Any) -> None:
        """The step of a long call, for a client that asked for progress; others wait for as long as it sends any."""
        context = self.server.request_context
        if context.meta is None or context.meta.progressToken is None:
            return
        state = value if isinstance(value, dict) else {}
        message = state.get("step") or (f"{state['share']:.0%}" if "share" in state else None)
        await context.session.send_progress_notification(
            context.meta.progressToken, number, message=message, related_request_id=str(context.request_id)
        )


def _failed(sentence: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=sentence)], isError=True)
