"""Files over HTTP, several at once, continued from the byte where they stopped, and checked.

Own code because neither hub's client serves: Hugging Face's (2.x) throws an unfinished file away, which is several GB
of a checkpoint, and ModelScope's is one more package for the same few requests.
"""

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

AT_ONCE = 4
TRIES = 5  # without a single new byte in between
PAUSE = 0.5  # seconds before the second try; doubled for each further one
TIMEOUT = (10.0, 60.0)  # seconds to connect, and between two pieces
CHUNK = 1 << 16
PART = ".part"  # an unfinished file has this behind its name
GONE = (401, 403, 404, 410)  # answers that another try does not change


class Broken(Exception):
    """A file could not be fetched: which one, and what the server or the connection did."""


class Gone(Broken):
    """The server does not have the file, or does not give it."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A file to fetch."""

    address: str
    target: Path
    size: int
    sha256: str = ""  # of the content, where the hub tells it
    headers: Mapping[str, str] = field(default_factory=dict)


def fetch_all(wishes: Sequence[Wish], told: Callable[[int], None]) -> None:
    """Fetches the files; `told` hears how many more bytes are there, from several threads.

    What is begun stays when one fails, and the next call goes on from there. Raises Broken, OSError (e.g. disk full).
    """
    waiting, failed = deque(wishes), threading.Event()
    errors: list[BaseException] = []

    def work() -> None:
        while not failed.is_set():
            try:
                wish = waiting.popleft()
            except IndexError:
                return
            try:
                _fetch(wish, told, failed)
            except BaseException as error:  # noqa: BLE001  (raised again by the caller's thread)
                errors.append(error)
                failed.set()

    # threads of an executor would keep a program that is ended waiting for the files
    threads = [threading.Thread(target=work, name="download", daemon=True) for _ in range(AT_ONCE)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        failed.set()  # where Ctrl-C ended the waiting
    if errors:
        raise errors[0]


def _fetch(wish: Wish, told: Callable[[int], None], failed: threading.Event) -> None:
    part = wish.target.with_name(wish.target.name + PART)
    part.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with part.open("a+b") as file:
        file.seek(0)
        while chunk := file.read(CHUNK):
            digest.update(chunk)
        told(file.tell())

        def keep(chunk: bytes) -> None:
            file.write(chunk)
            digest.update(chunk)
            told(len(chunk))

        whole = _read_on(wish, file, keep, failed)
    if not whole:
        return  # another file failed
    if part.stat().st_size != wish.size or (wish.sha256 and digest.hexdigest() != wish.sha256):
        part.unlink()  # going on from wrong bytes would never end
        raise Broken(f"{wish.target.name} is not what the hub announced (sha256 {digest.hexdigest()[:12]}…)")
    part.replace(wish.target)


def _read_on(wish: Wish, file: IO[bytes], keep: Callable[[bytes], None], failed: threading.Event) -> bool:
    """Asks for what is not there yet, again where the connection breaks. False: another file failed meanwhile."""
    import requests

    tries = 0
    while (begun := file.tell()) < wish.size:
        try:
            for chunk in _rest(wish, begun):
                keep(chunk)
                if failed.is_set():
                    return False
            reason = "the server sent less than it announced"
        except requests.HTTPError as error:
            reason = str(error).splitlines()[0]
            if error.response.status_code in GONE:
                raise Gone(f"{wish.target.name}: {reason}") from error
        except requests.RequestException:
            reason = f"the connection broke after {file.tell():,} of {wish.size:,} bytes"
        tries = 1 if file.tell() > begun else tries + 1
        if tries >= TRIES:
            raise Broken(f"{wish.target.name}: {reason}")
        if file.tell() < wish.size and failed.wait(PAUSE * 2 ** (tries - 1)):
            return False
    return True


def _rest(wish: Wish, start: int) -> Iterator[bytes]:
    """The content from byte `start` on. Raises requests.RequestException."""
    import requests

    headers = {"Accept-Encoding": "identity", **wish.headers} | ({"Range": f"bytes={start}-"} if start else {})
    with requests.get(wish.address, headers=headers, stream=True, timeout=TIMEOUT) as answer:
        answer.raise_for_status()
        skip = start if answer.status_code == requests.codes.ok else 0  # a server that knows no ranges sends it all
        for chunk in answer.iter_content(CHUNK):
            if len(chunk) > skip:
                yield chunk[skip:]
            skip = max(0, skip - len(chunk))
