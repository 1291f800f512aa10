"""What a folder on another machine is: names of files, and a way to fetch one."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from retrieval.pictures import SUFFIXES, UNREAD_SUFFIXES, suffix_of

MAX_FILES = 5_000_000  # of one folder; more are several folders, or a mistake
WORDS = (".txt", ".xmp", ".json")  # what lies beside pictures
_LONGEST_PART, _LONGEST = 200, 1000  # bytes: file systems take 255 of a part, and a part of a file has a longer name
_CONTROLS = re.compile(r'[\x00-\x1f\x7f\\<>:"|?*]')  # also what Windows takes in no name


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file below a remote folder."""

    name: str  # relative, with "/"
    size: int = -1  # bytes; -1 where the listing does not say
    mark: str = ""  # changes with the content; empty where the listing has nothing such
    time_ns: int = 0  # when it was changed; 0 where the listing does not say


class RemoteFolder(Protocol):
    """A folder that was opened. `fetch` may be called from several threads."""

    address: str

    def files(self) -> Iterator[RemoteFile]:
        """All files below. Raises FolderUnreadable where they cannot be listed."""
        ...

    def fetch(self, file: RemoteFile, target: Path, mark: str) -> tuple[str, int]:
        """Writes the file to `target`, whole or not at all. (mark, time in ns, 0 where it is not known).

        mark: of the copy that is there; where the file has it still, nothing is written. Raises RetrievalError,
        OSError.
        """
        ...


def wanted(name: str) -> bool:
    """Whether a gallery reads files of this name: pictures, also of kinds that are refused with a reason, and words."""
    suffix = suffix_of(PurePosixPath(name).name)
    return suffix in SUFFIXES or suffix in UNREAD_SUFFIXES or suffix in WORDS


def is_safe(name: str) -> bool:
    """Whether the name leads to a place below the copy, on every system."""
    parts = name.split("/")
    whole = len(name.encode("utf-8", "surrogatepass")) <= _LONGEST and not _CONTROLS.search(name)
    return whole and all(
        part not in ("", ".", "..")
        and not part.endswith((" ", "."))
        and len(part.encode("utf-8", "surrogatepass")) <= _LONGEST_PART
        for part in parts
    )
