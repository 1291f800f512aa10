"""HTTP to one server: calls that can be stopped, tried again with growing pauses, and several at once.

Knows requests, statuses and event streams; nothing of messages, models or what an answer means.

All calls run as tasks of one event loop in a thread of their own. A task that is cancelled closes its connection, at
whatever point it is: that is how a server learns that nobody reads any more.
"""

import asyncio
import json
import logging
import queue
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import CancelledError, Future, wait
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
from httpx_sse import EventSource
from pydantic import SecretStr
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_random_exponential

from common.messages import _
from composer.models.endpoint.address import KEY_OPTION, Address
from composer.models.endpoint.failing import CallFailed, broken, not_compatible, raise_error, words_of

log = logging.getLogger(__name__)

T = TypeVar("T")
ATTEMPTS = 4  # of a request that a server is too busy for
LONGEST_PAUSE = 20.0  # seconds before another attempt, also where the server asks for more
_BUSY = frozenset({429, 500, 502, 503, 504, 529})
QUICK_SECONDS = 10.0  # for what a server answers at once
_TICK = 0.05  # seconds between looks at `stop`


@dataclass(frozen=True, slots=True)
class Limits:
    """How long is waited, and how often it is tried."""

    seconds: float = 300.0  # for the next byte of an answer
    connecting: float = 10.0
    attempts: int = ATTEMPTS
    at_once: int = 4  # calls that are under way together; others wait


class Client:
    """Calls to one server, from any thread. Close it when done."""

    def __init__(
        self, address: Address, key: SecretStr | None, limits: Limits | None = None, key_option: str = KEY_OPTION
    ) -> None:
        """key_option: by which a person names the file of the key."""
        self._key_option = key_option
        self.address, self._key, self.limits = address, key, limits or Limits()
        headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}
        self._http = httpx.AsyncClient(
            headers=headers,
            timeout=httpx.Timeout(self.limits.seconds, connect=self.limits.connecting, pool=None),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=self.limits.at_once),
            # certificates take long to read and are of no use here; those of SSL_CERT_FILE count for any machine
            verify=httpx.create_ssl_context() if address.encrypted else False,
            trust_env=not address.on_this_machine,  # no proxy reaches this machine's loopback
        )
        self._slots = asyncio.Semaphore(self.limits.at_once)
        self._closing = threading.Event()
        self.while_waiting: Callable[[], None] | None = None  # called again and again; what it raises ends the call
        self._submitting = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="endpoint", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends all calls and the thread."""
        with self._submitting:
            if self._closing.is_set():
                return
            self._closing.set()
        try:
            asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result(10)
        except TimeoutError:
            log.warning("Calls to %s did not end when they were told to.", self.address.place)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    # -- calls ---------------------------------------------------------------------------------------------------------

    def get(self, url: str) -> Any:
        """The JSON of an address, or None where it has none; as quick as `post` can be. Raises CallFailed for a server
        that cannot be reached or says nothing."""
        return self._wait(self._got(url))

    def post(
        self, url: str, body: dict[str, Any], *, attempts: int | None = None, quick: bool = False
    ) -> dict[str, Any]:
        """The JSON object that answers a request. attempts: None takes those of `limits`. quick: it needs no model, so
        it waits neither for calls that do nor longer than QUICK_SECONDS. Raises CallFailed."""
        return self._wait(self._posted(url, body, attempts or self.limits.attempts, quick=quick))

    def stream(self, url: str, body: dict[str, Any], stop: threading.Event | None = None) -> Iterator[dict[str, Any]]:
        """The events of an answer, up to its end or soon after `stop` is set. Raises CallFailed.

        Closing the iterator, or `stop`, closes the request.
        """
        events: queue.SimpleQueue[dict[str, Any] | CallFailed | None] = queue.SimpleQueue()
        task = self._submit(self._streamed(url, body, events.put))
        try:
            while True:
                try:
                    event = events.get(timeout=_TICK)
                except queue.Empty:
                    if self.ended(stop) or (task.done() and events.empty()):
                        return
                    continue
                if event is None or self.ended(stop):
                    return
                if isinstance(event, CallFailed):
                    raise event
                yield event
        finally:
            task.cancel()

    def gather(
        self, url: str, bodies: Sequence[dict[str, Any]], stop: threading.Event | None = None
    ) -> list[list[dict[str, Any]]]:
        """The events of several answers at once; after `stop` those that have come. Raises CallFailed, the first."""
        found: list[list[dict[str, Any] | CallFailed | None]] = [[] for _body in bodies]
        tasks = [
            self._submit(self._streamed(url, body, events.append)) for body, events in zip(bodies, found, strict=True)
        ]
        waiting: set[Future[None]] = set(tasks)
        try:
            while waiting and not self.ended(stop):
                done, waiting = wait(waiting, timeout=_TICK, return_when="FIRST_COMPLETED")
                for task in done:
                    failed = found[tasks.index(task)][-1:]
                    if failed and isinstance(failed[0], CallFailed):
                        raise failed[0]
        finally:
            for task in waiting:
                task.cancel()
        return [[event for event in events if isinstance(event, dict)] for events in found]

    # -- inside --------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    async def _shut(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._http.aclose()

    def _submit(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        with self._submitting:  # what is given to the loop before `close` says so is ended by it; nobody waits for ever
            if not self._closing.is_set():
                return asyncio.run_coroutine_threadsafe(work, self._loop)
        work.close()
        raise CallFailed(_("the model was closed"))

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        task = self._submit(work)
        try:
            while self.while_waiting is not None and not wait({task}, timeout=_TICK).done:
                self.while_waiting()
            return task.result()
        except CancelledError as error:
            raise CallFailed(_("the model was closed")) from error
        finally:
            task.cancel()  # where a signal ended the waiting

    def ended(self, stop: threading.Event | None) -> bool:
        """Whether nobody waits for an answer any more."""
        return self._closing.is_set() or (stop is not None and stop.is_set())

    async def _got(self, url: str) -> Any:
        timeout = httpx.Timeout(min(QUICK_SECONDS, self.limits.seconds), pool=None)
        request = self._http.build_request("GET", url, headers={"Accept": "application/json"}, timeout=timeout)
        async with self._opened(request, 2) as response:
            return _json_of(await response.aread())

    async def _posted(self, url: str, body: dict[str, Any], attempts: int, *, quick: bool) -> dict[str, Any]:
        request = self._request(url, body, min(QUICK_SECONDS, self.limits.seconds) if quick else None)
        async with nullcontext() if quick else self._slots, self._opened(request, attempts) as response:
            answer = _json_of(await response.aread())
        if not isinstance(answer, dict):
            raise CallFailed(not_compatible())
        raise_error(answer, self._redacted)
        return answer

    async def _streamed(
        self, url: str, body: dict[str, Any], put: Callable[[dict[str, Any] | CallFailed | None], None]
    ) -> None:
        """Gives the events to `put`, and at last None or what failed."""
        last: CallFailed | None = None
        begun = False
        try:
            async with (
                self._slots,
                self._opened(self._request(url, {**body, "stream": True}), self.limits.attempts) as response,
            ):
                if "text/event-stream" not in response.headers.get("content-type", ""):
                    put(self._whole(await response.aread()))
                else:
                    async for event in EventSource(response).aiter_sse():
                        if not event.data or event.data.strip() == "[DONE]":
                            put({"done": True})
                            continue
                        piece = _json_of(event.data.encode("utf-8", "surrogatepass"))
                        if not isinstance(piece, dict):
                            raise CallFailed(not_compatible())
                        raise_error(piece, self._redacted)
                        begun = True
                        put(piece)
        except CallFailed as error:
            last = error
        except httpx.HTTPError as error:
            last = broken(error, self.limits.connecting, begun=begun)
        put(last)

    def _whole(self, content: bytes) -> dict[str, Any]:
        """The only event of a server that does not stream: its whole answer. Raises CallFailed."""
        answer = _json_of(content)
        if isinstance(answer, dict):
            raise_error(answer, self._redacted)
            if isinstance(answer.get("choices"), list):
                return {**answer, "done": True}
        raise CallFailed(not_compatible())

    def _request(self, url: str, body: dict[str, Any], seconds: float | None = None) -> httpx.Request:
        """seconds: for the next byte of its answer; None: those of `limits`."""
        try:
            content = json.dumps(body, ensure_ascii=False).encode()
        except UnicodeEncodeError:  # half a character in the name of a model, which is sent as it came
            content = json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        timeout = self._http.timeout if seconds is None else httpx.Timeout(seconds, pool=None)
        return self._http.build_request("POST", url, content=content, headers=headers, timeout=timeout)

    @asynccontextmanager
    async def _opened(self, request: httpx.Request, attempts: int) -> AsyncIterator[httpx.Response]:
        """An answer whose status is good, its content still to be read. Raises CallFailed."""
        response: httpx.Response | None = None
        tries = AsyncRetrying(
            retry=retry_if_exception(lambda error: isinstance(error, CallFailed) and error.pause is not None),
            stop=stop_after_attempt(attempts),
            wait=_pause,
            reraise=True,
        )
        async for attempt in tries:
            with attempt:
                response = await self._sent(request)
        assert response is not None  # else the last attempt has raised
        try:
            yield response
        except httpx.HTTPError as error:
            raise broken(error, self.limits.connecting, begun=True) from error
        finally:
            await response.aclose()

    async def _sent(self, request: httpx.Request) -> httpx.Response:
        try:
            response = await self._http.send(request, stream=True)
            if response.is_success:
                return response
            try:
                content = await response.aread()
            finally:
                await response.aclose()
        except httpx.HTTPError as error:
            raise broken(error, self.limits.connecting, begun=False) from error
        raise self._refused(response, content)

    def _refused(self, response: httpx.Response, content: bytes) -> CallFailed:
        status, (message, kind) = response.status_code, words_of(_json_of(content), self._redacted)
        pause = _asked_pause(response.headers.get("retry-after")) if status in _BUSY else None
        log.info("%s answers %s: %s", response.url.copy_with(query=None), status, message or "no reason")
        if status in (401, 403):
            named: dict[str, object] = {"status": status, "option": self._key_option}
            reason = (
                _("it refuses the key ({status}). Name the file of the right one: --{option} FILE", **named)
                if self._key
                else _("it wants a key ({status}). Name the file that holds it: --{option} FILE", **named)
            )
        elif status == 429:
            reason = _("it is too busy (429). Try again in a while")
        elif message:
            reason = _("it answers {status}: {message}", status=status, message=message)
        elif response.is_redirect:
            reason = _("it sends elsewhere: {place}. Name that address", place=response.headers.get("location", ""))
        else:
            reason = _("it answers {status}", status=status)
        return CallFailed(reason, status=status, message=message, kind=kind, pause=pause)

    def _redacted(self, text: str) -> str:
        """What a server says, without the key, which some repeat."""
        return text.replace(self._key.get_secret_value(), "…") if self._key else text


def _json_of(content: bytes) -> Any:
    """None where it is no JSON."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


_growing = wait_random_exponential(multiplier=0.5, max=LONGEST_PAUSE)


def _pause(state: RetryCallState) -> float:
    """Seconds before the next attempt: as the server asks, else longer each time."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.pause if isinstance(error, CallFailed) and error.pause else 0.0
    return min(LONGEST_PAUSE, max(asked, _growing(state)))


def _asked_pause(header: str | None) -> float:
    """Seconds of a Retry-After header; 0 where there is none that is a number."""
    try:
        return max(0.0, float(header or 0))
    except ValueError:
        return 0.0
