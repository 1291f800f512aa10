"""A remote folder -> the same files in a folder of this machine, brought up to date each time.

What was fetched is noted in one file, by size and by the mark that the server gives each content, so that a copy that
was interrupted goes on, and what has not changed does not travel again.
"""

import errno
import hashlib
import json
import os
import re
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from common.errors import ReadableError
from common.messages import Text, _
from retrieval.errors import FolderEmpty, FolderUnreadable, GalleryFull, Reason
from retrieval.pictures import MAX_BYTES
from retrieval.sources.folders.base import MAX_FILES, RemoteFile, RemoteFolder, is_safe, wanted
from retrieval.sources.folders.buckets import too_large

NOTES = ".copied.json"  # hidden: no gallery looks at it
AT_ONCE = 8  # files that travel at the same time
NOTE_EVERY = 500  # files; what a kill can cost is asking for them again


@dataclass(slots=True)
class Copied:
    """What a copying did. Counts are of files."""

    fetched: int = 0
    unchanged: int = 0
    removed: int = 0
    skipped: list[tuple[str, Reason]] = field(default_factory=list)  # (name, reason)
    stopped: bool = False


def copy_place(folder: Path, address: str) -> Path:
    """The place of an address's copy below `folder`: readable, and no two the same."""
    readable = re.sub(r"[^A-Za-z0-9.-]+", "_", address.partition("://")[2]).strip("._")[:60]
    return folder / f"{readable}-{hashlib.sha256(address.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def copy_folder(
    remote: RemoteFolder,
    place: Path,
    *,
    progress: Callable[[int, int], None] | None = None,
    stop: Callable[[], bool] | None = None,
    prune: bool = False,
) -> Copied:
    """Makes `place` hold what `remote` holds, of the files that a gallery reads.

    progress(done, total). stop() is asked between files. A folder that is empty now changes nothing unless `prune`.
    Raises FolderUnreadable, FolderEmpty, GalleryFull.
    """
    place.mkdir(parents=True, exist_ok=True)
    notes = _read_notes(place)
    report = Copied()
    found = _files(remote, report)
    if notes and not found and not prune:
        raise FolderEmpty(place=remote.address, count=len(notes))
    try:
        for done, (file, fetched) in enumerate(_fetched(remote, place, notes, list(found.values()), stop, report), 1):
            try:
                _note(file.name, place, *fetched.result(), notes, report)
            except (ReadableError, OSError) as error:
                if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                    raise GalleryFull(place=place) from error
                report.skipped.append((file.name, _reason(error)))
            except Exception as error:  # noqa: BLE001 - file systems of fsspec have errors of their own
                report.skipped.append((file.name, Reason(f"{type(error).__name__}: {error}")))
            if progress is not None:
                progress(done, len(found))
            if done % NOTE_EVERY == 0:
                _write_notes(place, notes)
        if not report.stopped:
            for name in notes.keys() - found.keys():
                (place / name).unlink(missing_ok=True)
                del notes[name]
                report.removed += 1
    finally:
        _write_notes(place, notes)
    return report


def _files(remote: RemoteFolder, report: Copied) -> dict[str, RemoteFile]:
    """The files to have, by name; others that look like pictures are reported."""
    found: dict[str, RemoteFile] = {}
    for file in remote.files():
        if not wanted(file.name):
            continue
        if not is_safe(file.name):
            report.skipped.append((file.name, Reason(_("its name cannot be that of a file on every system"))))
        elif file.size > MAX_BYTES:
            report.skipped.append((file.name, _reason(too_large(file.name))))
        else:
            found[file.name] = file
        if len(found) > MAX_FILES:
            raise FolderUnreadable(place=remote.address, reason=_("it has more than {count:,} files", count=MAX_FILES))
    return found


def _fetched(
    remote: RemoteFolder,
    place: Path,
    notes: dict[str, list[object]],
    files: list[RemoteFile],
    stop: Callable[[], bool] | None,
    report: Copied,
) -> Iterator[tuple[RemoteFile, "Future[tuple[str, int, bool]]"]]:
    """Every file with its mark, its time, and whether it travelled; in order, some at once."""

    def fetch(file: RemoteFile) -> tuple[str, int, bool]:
        target = place / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        known = notes.get(file.name)
        same_size = known is not None and target.is_file() and target.stat().st_size == known[0]
        mark = str(known[1]) if known and same_size else ""
        found, time_ns = remote.fetch(file, target, mark)
        return found, time_ns, not mark or found != mark

    waiting: deque[tuple[RemoteFile, Future[tuple[str, int, bool]]]] = deque()
    remaining = iter(files)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while True:
            if stop is not None and stop():
                report.stopped = True
                for _file, future in waiting:
                    future.cancel()
                return
            while len(waiting) < 4 * AT_ONCE and (file := next(remaining, None)):
                waiting.append((file, pool.submit(fetch, file)))
            if not waiting:
                return
            yield waiting.popleft()


def _note(
    name: str,
    place: Path,
    mark: str,
    time_ns: int,
    travelled: bool,
    notes: dict[str, list[object]],
    report: Copied,
) -> None:
    if not travelled:
        report.unchanged += 1
        return
    target = place / name
    if time_ns:
        os.utime(target, ns=(time_ns, time_ns))  # a picture without a date of its own has its file's
    notes[name] = [target.stat().st_size, mark]
    report.fetched += 1


def _reason(error: Exception) -> Reason:
    if isinstance(error, ReadableError):
        reason = error.values.get("reason", error.message)
        return Reason(reason if isinstance(reason, Text) else str(reason))
    return Reason.of(error)


def _read_notes(place: Path) -> dict[str, list[object]]:
    """name -> [size, mark] of what was fetched."""
    try:
        found = json.loads((place / NOTES).read_text("utf-8"))
        return {str(name): [int(size), str(mark)] for name, (size, mark) in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):  # absent, or damaged: all is fetched again
        return {}


def _write_notes(place: Path, notes: dict[str, list[object]]) -> None:
    part = place / f"{NOTES}.part"
    part.write_text(json.dumps(notes), "utf-8", "surrogatepass")
    part.replace(place / NOTES)
