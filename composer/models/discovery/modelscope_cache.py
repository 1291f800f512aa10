"""ModelScope's cache: OWNER/NAME with the files themselves, dots of names as "___"; newer versions
OWNER--NAME/snapshots/BRANCH.

Its folder: MODELSCOPE_CACHE/models or MODELSCOPE_CACHE, else ~/.cache/modelscope/hub/models and, before version 1.22,
~/.cache/modelscope/hub. Sources: modelscope/hub/snapshot_download.py, pull requests 1197 and 1201 of
modelscope/modelscope.
"""

from collections.abc import Iterator
from pathlib import Path

from composer.models.discovery.found import Entry, folder_entry, gguf_entries, subfolders
from composer.models.discovery.places import home, named

_NOT_OWNERS = {"models", "datasets", "temp", "hub"}


def folders() -> list[Path]:
    set_by_person = named("MODELSCOPE_CACHE")
    hub = home() / ".cache" / "modelscope" / "hub"
    roots = [set_by_person, set_by_person / "hub"] if set_by_person else [hub]
    return [each for root in roots for each in (root / "models", root)]


def entries() -> Iterator[Entry]:
    seen: set[str] = set()
    for root in folders():
        for owner in subfolders(root):
            for name, folder in _of_owner(owner):
                if name not in seen:
                    seen.add(name)
                    model = folder_entry(folder, name)
                    yield from [model] if model is not None else gguf_entries(folder, name)


def _of_owner(owner: Path) -> Iterator[tuple[str, Path]]:
    """The models of an owner: name and folder."""
    if "--" in owner.name:
        for version in subfolders(owner / "snapshots")[:1]:
            yield _plain(owner.name).replace("--", "/", 1), version
    elif owner.name not in _NOT_OWNERS:
        for folder in subfolders(owner):
            yield f"{_plain(owner.name)}/{_plain(folder.name)}", folder


def _plain(name: str) -> str:
    return name.replace("___", ".")
