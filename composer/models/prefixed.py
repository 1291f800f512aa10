"""A shared beginning in front of every prompt, for engines that find by themselves what they have computed before."""

import threading
from collections.abc import Iterator, Sequence

from composer.models.base import Message, Replier, Sampling


class PrefixedReplier:
    """The three calls of a model with a shared beginning in front of the messages."""

    def __init__(self, model: Replier, shared: Sequence[Message]) -> None:
        self._model, self._shared = model, tuple(shared)

    def stream(
        self, messages: Sequence[Message], sampling: Sampling, *, stop: threading.Event | None = None
    ) -> Iterator[str]:
        return self._model.stream([*self._shared, *messages], sampling, stop=stop)

    def reply(
        self, prompts: Sequence[Sequence[Message]], sampling: Sampling, *, stop: threading.Event | None = None
    ) -> list[str]:
        return self._model.reply([[*self._shared, *prompt] for prompt in prompts], sampling, stop=stop)

    def score(self, messages: Sequence[Message], options: Sequence[str]) -> list[float]:
        return self._model.score([*self._shared, *messages], options)
