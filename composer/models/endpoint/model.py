"""A model on a server behind the protocol of composer.models.base.

What the server can do is found out when it is loaded (`probing`); answers are compared in the best way that it has
(`scoring`). A prefix is a shared beginning like any other: servers keep what they have computed.
"""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NoReturn

from common.decoding import without_halves
from common.messages import Text, _
from composer.errors import EndpointUnusable, InputError, ModelFailed
from composer.models.base import Capabilities, LoadProgress, Message, Replier, Sampling, Usage
from composer.models.endpoint.address import KEY_OPTION, read_address, read_key
from composer.models.endpoint.client import Client, Limits
from composer.models.endpoint.failing import CallFailed, not_compatible
from composer.models.endpoint.probing import MOST_PICTURES, find_out
from composer.models.endpoint.tokens import estimate
from composer.models.endpoint.wire import PICTURE_BYTES, Pictures
from composer.models.prefixed import PrefixedReplier
from composer.models.thinking import without_thoughts

log = logging.getLogger(__name__)

AT_ONCE = 4  # requests at a time, where nobody set another number
SECONDS = 300.0  # for the next piece of an answer: a prompt of 4,000 tokens takes two minutes on a small processor
# a call that failed, and what reading an answer of another form raises
_FAILURES = (CallFailed, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
_TOO_LONG = ("context length", "context size", "context window", "maximum context", "too many tokens")

Progress = Callable[[LoadProgress], None]


class EndpointModel:
    """A model on an OpenAI-compatible server; implements `composer.models.base.Model`."""

    def __init__(
        self,
        base_url: str | None,
        *,
        api_key_file: str | Path | None = None,
        served_name: str | None = None,
        at_once: int | None = None,
        timeout: float | None = None,
        context_tokens: int | None = None,
        picture_bytes: int = PICTURE_BYTES,
        key_option: str = KEY_OPTION,
        progress: Progress | None = None,
    ) -> None:
        """Asks the server what it can do; takes a second, or as long as it loads a model.

        base_url: "http://127.0.0.1:8000/v1"; the "/v1" may be left out. api_key_file: holds the key, where one is
        wanted. served_name: of the model on the server; None: its only one. at_once: requests at a time; None: 4, or
        fewer where the server says so. timeout: seconds for the next piece of an answer. context_tokens: of prompt and
        reply together, where the server does not say. picture_bytes: of one picture as it is sent, at most.
        key_option: what errors call the option that names the file of the key.
        Raises EndpointUnusable, SettingsError.
        """
        address, key = read_address(base_url, key_option=key_option), read_key(api_key_file, key_option)
        step = LoadProgress("find", detail=address.place)

        def report(next_step: LoadProgress | None = None) -> None:
            nonlocal step
            step = next_step or step
            if progress is not None:
                progress(step)

        report()
        self._client = Client(address, key, Limits(seconds=timeout or SECONDS, at_once=at_once or AT_ONCE), key_option)
        self._client.while_waiting = report  # who listens may end the loading, however long the server says nothing
        try:
            found = find_out(
                self._client,
                (served_name or "").strip() or None,
                Pictures(picture_bytes),
                context_tokens,
                lambda name: report(LoadProgress("load", detail=name or address.place)),
            )
            self._client.while_waiting = None
            self.name = without_halves(_short(found.name)) or address.place
            report(LoadProgress("ready", detail=self.name))
        except _FAILURES as error:
            self._client.close()
            raise EndpointUnusable(url=address.api, reason=self._failed(error).reason) from error
        except BaseException:
            self._client.close()
            raise
        self._chat, self._way, self._count = found.chat, found.way, found.counter
        self._share: float | None = None
        limits = list(found.limits)
        if key is not None and not address.encrypted and not address.on_this_machine:
            limits.append(_("The key travels to {place} unencrypted; use an address with https.", place=address.place))
        self.capabilities = Capabilities(
            sees_pictures=found.sees,
            max_pictures=MOST_PICTURES if found.sees else 0,
            context_tokens=found.context_tokens,
            devices=(address.place,),
            engine=found.chat.dialect.engine or "OpenAI API",
            at_once=at_once or min(AT_ONCE, found.slots or AT_ONCE),
            limits=tuple(limits),
        )
        for limit in limits:
            log.info("%s: %s", self.name, limit.text())

    @property
    def usage(self) -> Usage:
        return self._chat.usage

    @property
    def tokens_per_second(self) -> float:
        """Of the last longer reply; 0 before the first."""
        return self._chat.tokens_per_second

    @property
    def allowed_share(self) -> float | None:
        """See `composer.models.TellsAllowedShare`; None where the server does not tell it."""
        return self._share

    def close(self) -> None:
        self._client.close()

    # -- the three calls ----------------------------------------------------------------------------------------------

    def stream(
        self, messages: Sequence[Message], sampling: Sampling, *, stop: threading.Event | None = None
    ) -> Iterator[str]:
        """The reply in pieces of text; see `composer.models.base.Replier`. What came before a failure is kept.

        Raises InputError for a prompt longer than the context, ModelFailed for anything that breaks.
        """
        try:
            yield from without_thoughts(self._chat.stream(messages, sampling, stop))
        except _FAILURES as error:
            self._raise_readable(error, _("writing"))

    def reply(
        self, prompts: Sequence[Sequence[Message]], sampling: Sampling, *, stop: threading.Event | None = None
    ) -> list[str]:
        """All prompts at once, as many as the server takes together. Raises as `stream`."""
        if stop is not None and stop.is_set():
            return [""] * len(prompts)
        try:
            replies = self._chat.replies(prompts, sampling, stop)
        except _FAILURES as error:
            self._raise_readable(error, _("writing"))
        return ["".join(without_thoughts(iter([reply]))) for reply in replies]

    def score(self, messages: Sequence[Message], options: Sequence[str]) -> list[float]:
        """The log-probability of each option, in the way that was found at the start. Raises as `stream`."""
        if not options:
            return []
        try:
            scores = self._way.score(self._chat, messages, options)
        except _FAILURES as error:
            self._raise_readable(error, _("comparing answers"))
        self._share = scores.share
        return scores.values

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """As the server counts; about that where it does not, or fails."""
        if self._count is not None:
            try:
                return self._count(messages)
            except _FAILURES as error:
                log.warning("The tokens of a prompt are estimated: %s", error)
        return estimate(messages)

    @contextlib.contextmanager
    def prefix(self, messages: Sequence[Message]) -> Iterator[Replier]:
        """The shared beginning is sent with each question; the server finds it in its cache."""
        yield PrefixedReplier(self, messages)

    # -- inside -------------------------------------------------------------------------------------------------------

    def _failed(self, error: Exception) -> CallFailed:
        """What went wrong with a call, also where the server answered something else than its API says."""
        if isinstance(error, CallFailed):
            return error
        log.warning("An answer of %s cannot be read: %s", self._client.address.place, error)
        log.debug("Where it cannot be read:", exc_info=error)
        return CallFailed(not_compatible())

    def _raise_readable(self, failure: Exception, doing: Text) -> NoReturn:
        error = self._failed(failure)
        said = error.message.lower()
        if error.kind == "exceed_context_size_error" or (
            error.status in (400, 413, 422) and any(words in said for words in _TOO_LONG)
        ):
            raise InputError(
                _(
                    "The text is too long for this model ({message}). Shorten it, or use a model with a longer "
                    "context.",
                    message=error.message,
                )
            ) from error
        place = self._client.address.place
        reason = _("the server {place}: {reason}", place=place, reason=error.reason)
        raise ModelFailed(name=self.name, doing=doing, reason=reason) from error


def _short(served: str) -> str:
    """A name for people: of a path, as servers of local files have, the file's name without its ending."""
    path = PureWindowsPath(served) if "\\" in served else PurePosixPath(served)
    return path.name.removesuffix(".gguf") if path.is_absolute() else served
