"""A model's files from a hub: pinned to one version, found again, or downloaded with progress and continued.

The first download records beside the files which commit it took and what belongs to it. Later starts read that record:
they stay on that commit, know whether everything is there, and never ask the network. Knows no hub itself; each has a
module (huggingface, modelscope) with the functions of `Client`.
"""

import fnmatch
import importlib
import json
import os
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, cast, get_args

from composer.models.base import LoadProgress
from composer.models.fetching import PART, Broken, Gone, Wish, fetch_all
from composer.settings import cache_folder

HubName = Literal["huggingface", "modelscope"]
HUBS: tuple[HubName, ...] = get_args(HubName)
RECORD = "xcomposer.json"  # in a repository's folder: branch -> commit and its files
PROBE_SECONDS = 5.0  # without an answer until a hub counts as out of reach

Progress = Callable[[LoadProgress], None]


class HubUnavailable(Exception):
    """The hub cannot be reached or used, or does not have the files. `reason_en`, `reason_zh`: a clause each."""

    def __init__(self, reason_en: str, reason_zh: str = "") -> None:
        super().__init__(reason_en)
        self.reason_en, self.reason_zh = reason_en, reason_zh or reason_en


@dataclass(frozen=True, slots=True)
class Source:
    """A repository on a hub, and what of it is wanted."""

    hub: HubName
    repository: str
    revision: str  # branch, tag or commit
    patterns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Remote:
    """A file on a hub."""

    size: int  # bytes
    sha256: str = ""  # of the content, where the hub tells it


@dataclass(frozen=True, slots=True)
class Download:
    """One version of a repository, and the folder on this machine where its files are or will be."""

    source: Source
    commit: str
    files: Mapping[str, Remote]
    folder: Path

    @property
    def missing(self) -> list[str]:
        """Files that are absent or have another size than on the hub."""
        return [path for path, remote in self.files.items() if _size(self.folder / path) != remote.size]

    @property
    def complete(self) -> bool:
        return not self.missing

    @property
    def total(self) -> int:
        return sum(remote.size for remote in self.files.values())

    @property
    def here(self) -> int:
        """Bytes that need not be downloaded any more."""
        begun = (max(0, _size(self.folder / (path + PART))) for path in self.missing)
        return self.total - sum(self.files[path].size for path in self.missing) + sum(begun)


class Client(Protocol):
    """What a hub's module has."""

    def found(self, repository: str, revision: str) -> tuple[str, Path] | None:
        """The commit that another program downloaded for this branch and its folder, where that can be known."""
        ...

    def listing(self, repository: str, revision: str) -> tuple[str, Mapping[str, Remote]]:
        """The commit that the branch stands for now, and all its files. Raises HubUnavailable."""
        ...

    def address(self, repository: str, commit: str, path: str) -> tuple[str, Mapping[str, str]]:
        """Where a file is, and the headers to ask with."""
        ...


def place(source: Source) -> Path:
    """The repository's folder on this machine: the record, and a folder a commit in "snapshots"."""
    return cache_folder() / "models" / source.hub / source.repository.replace("/", "--")


def find(source: Source) -> Download | None:
    """What is here of a repository, whole or not; None where nothing was begun. Asks no network."""
    recorded = _recorded(source)
    if recorded is not None:
        return recorded
    elsewhere = client(source.hub).found(source.repository, source.revision)
    if elsewhere is None or not _looks_whole(elsewhere[1]):
        return None
    # downloaded by another program, which may move the branch later: this start settles the version
    names = [path.name for path in elsewhere[1].iterdir() if path.is_file() and _wanted(path.name, source.patterns)]
    files = {name: Remote(_size(elsewhere[1] / name)) for name in names}
    download = Download(source, elsewhere[0], files, elsewhere[1])
    _record(download)
    return download


def fetch(source: Source, report: Progress, *, update: bool = False) -> Path:
    """The folder with all files of a repository, downloaded where they are not here.

    Stays on the commit of the first download. `update` takes what the branch stands for now; the old version stays in
    use until the new one is whole. Raises HubUnavailable, OSError (e.g. disk full).
    """
    known = find(source)
    if known is not None and known.complete and not update:
        return known.folder
    if known is None or update:
        commit, files = client(source.hub).listing(source.repository, source.revision)
        files = {path: remote for path, remote in files.items() if _wanted(path, source.patterns)}
        if not files:
            raise HubUnavailable(f"{source.repository} has no model files", f"{source.repository} 中没有模型文件")
        first = known is None
        known = Download(source, commit, files, place(source) / "snapshots" / commit)
        if first:
            _record(known)  # an interrupted download stays on its commit
    else:
        # a record whose files another program has removed since
        known = Download(source, known.commit, known.files, place(source) / "snapshots" / known.commit)
    _complete(known, report)
    _record(known)
    return known.folder


def _complete(download: Download, report: Progress) -> None:
    """Fetches what is missing."""
    from filelock import FileLock, Timeout

    source, folder = download.source, download.folder
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=0):
            missing = download.missing
            free, needed = shutil.disk_usage(folder).free, download.total - download.here
            if free < needed:
                sizes = f"{needed / 1e9:.1f}", f"{free / 1e9:.1f}"
                raise HubUnavailable(
                    f"{folder} needs {sizes[0]} GB, {sizes[1]} are free; XCOMPOSER_CACHE_DIR names another place",
                    f"{folder} 需要 {sizes[0]} GB，可用 {sizes[1]}；可用 XCOMPOSER_CACHE_DIR 指定其他位置",
                )
            lock, total = threading.Lock(), download.total
            done = total - sum(download.files[path].size for path in missing)

            def told(more: int) -> None:
                nonlocal done
                with lock:
                    done += more
                    report(LoadProgress("download", done, total, source.repository))

            told(0)
            hub = client(source.hub)
            wishes = []
            for path in missing:
                (folder / path).unlink(missing_ok=True)  # of a wrong size
                address, headers = hub.address(source.repository, download.commit, path)
                remote = download.files[path]
                wishes.append(Wish(address, folder / path, remote.size, remote.sha256, headers))
            fetch_all(wishes, told)
    except Timeout as error:
        raise HubUnavailable("another program is downloading it at this moment", "另一个程序正在下载该模型") from error
    except Gone as error:
        version = f"{source.repository} {download.commit[:8]}"
        raise HubUnavailable(
            f"the hub does not have {version} any more; --update takes its present version",
            f"模型仓库中已没有 {version}；--update 可改用当前版本",
        ) from error
    except Broken as error:
        raise HubUnavailable(f"the download broke: {error}", f"下载中断：{error}") from error


def client(hub: HubName) -> Client:
    return cast(Client, importlib.import_module(f"composer.models.{hub}"))


def probe(address: str) -> None:
    """One short question: the hubs' own clients ask an unreachable hub for half a minute. Raises HubUnavailable."""
    import requests

    try:
        requests.head(address, timeout=PROBE_SECONDS)
    except requests.RequestException as error:
        host = address.partition("://")[2].partition("/")[0]
        raise HubUnavailable(
            f"the model hub {host} cannot be reached; is this machine online?", f"无法访问模型仓库 {host}，请检查网络"
        ) from error


def _wanted(path: str, patterns: Sequence[str]) -> bool:
    """Whether it is a file of the checkpoint; these lie at the top, and a hub's word for a path is not trusted."""
    return Path(path).name == path and any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)


def _looks_whole(folder: Path) -> bool:
    """Whether a checkpoint's folder of unknown origin has its configuration, tokenizer and all weights."""
    if not ((folder / "config.json").is_file() and (folder / "tokenizer.model").is_file()):
        return False
    for index in folder.glob("*.index.json"):
        try:
            shards = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return False
        return all((folder / str(shard)).is_file() for shard in shards)
    return any((*folder.glob("*.safetensors"), *folder.glob("*.bin")))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


# -- the record ------------------------------------------------------------------------------------------------------


def _records(source: Source) -> dict[str, Any]:
    try:
        values = json.loads((place(source) / RECORD).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _recorded(source: Source) -> Download | None:
    entry: Any = _records(source).get(source.revision)
    try:
        files = {str(path): Remote(int(f["size"]), str(f["sha256"])) for path, f in entry["files"].items()}
        ours = place(source) / "snapshots" / str(entry["commit"])
        return Download(source, str(entry["commit"]), files, Path(entry["folder"]) if entry["folder"] else ours)
    except (TypeError, KeyError, ValueError, AttributeError):  # no record, or a damaged one
        return None


def _record(download: Download) -> None:
    source = download.source
    files = {path: asdict(remote) for path, remote in download.files.items()}
    folder = "" if download.folder.is_relative_to(place(source)) else str(download.folder)
    entry = {"commit": download.commit, "folder": folder, "files": files}
    path = place(source) / RECORD
    path.parent.mkdir(parents=True, exist_ok=True)
    written = path.with_suffix(f".{os.getpid()}")
    written.write_text(json.dumps({**_records(source), source.revision: entry}, indent=1), "utf-8")
    written.replace(path)
