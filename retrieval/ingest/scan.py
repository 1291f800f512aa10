"""Walks folders of pictures: what is there, without reading a picture. Knows nothing of galleries."""

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from common.messages import _
from retrieval.errors import FolderUnreadable
from retrieval.ingest.decode import Job, bounded
from retrieval.ingest.metadata import Beside
from retrieval.pictures import SUFFIXES, UNREAD_SUFFIXES, suffix_of

# folders that programs make beside people's pictures: thumbnails of NAS boxes, recycle bins, leftovers of Mac zips
NOT_A_PERSONS = frozenset(
    (
        *("@eadir", "@__thumb", "#recycle", "$recycle.bin", "recycler"),
        *("system volume information", "__macosx", "lost+found"),
    )
)
READING = 1  # raised when more words are read of a picture: the next run reads them without looking at pixels
GALLERY_FILE = "gallery.sqlite"  # a folder that holds it is a gallery, not a folder of pictures


@dataclass(slots=True)
class Scan:
    """The picture files under a folder, and what could not be looked at."""

    jobs: list[Job] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)  # (folder, reason): nothing is known about them
    passed_by: list[str] = field(default_factory=list)  # hidden folders, bins and galleries: nothing is known either


def scan_folder(root: Path, *, seen: Callable[[int], None] | None = None) -> Scan:
    """All files under `root` with a picture's suffix. Hidden files and folders, thumbnails and recycle bins of
    other programs, and galleries are left out.

    Links to folders are followed, each folder once, so that loops end. Names that are no UTF-8 are left out: the
    catalogue cannot hold them. `seen(count)` hears how many there are so far.
    Raises FolderUnreadable where `root` itself cannot be listed.
    """
    if not _is_text(str(root)):
        raise FolderUnreadable(place=_as_text(str(root)), reason=_("its name is not valid UTF-8; rename it"))
    result = Scan()
    visited: set[tuple[int, int]] = set()
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            state = folder.stat()
            if (state.st_dev, state.st_ino) in visited:
                continue
            visited.add((state.st_dev, state.st_ino))
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            reason = error.strerror or str(error)
            if folder == root:
                raise FolderUnreadable(place=root, reason=reason) from error
            result.unreadable.append((str(folder), reason))
            continue
        if any(entry.name == GALLERY_FILE for entry in entries):
            result.passed_by.append(str(folder))
            continue
        named = {entry.name: entry for entry in entries}
        beside = Beside(named)
        for entry in entries:
            try:
                if entry.name.startswith(".") or entry.name.lower() in NOT_A_PERSONS:
                    if entry.is_dir():
                        result.passed_by.append(entry.path)
                elif not _is_text(entry.name):
                    if entry.is_dir() or _looks_like_a_picture(entry.name):
                        result.unreadable.append((_as_text(entry.path), "its name is not valid UTF-8; rename it"))
                elif entry.is_symlink() and not Path(entry.path).exists() and not entry.name.lower().endswith(".txt"):
                    # what it leads to may be on a drive that is away: nothing is known about what lies there
                    result.unreadable.append((entry.path, "its link leads nowhere"))
                elif entry.is_dir():
                    waiting.append(Path(entry.path))
                elif _looks_like_a_picture(entry.name) and entry.is_file():
                    result.jobs.append(_job(entry, [named[name] for name in beside.of(entry.name)]))
            except OSError as error:  # it vanished, or its link leads nowhere
                result.unreadable.append((entry.path, error.strerror or str(error)))
        if seen is not None:
            seen(len(result.jobs))
    return result


def _job(entry: "os.DirEntry[str]", beside: list["os.DirEntry[str]"]) -> Job:
    state = entry.stat()
    sidecars = [file for file in beside if file.is_file()]
    return Job(
        path=entry.path,
        size=state.st_size,
        mtime_ns=bounded(state.st_mtime_ns),
        sidecars=tuple(file.path for file in sidecars),
        words_mtime_ns=_state_of_words(sidecars),
    )


def _state_of_words(sidecars: list["os.DirEntry[str]"]) -> int:
    """A number (63 bits) that changes when one of these files changes, comes or goes, or when more is read of them."""
    states = [(file.name, (state := file.stat()).st_mtime_ns, state.st_size) for file in sidecars]
    digest = hashlib.sha256(repr((READING, states)).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _looks_like_a_picture(name: str) -> bool:
    """Also of a format that is not read: such a file is left out with a reason, not silently."""
    return suffix_of(name) in SUFFIXES or suffix_of(name) in UNREAD_SUFFIXES


def _is_text(name: str) -> bool:
    """Whether a name is Unicode; bytes that are none stand in it as lone surrogates (PEP 383)."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _as_text(path: str) -> str:
    return path.encode("utf-8", "replace").decode()


def overlapping(roots: list[Path]) -> Iterator[Path]:
    """The roots without those that lie under another of them."""
    for root in roots:
        if not any(other != root and root.is_relative_to(other) for other in roots):
            yield root
