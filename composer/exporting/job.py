"""One export under way: what is wanted with it, how far it is, and the programs it runs, which end with it."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from common.messages import Text, _
from composer.errors import ExportFailed, ExportStopped

SECONDS = 120.0  # a program may take; the longest article of the benchmark needs a few
_POLL = 0.02  # seconds between looks at the stop event
_LONGEST_REASON = 300  # characters of what a program said

Progress = Callable[[float], None]  # told the share that is done, 0 to 1


def _silent(_share: float) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Job:
    """What a writer of a format is given beside the article."""

    made_by: bool = False  # how the article was made stands at its end
    progress: Progress = _silent
    stop: threading.Event = field(default_factory=threading.Event)  # set from another thread

    def at(self, share: float) -> None:
        """Reports the share that is done, 0 to 1. Raises ExportStopped where the person has stopped it."""
        if self.stop.is_set():
            raise ExportStopped
        self.progress(share)

    def run(
        self, command: Sequence[str], folder: Path, *, form: Text | str, given: bytes = b"", seconds: float = SECONDS
    ) -> bytes:
        """What a program writes to its standard output, run in `folder` with `given` as its standard input.

        Killed, with what it started, when the job is stopped or after `seconds`. Raises ExportStopped, or ExportFailed
        for the format `form` with what the program said on standard error.
        """
        (folder / "given").write_bytes(given)
        with (
            (folder / "given").open("rb") as stdin,
            (folder / "out").open("wb") as out,
            (folder / "err").open("wb") as err,
        ):
            try:
                process = subprocess.Popen(
                    command, cwd=folder, stdin=stdin, stdout=out, stderr=err, start_new_session=True
                )
            except OSError as error:
                reason = _("'{program}' cannot be started ({reason})", program=command[0], reason=error)
                raise ExportFailed(form=form, reason=reason) from error
            end = time.monotonic() + seconds
            try:
                while process.poll() is None:
                    if self.stop.is_set():
                        raise ExportStopped
                    if time.monotonic() > end:
                        reason = _("it took longer than {seconds} seconds", seconds=round(seconds))
                        raise ExportFailed(form=form, reason=reason)
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(_POLL)
            finally:
                _end(process)
        if process.returncode:
            said = (folder / "err").read_text("utf-8", "replace").strip()[-_LONGEST_REASON:]
            name = Path(command[0]).name
            said = said or f"exit status {process.returncode}"
            reason = _("{program} failed: {said}", program=name, said=said)
            raise ExportFailed(form=form, reason=reason)
        return (folder / "out").read_bytes()


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    if sys.platform == "win32":
        process.kill()
    else:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
