"""Hugging Face's cache: models--OWNER--NAME/{refs/BRANCH, snapshots/COMMIT/FILES, blobs}.

Its folder: HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME/hub, ~/.cache/huggingface/hub. llama.cpp's newer versions keep
their downloads in it too, or in LLAMA_CACHE with the same layout. Sources: huggingface_hub/constants.py;
common/hf-cache.cpp of llama.cpp.
"""

from collections.abc import Iterator
from pathlib import Path

from common.messages import _
from composer.models.discovery.found import Entry, folder_entry, gguf_entries, subfolders
from composer.models.discovery.places import home, named
from composer.models.gguf import projectors_in

_PREFIX = "models--"


def folder() -> Path:
    hub = named("HF_HUB_CACHE") or named("HUGGINGFACE_HUB_CACHE")
    if hub is not None:
        return hub
    above = named("HF_HOME")
    if above is None:
        caches = named("XDG_CACHE_HOME") or home() / ".cache"
        above = caches / "huggingface"
    return above / "hub"


def entries() -> Iterator[Entry]:
    yield from entries_in(folder())


def entries_in(cache: Path) -> Iterator[Entry]:
    """The models of a cache of that layout."""
    for repository in subfolders(cache):
        if repository.name.startswith(_PREFIX):
            name = repository.name[len(_PREFIX) :].replace("--", "/", 1)
            yield from _of_repository(repository, name)


def _of_repository(repository: Path, name: str) -> Iterator[Entry]:
    snapshot = _snapshot(repository)
    if snapshot is None:
        if any((repository / "blobs").glob("*.incomplete")):
            yield Entry(
                name, repository, problem=_("Its download was not finished. Go on with: hf download {name}", name=name)
            )
        return
    model = folder_entry(snapshot, name)
    if model is not None:
        yield model
        return
    # large models lie in a folder for each precision
    found = [(each, list(gguf_entries(each, name))) for each in (snapshot, *subfolders(snapshot))]
    with_models = [each for each in found if each[1]]
    for folder_of, entries_of in with_models:
        inner = len(with_models) > 1 and folder_of != snapshot
        for entry in gguf_entries(folder_of, f"{name}:{folder_of.name}") if inner else entries_of:
            yield _with_outer_projector(entry, snapshot)


def _with_outer_projector(entry: Entry, snapshot: Path) -> Entry:
    """The picture part of a model in a folder for its precision lies in the folder above."""
    if entry.path.parent == snapshot:
        return entry
    found = [*projectors_in(entry.path.parent), *projectors_in(snapshot)]
    return Entry(entry.name, entry.path, found[0] if found else None)


def _snapshot(repository: Path) -> Path | None:
    """The folder of the version in use: that of the branch main, else the newest."""
    snapshots = repository / "snapshots"
    try:
        commit = (repository / "refs" / "main").read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        commit = ""
    if commit and "/" not in commit and (snapshots / commit).is_dir():
        return snapshots / commit
    return max(subfolders(snapshots), key=lambda path: path.stat().st_mtime, default=None)
