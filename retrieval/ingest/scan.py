"""Walks folders of pictures: what is there, without reading a picture. Knows nothing of galleries."""

import hashlib
import os
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from common.messages import _
from retrieval.errors import FolderUnreadable, Reason, RetrievalError
from retrieval.ingest.decode import Job, bounded
from retrieval.ingest.metadata import Beside
from retrieval.ingest.rules import HIDDEN, PersonsRules, other_programs_rule
from retrieval.paths import openable
from retrieval.pictures import SUFFIXES, UNREAD_SUFFIXES, suffix_of

READING = 1  # raised when more words are read of a picture: the next run reads them without looking at pixels
GALLERY_FILE = "gallery.sqlite"  # a folder that holds it is a gallery, not a folder of pictures
_WORDS = (".txt", ".xmp", ".json")  # what lies beside pictures; a broken link of such a name costs no picture
_ENDING = re.compile(r"\.[a-z][a-z0-9~_-]{0,9}$", re.IGNORECASE)
# what sites put behind the ending of a picture's name: "a.jpg_large", "a.jpg-1080w"
_LENGTHENED = re.compile(r"\.(?:jpe?g|png|webp|gif|tiff?|avif|heic)[_-][a-z0-9_-]*$", re.IGNORECASE)
# beginnings of JPEG, PNG, GIF, TIFF, WebP, HEIC and AVIF: old Macs named pictures without an ending
_BEGINNINGS = re.compile(
    rb"\xff\xd8\xff|\x89PNG|GIF8|II\*\0|MM\0\*|RIFF....WEBP|....ftyp(?:heic|heix|mif1|avif)", re.DOTALL
)


@dataclass(slots=True)
class Scan:
    """The picture files under a folder, and what could not be looked at."""

    jobs: list[Job] = field(default_factory=list)
    unreadable: list[tuple[str, Reason]] = field(default_factory=list)  # (path, reason): nothing is known about them
    passed_by: list[str] = field(default_factory=list)  # hidden folders and galleries: nothing is known either
    by_rule: Counter[str] = field(default_factory=Counter)  # rule -> pictures and folders that it leaves out
    by_person: int = 0  # of these, by rules of the person: they are to leave the gallery


def scan_folder(root: Path, *, exclude: Sequence[str] = (), seen: Callable[[int], None] | None = None) -> Scan:
    """All files under `root` that look like pictures, also of formats that are not read: those are left out later, with
    a reason. Hidden files, what other programs keep beside pictures, and galleries are left out here, and what a
    person's rules say: `.galleryignore` and `exclude`, in the form of .gitignore.

    Links to folders are followed, each folder once and by its own name where that is under `root`, so that loops end.
    `seen(count)` hears how many there are so far.
    Raises FolderUnreadable where `root` itself cannot be listed, RetrievalError for an `exclude` that is no rule.
    """
    walk = _Walk(root, exclude)
    while walk.waiting:
        walk.look_into(*walk.waiting.pop())
        if seen is not None:
            seen(len(walk.result.jobs))
    return walk.result


class _Walk:
    """One walk through a folder and all below."""

    def __init__(self, root: Path, exclude: Sequence[str]) -> None:
        self.result = Scan()
        self._root = root
        self._visited: set[tuple[int, int]] = set()
        # taken from the right; links wait at the left until all folders under their own names have been seen
        self.waiting = deque([(Path(openable(str(root))), "", PersonsRules.given(root, exclude))])

    def look_into(self, folder: Path, relative: str, rules: PersonsRules) -> None:
        """Sorts what lies in a folder, which is called `relative` from the first folder on."""
        try:
            state = folder.stat()
            if (state.st_dev, state.st_ino) in self._visited:
                return
            self._visited.add((state.st_dev, state.st_ino))
            with os.scandir(folder) as listing:
                named = {entry.name: entry for entry in sorted(listing, key=lambda entry: entry.name)}
            if GALLERY_FILE in named:
                self.result.passed_by.append(str(folder))
                return
            rules = rules.within(folder, relative, named)
        except (OSError, RetrievalError) as error:
            reason = Reason.of(error)
            if not relative:
                raise FolderUnreadable(place=self._root, reason=reason) from error
            self.result.unreadable.append((str(folder), reason))
            return
        beside = Beside(named)
        for entry in named.values():
            try:
                below = relative + entry.name + "/" * _is_folder(entry)
                if not self._left_out(folder, entry, below, rules):
                    self._take(entry, below, rules, [named[name] for name in beside.of(entry.name)])
            except OSError as error:  # it vanished, or its link leads nowhere
                self.result.unreadable.append((entry.path, Reason.of(error)))

    def _left_out(self, folder: Path, entry: "os.DirEntry[str]", relative: str, rules: PersonsRules) -> bool:
        rule = other_programs_rule(folder.name, entry.name)
        by_person = "" if rule else rules.rule_for(relative)
        if not rule and not by_person:
            return False
        is_folder = relative.endswith("/")
        if rule == HIDDEN and is_folder:
            self.result.passed_by.append(entry.path)
        if is_folder or _looks_like_a_picture(entry.name) or rule not in ("", HIDDEN, "._*"):
            self.result.by_rule[rule or by_person] += 1
            self.result.by_person += bool(by_person)
        return True

    def _take(
        self,
        entry: "os.DirEntry[str]",
        relative: str,
        rules: PersonsRules,
        words: "list[os.DirEntry[str]]",
    ) -> None:
        if entry.is_symlink() and not Path(openable(entry.path)).exists():
            # what it leads to may be on a drive that is away: nothing is known about what lies there
            if not entry.name.lower().endswith(_WORDS):
                self.result.unreadable.append((entry.path, Reason(_("its link leads nowhere"))))
        elif relative.endswith("/"):
            folder = (Path(openable(entry.path)), relative, rules)
            (self.waiting.appendleft if entry.is_symlink() else self.waiting.append)(folder)
        elif entry.is_file() and (_looks_like_a_picture(entry.name) or _begins_like_a_picture(entry)):
            self.result.jobs.append(_job(entry, words))


def _job(entry: "os.DirEntry[str]", beside: list["os.DirEntry[str]"]) -> Job:
    state = entry.stat()
    sidecars = [file for file in beside if file.is_file()]
    return Job(
        path=openable(entry.path),
        size=state.st_size,
        mtime_ns=bounded(state.st_mtime_ns),
        sidecars=tuple(openable(file.path) for file in sidecars),
        words_mtime_ns=_state_of_words(sidecars),
    )


def _state_of_words(sidecars: list["os.DirEntry[str]"]) -> int:
    """A number (63 bits) that changes when one of these files changes, comes or goes, or when more is read of them."""
    states = [(file.name, (state := file.stat()).st_mtime_ns, state.st_size) for file in sidecars]
    digest = hashlib.sha256(repr((READING, states)).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _looks_like_a_picture(name: str) -> bool:
    """Also of a format that is not read: such a file is left out with a reason, not silently."""
    return suffix_of(name) in SUFFIXES or suffix_of(name) in UNREAD_SUFFIXES


def _begins_like_a_picture(entry: "os.DirEntry[str]") -> bool:
    """Of files without an ending, or with one that was made longer; those of every other kind are not opened."""
    strange = not _ENDING.search(entry.name) or _LENGTHENED.search(entry.name)
    if not strange or not entry.stat().st_size:
        return False
    with Path(openable(entry.path)).open("rb") as file:
        return _BEGINNINGS.match(file.read(16)) is not None


def overlapping(roots: list[Path]) -> Iterator[Path]:
    """The roots without those that lie under another of them."""
    for root in roots:
        if not any(other != root and root.is_relative_to(other) for other in roots):
            yield root
