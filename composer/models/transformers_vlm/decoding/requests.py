"""What a caller asks of the network: a prompt that is read, or a text that is written behind one."""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from composer.models.transformers_vlm.decoding.caches import Read
from composer.models.transformers_vlm.decoding.tokens import Chooser
from composer.models.transformers_vlm.prompts import Prompt


@dataclass(eq=False)
class Reading:
    """A prompt that a caller wants to be read."""

    prompt: Prompt
    known: Sequence[Read]
    call: object  # prompts of one call are read together even where those of several callers are not
    stop: threading.Event | None = None
    read: Read | None = None
    error: Exception | None = None
    awaited: bool = False  # somebody waits for it now
    begun: bool = False  # it is being computed

    @property
    def is_ready(self) -> bool:
        return self.read is not None or self.error is not None

    @property
    def place(self) -> int:
        """Tokens of keys and values that it takes."""
        return len(self.prompt.ids)

    @property
    def stopped(self) -> bool:
        return self.stop is not None and self.stop.is_set()


@dataclass(eq=False)
class Writing(Reading):
    """A text that goes on behind a prompt."""

    chooser: Chooser | None = None
    most: int = 0  # tokens
    ends: frozenset[int] = frozenset()
    tokens: deque[int] = field(default_factory=deque)  # that nobody has taken yet
    written: list[int] = field(default_factory=list)
    over: bool = False
    is_kept: bool = True  # what was read and written may be gone on from later

    @property
    def is_ready(self) -> bool:
        return bool(self.tokens) or self.over or self.error is not None

    @property
    def place(self) -> int:
        """Tokens of keys and values that it may take."""
        return len(self.prompt.ids) + self.most
