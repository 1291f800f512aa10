"""Files that were dropped in: copied into a gallery's own folder, where indexing finds them. Knows files only.

Each picture lies in a folder named by its content, with the files beside it that hold its words. What was removed from
the gallery stays there, and stands in the folder's `.galleryignore` until it is dropped in again.
"""

import re
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from retrieval.encoders import file_sha256
from retrieval.ingest.metadata import SIDECAR_SUFFIXES, Beside, readable_name
from retrieval.ingest.rules import IGNORE_FILE

LONGEST_NAME = 200  # bytes of a copied file's name: file systems take 255, and a part of it needs more


def take_in(files: Sequence[Path], own: Path) -> None:
    """Copies pictures into the folder `own`, and of other files those that hold their words. Raises OSError."""
    own.mkdir(exist_ok=True)
    named = {file.name: file for file in files}
    count = Counter(file.name for file in files)
    beside = Beside(named)
    taken = set()
    for file in files:
        if file.suffix.lower() in SIDECAR_SUFFIXES:
            continue
        name = _safe_name(file.name)
        folder = own / file_sha256(file)[:12]  # two files of one name stay two
        folder.mkdir(exist_ok=True)
        _copy(file, folder / name)
        taken.add(folder.name)
        if count[file.name] == 1:  # else nobody knows whose words they are
            for words in map(named.__getitem__, beside.of(file.name)):
                _copy(words, folder / f"{name}{words.suffix.lower()}")
    _ignore(own, without=taken)


def leave_out(paths: Iterable[str], own: Path) -> None:
    """Has indexing pass over those of the files that lie in the folder `own`. Raises OSError."""
    folders = {Path(path).parent.name for path in paths if Path(path).parent.parent == own}
    if folders:
        _ignore(own, also=folders)


def _ignore(own: Path, *, also: Iterable[str] = (), without: Iterable[str] = ()) -> None:
    file = own / IGNORE_FILE
    rules = file.read_text("utf-8").splitlines() if file.is_file() else []
    gone = {f"/{folder}/" for folder in without}
    kept = [rule for rule in dict.fromkeys([*rules, *(f"/{folder}/" for folder in sorted(also))]) if rule not in gone]
    if kept != rules:
        part = file.with_suffix(".part")
        part.write_text("".join(f"{rule}\n" for rule in kept), "utf-8")
        part.replace(file)


def _safe_name(name: str) -> str:
    name = re.sub(r"[^\w. -]+", "_", readable_name(name))
    return name.encode()[-LONGEST_NAME:].decode("utf-8", "ignore").lstrip(". ") or "picture"


def _copy(source: Path, target: Path) -> None:
    part = target.with_name(f".{target.name}.part")
    shutil.copyfile(source, part)
    part.replace(target)
