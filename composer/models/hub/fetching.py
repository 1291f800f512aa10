"""Fetches files over HTTP: several at once, continued from the byte where they stopped, and checked.

Our own code because neither hub's client serves: Hugging Face's (2.x) throws an unfinished file away, which is several
GB of a checkpoint, and ModelScope's is one more package for the same few requests. Knows addresses and files, no hubs.
"""

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

PARALLEL = 4  # files at once
MAX_ATTEMPTS = 5  # without a single new byte
FIRST_PAUSE = 0.5  # seconds before the second attempt; doubled before each further one
TIMEOUT = (10.0, 60.0)  # seconds to connect, and between two chunks
CHUNK = 1 << 16
LOOK = 0.2  # seconds between calls of `progress` while nothing comes
PART_SUFFIX = ".part"  # of a file that is not complete yet
FINAL_STATUSES = (401, 403, 404, 410)  # answers that another attempt does not change


class FetchFailed(Exception):
    """A file could not be fetched: which one, and what the server or the connection did."""


class FileUnavailable(FetchFailed):
    """The server does not have the file, or does not give it to us."""


@dataclass(frozen=True, slots=True)
class FileRequest:
    """A file to fetch."""

    url: str
    target: Path
    size: int
    sha256: str = ""  # of the content, where the hub tells it
    headers: Mapping[str, str] = field(default_factory=dict)


def fetch_all(requests: Sequence[FileRequest], progress: Callable[[int], None]) -> None:
    """Fetches the files; several threads call `progress` with the number of new bytes, 0 where none came. What it
    raises ends the fetching.

    If one fails, what the others have received so far stays, and the next call continues from it.
    Raises FetchFailed, OSError (e.g. disk full).
    """
    waiting, cancelled = deque(requests), threading.Event()
    errors: list[BaseException] = []

    def work() -> None:
        while not cancelled.is_set():
            try:
                request = waiting.popleft()
            except IndexError:
                return
            try:
                _fetch(request, progress, cancelled)
            except BaseException as error:  # noqa: BLE001  (raised again by the caller's thread)
                errors.append(error)
                cancelled.set()

    # the threads of an executor would keep a program that is ended waiting for the files
    threads = [threading.Thread(target=work, name="download", daemon=True) for _ in range(PARALLEL)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(LOOK)
                progress(0)  # who listens may end it while a server says nothing
    finally:
        cancelled.set()  # Ctrl-C may have ended the waiting
    if errors:
        raise errors[0]


def _fetch(request: FileRequest, progress: Callable[[int], None], cancelled: threading.Event) -> None:
    part = request.target.with_name(request.target.name + PART_SUFFIX)
    part.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with part.open("a+b") as file:
        file.seek(0)
        while chunk := file.read(CHUNK):
            digest.update(chunk)
        progress(file.tell())

        def append(chunk: bytes) -> None:
            file.write(chunk)
            digest.update(chunk)
            progress(len(chunk))

        _fetch_rest(request, file, append, cancelled)
        if file.tell() < request.size:
            return  # cancelled: another file failed
    if part.stat().st_size != request.size or (request.sha256 and digest.hexdigest() != request.sha256):
        part.unlink()  # a continuation of wrong bytes would never be right
        raise FetchFailed(f"{request.target.name} is not what the hub announced (sha256 {digest.hexdigest()[:12]}…)")
    part.replace(request.target)


def _fetch_rest(
    request: FileRequest, file: IO[bytes], append: Callable[[bytes], None], cancelled: threading.Event
) -> None:
    """Appends what `file` lacks, asking again where the connection breaks; stops early once `cancelled` is set."""
    from tenacity import (
        Retrying,
        retry_if_exception_type,
        retry_if_not_exception_type,
        sleep_using_event,
        stop_after_attempt,
        wait_exponential,
    )

    attempts = Retrying(
        retry=retry_if_exception_type(FetchFailed) & retry_if_not_exception_type(FileUnavailable),
        stop=stop_after_attempt(MAX_ATTEMPTS),
        wait=wait_exponential(FIRST_PAUSE),
        sleep=sleep_using_event(cancelled),
        reraise=True,
    )
    while file.tell() < request.size and not cancelled.is_set():
        attempts(_receive_more, request, file, append, cancelled)  # any new byte starts the count of attempts again
        if file.tell() < request.size:
            cancelled.wait(FIRST_PAUSE)


def _receive_more(
    request: FileRequest, file: IO[bytes], append: Callable[[bytes], None], cancelled: threading.Event
) -> None:
    """Appends what one answer brings of the rest. Raises FetchFailed where it brings nothing."""
    import requests

    if cancelled.is_set():
        return
    start = file.tell()
    try:
        for chunk in _chunks_from(request, start):
            if cancelled.is_set():
                return
            append(chunk)
        reason = "the server sent less than it announced"
    except requests.HTTPError as error:
        reason = str(error).splitlines()[0]
        if error.response.status_code in FINAL_STATUSES:
            raise FileUnavailable(f"{request.target.name}: {reason}") from error
    except requests.RequestException:
        reason = f"the connection broke after {file.tell():,} of {request.size:,} bytes"
    if file.tell() == start and not cancelled.is_set():
        raise FetchFailed(f"{request.target.name}: {reason}")


def _chunks_from(request: FileRequest, start: int) -> Iterator[bytes]:
    """The content from byte `start` on. Raises requests.RequestException."""
    import requests

    headers = {"Accept-Encoding": "identity", **request.headers} | ({"Range": f"bytes={start}-"} if start else {})
    with requests.get(request.url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
        answer.raise_for_status()
        skip = start if answer.status_code == requests.codes.ok else 0  # a server without ranges sends the whole file
        for chunk in answer.iter_content(CHUNK):
            if len(chunk) > skip:
                yield chunk[skip:]
            skip = max(0, skip - len(chunk))
