"""Chat with one served model: messages in, pieces of text, whole answers and token counts out.

Knows the API and the kind of the server; not how answers are compared, and not what the server was found to do.
"""

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from common.messages import _
from composer.models.base import Message, Sampling, Usage
from composer.models.endpoint.client import Client
from composer.models.endpoint.dialects import Dialect
from composer.models.endpoint.failing import CallFailed, not_compatible
from composer.models.endpoint.wire import Pictures, Piece, piece_of, turns_of, until, usage_of, whole_characters

_MEASURED = 16  # tokens of a reply from which its speed is measured


class Chat:
    """Calls of one model. `dialect` may be changed while the server is being found out."""

    def __init__(self, client: Client, served: str, dialect: Dialect, pictures: Pictures) -> None:
        self.client, self.served, self.dialect, self.pictures = client, served, dialect, pictures
        self._lock = threading.Lock()
        self._usage = Usage()
        self._speed = 0.0

    @property
    def api(self) -> str:
        return self.client.address.api

    @property
    def root(self) -> str:
        return self.client.address.root

    @property
    def usage(self) -> Usage:
        with self._lock:
            return self._usage

    @property
    def tokens_per_second(self) -> float:
        """Of the last longer reply; 0 before the first."""
        with self._lock:
            return self._speed

    def count(self, used: Usage | None) -> None:
        if used is not None:
            with self._lock:
                self._usage += used

    def named(self, body: dict[str, Any]) -> dict[str, Any]:
        """The body with the model's name, where the server needs one."""
        return {"model": self.served, **body} if self.served else body

    def body(self, messages: Sequence[Message], sampling: Sampling) -> dict[str, Any]:
        """A request for a reply. One whose last message is the assistant's is for the rest of that message."""
        turns = turns_of(messages, self.pictures)
        going_on = (self.dialect.continues or {}) if turns and turns[-1]["role"] == "assistant" else {}
        return self.named({"messages": turns, **self.dialect.sampling_fields(sampling), **going_on})

    def complete(self, body: dict[str, Any], *, attempts: int | None = None) -> dict[str, Any]:
        """The whole answer to a request. Raises CallFailed."""
        answer = self.client.post(f"{self.api}/chat/completions", body, attempts=attempts)
        if not isinstance(answer.get("choices"), list):
            raise CallFailed(not_compatible())
        self.count(usage_of(answer))
        return answer

    def stream(
        self, messages: Sequence[Message], sampling: Sampling, stop: threading.Event | None = None
    ) -> Iterator[str]:
        """The reply in pieces. Raises CallFailed, also where the answer ends before the reply does."""
        body = {**self.body(messages, sampling), "stream_options": {"include_usage": True}}
        events = self.client.stream(f"{self.api}/chat/completions", body, stop)
        with contextlib.closing(events):  # type: ignore[type-var]  # a generator, which can be closed
            yield from until(whole_characters(self._texts(events, stop)), sampling.stop)

    def replies(
        self, prompts: Sequence[Sequence[Message]], sampling: Sampling, stop: threading.Event | None = None
    ) -> list[str]:
        """Replies that the server computes together; after `stop` as far as they have come. Raises CallFailed."""
        bodies = [{**self.body(prompt, sampling), "stream_options": {"include_usage": True}} for prompt in prompts]
        answers = self.client.gather(f"{self.api}/chat/completions", bodies, stop)
        return ["".join(until(whole_characters(self._texts(iter(events), stop)), sampling.stop)) for events in answers]

    def _texts(self, events: Iterator[dict[str, Any]], stop: threading.Event | None) -> Iterator[str]:
        start, pieces, finished, used = 0.0, 0, False, None
        try:
            for event in events:
                piece: Piece = piece_of(event)
                finished = finished or piece.finished
                used = piece.usage or used
                if piece.text:
                    pieces += 1
                    start = start or time.perf_counter()
                    yield piece.text
        finally:
            self._measure(used or Usage(generated=pieces), time.perf_counter() - start if start else 0.0)
        if not finished and not self.client.ended(stop):
            raise CallFailed(_("the connection broke in the middle of the answer"))

    def _measure(self, used: Usage, seconds: float) -> None:
        """Counts the tokens of a reply and its speed. seconds: from its first piece to its last."""
        with self._lock:
            self._usage += used
            if used.generated >= _MEASURED and seconds > 0:
                self._speed = (used.generated - 1) / seconds
