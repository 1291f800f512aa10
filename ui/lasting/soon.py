"""Does something a moment after it was asked for, once however often it was asked for: saving while text streams."""

import threading
from collections.abc import Callable

SECONDS = 0.8  # between two savings of a text that is being written


class Soon:
    """Calls `work` in a thread of its own, at most `SECONDS` after `ask` was called first."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()

    def ask(self) -> None:
        with self._lock:
            if self._timer is None:
                self._timer = threading.Timer(SECONDS, self._due)
                self._timer.daemon = True
                self._timer.start()

    def cancel(self) -> None:
        """What was asked for is not done any more, or was done already."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _due(self) -> None:
        self.cancel()
        self._work()
