"""Paths of files as the catalogue holds them, and back. Knows how names may look, not what lies there.

A name on a disk is bytes, or on Windows 16-bit numbers; what is no Unicode in it stands in Python's text as a lone
surrogate (PEP 383), which no database and no JSON takes. In the catalogue it is written as a mark and four digits:
every path has one such form, no two have the same, and what lies in a folder begins with the folder's form.
"""

import os
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

MARK = "\ufdd0"  # a code that Unicode keeps free of characters for ever
_WINDOWS = os.name == "nt"
_EXTENDED = "\\\\?\\"  # how Windows is told that a path may have more than 260 characters
_EXTENDED_SHARE = "\\\\?\\UNC"
_LONGEST = 248  # characters of a folder's path that Windows takes without it
_HALF = re.compile("[\ud800-\udfff]")
_UNSTORABLE = re.compile(f"[\ud800-\udfff{MARK}]")
_STORED = re.compile(f"{MARK}([0-9a-f]{{4}})")


def stored_path(path: str) -> str:
    """The form of a path that the catalogue, JSON and the page can hold; most paths are their own."""
    if path.startswith(_EXTENDED) and _WINDOWS:
        share = path.startswith(_EXTENDED_SHARE)
        path = "\\" + path[len(_EXTENDED_SHARE) :] if share else path[len(_EXTENDED) :]
    return _UNSTORABLE.sub(lambda found: f"{MARK}{ord(found[0]):04x}", path)


def real_path(stored: str) -> str:
    """The path that has this form in the catalogue, as the system opens it."""
    return openable(_STORED.sub(lambda found: chr(int(found[1], 16)), stored))


def is_unicode(path: str) -> bool:
    """Whether all of a path is text: only then JSON, addresses and other programs can name it."""
    return _HALF.search(path) is None


def openable(path: str) -> str:
    """An absolute path in the form in which the system opens it, however long it is."""
    if not _WINDOWS or len(path) < _LONGEST or path.startswith(_EXTENDED):
        return path
    return _EXTENDED_SHARE + path[1:] if path.startswith("\\\\") else _EXTENDED + path


def under(root: str | Path) -> tuple[str, str]:
    """A half-open range of stored paths that holds exactly those under `root`."""
    prefix = stored_path(str(Path(root))).rstrip(os.sep) + os.sep
    return prefix, prefix[:-1] + chr(ord(prefix[-1]) + 1)


def folder_counts(paths: Iterable[str]) -> dict[str, int]:
    """Folder -> how many of the absolute paths lie in it or below, from the folder that holds them all, by name."""
    direct = Counter(os.path.split(path)[0] for path in paths)
    if not direct:
        return {}
    top = os.path.commonpath(direct)
    counts: Counter[str] = Counter()
    for folder, count in direct.items():
        while True:
            counts[folder] += count
            if len(folder) <= len(top):
                break
            folder = os.path.split(folder)[0]
    return dict(sorted(counts.items()))
