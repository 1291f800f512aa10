"""Downloads of a model's files from a hub: pinned to one version, found again, continued, updated.

The first download records beside the files which commit it took and which files belong to it. Later starts read that
record: they stay on that commit, know whether every file is there, and never ask the network. Knows no hub itself; each
hub has a module (huggingface, modelscope) with the functions of `Client`.
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

from common.folders import cache_path
from common.messages import Text, _
from composer.models.base import LoadProgress
from composer.models.hub.fetching import PART_SUFFIX, FetchFailed, FileRequest, FileUnavailable, fetch_all

HubName = Literal["huggingface", "modelscope"]
HUBS: tuple[HubName, ...] = get_args(HubName)
RECORD = "xcomposer.json"  # in a repository's folder: branch -> commit and its files
_CONFIG = "config.json"  # says which kind of model it is
PROBE_SECONDS = 5.0  # without an answer until a hub counts as out of reach

Progress = Callable[[LoadProgress], None]


class HubUnavailable(Exception):
    """The hub cannot be reached or used, or does not have the files. `reason` is a clause that says which."""

    def __init__(self, reason: Text) -> None:
        super().__init__(reason.text())
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Source:
    """A repository on a hub, and which of its files are needed."""

    hub: HubName
    repository: str
    revision: str  # branch, tag or commit
    patterns: tuple[str, ...]  # of the names of those files
    needed: tuple[str, ...] = ()  # of these patterns each must stand for a file there


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file on a hub."""

    size: int  # bytes
    sha256: str = ""  # of the content, where the hub tells it


@dataclass(frozen=True, slots=True)
class Download:
    """One version of a repository, and the folder on this machine where its files are or will be."""

    source: Source
    commit: str
    files: Mapping[str, RemoteFile]
    folder: Path

    @property
    def missing(self) -> list[str]:
        """Files that are absent here or have another size than on the hub."""
        return [path for path, remote in self.files.items() if _size(self.folder / path) != remote.size]

    @property
    def complete(self) -> bool:
        return not self.missing

    @property
    def total_bytes(self) -> int:
        return sum(remote.size for remote in self.files.values())

    @property
    def downloaded_bytes(self) -> int:
        """Bytes that are here already, those of unfinished files included."""
        unfinished = (max(0, _size(self.folder / (path + PART_SUFFIX))) for path in self.missing)
        return self.total_bytes - sum(self.files[path].size for path in self.missing) + sum(unfinished)


class Client(Protocol):
    """The functions of a hub's module."""

    def find_cached(self, repository: str, revision: str) -> tuple[str, Path] | None:
        """What another program downloaded of this branch, where that can be known: its commit and its folder."""
        ...

    def list_files(self, repository: str, revision: str) -> tuple[str, Mapping[str, RemoteFile]]:
        """The commit that the branch points to now, and all its files. Raises HubUnavailable."""
        ...

    def file_url(self, repository: str, commit: str, path: str) -> tuple[str, Mapping[str, str]]:
        """The address of a file, and the headers of the request for it."""
        ...


def repository_folder(source: Source) -> Path:
    """The repository's folder on this machine: it holds the record, and in "snapshots" one folder for each commit."""
    return cache_path("models", source.hub, source.repository.replace("/", "--"))


def find_download(source: Source) -> Download | None:
    """What is here of a repository, complete or not; None where no download was begun. Asks no network."""
    recorded = _recorded_download(source)
    if recorded is not None:
        return recorded
    other = client(source.hub).find_cached(source.repository, source.revision)
    if other is None or not _looks_complete(other[1]):
        return None
    # another program downloaded it and may move the branch later: the record pins the version that is there now
    commit, folder = other
    names = [path.name for path in folder.iterdir() if path.is_file() and _is_wanted(path.name, source.patterns)]
    download = Download(source, commit, {name: RemoteFile(_size(folder / name)) for name in names}, folder)
    _write_record(download)
    return download


def fetch_files(
    source: Source, report: Progress, *, update: bool = False, check: Callable[[Path], None] | None = None
) -> Path:
    """The folder with all files of a repository; downloads those that are not here.

    Stays on the commit of the first download. `update` takes the commit that the branch points to now; the old version
    stays in use until the new one is complete. check: looks at the folder when its config.json is there, before the
    rest is fetched; what it raises ends the download. Raises HubUnavailable, OSError (e.g. disk full).
    """
    known = find_download(source)
    if known is not None and known.complete and not update:
        return known.folder
    if known is None or update:
        commit, files = client(source.hub).list_files(source.repository, source.revision)
        files = {path: remote for path, remote in files.items() if _is_wanted(path, source.patterns)}
        if not files:
            raise HubUnavailable(_("{repository} has no model files", repository=source.repository))
        lacking = [name for name in source.needed if not fnmatch.filter(files, name)]
        if lacking:
            raise HubUnavailable(
                _(
                    "{repository} has no file {names}; what is loaded by the name of its repository has. Of GGUF files "
                    "download one and name it: --model FILE.gguf",
                    repository=source.repository,
                    names=lacking,
                )
            )
        first = known is None
        known = Download(source, commit, files, repository_folder(source) / "snapshots" / commit)
        if first:
            _write_record(known)  # an interrupted download stays on its commit
    else:
        # an interrupted download, or one whose files another program has removed since
        known = Download(source, known.commit, known.files, repository_folder(source) / "snapshots" / known.commit)
    _fetch_missing(known, report, check)
    _write_record(known)
    return known.folder


def _fetch_missing(download: Download, report: Progress, check: Callable[[Path], None] | None) -> None:
    """Fetches the files that are missing. Raises HubUnavailable, OSError."""
    from filelock import FileLock, Timeout

    source, folder = download.source, download.folder
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=0):
            missing = download.missing
            free, needed = shutil.disk_usage(folder).free, download.total_bytes - download.downloaded_bytes
            if free < needed:
                raise HubUnavailable(
                    _(
                        "{folder} needs {needed:.1f} GB, {free:.1f} are free; XCOMPOSER_CACHE_DIR names another place",
                        folder=folder,
                        needed=needed / 1e9,
                        free=free / 1e9,
                    )
                )
            lock, total = threading.Lock(), download.total_bytes
            done = total - sum(download.files[path].size for path in missing)

            def report_progress(more: int) -> None:
                nonlocal done
                with lock:
                    done += more
                    report(LoadProgress("download", done, total, source.repository))

            report_progress(0)
            hub = client(source.hub)
            requests = []
            for path in missing:
                (folder / path).unlink(missing_ok=True)  # it has the wrong size
                url, headers = hub.file_url(source.repository, download.commit, path)
                remote = download.files[path]
                requests.append(FileRequest(url, folder / path, remote.size, remote.sha256, headers))
            if check is not None:
                first = [request for request in requests if request.target.name == _CONFIG]
                fetch_all(first, report_progress)
                check(folder)
                requests = [request for request in requests if request not in first]
            fetch_all(requests, report_progress)
    except Timeout as error:
        raise HubUnavailable(_("another program is downloading it at this moment")) from error
    except FileUnavailable as error:
        version = f"{source.repository} {download.commit[:8]}"
        raise HubUnavailable(
            _("the hub does not have {version} any more; --update takes its present version", version=version),
        ) from error
    except FetchFailed as error:
        raise HubUnavailable(_("the download broke: {error}", error=error)) from error


def client(hub: HubName) -> Client:
    return cast(Client, importlib.import_module(f"composer.models.hub.{hub}"))


def check_reachable(address: str) -> None:
    """Asks once: the hubs' own clients retry an unreachable hub for half a minute. Raises HubUnavailable."""
    import requests

    try:
        requests.head(address, timeout=PROBE_SECONDS)
    except requests.RequestException as error:
        host = address.partition("://")[2].partition("/")[0]
        raise HubUnavailable(_("the model hub {host} cannot be reached; is this machine online?", host=host)) from error


def _is_wanted(path: str, patterns: Sequence[str]) -> bool:
    """Whether the file is needed. Files of a checkpoint lie at the top; other paths of a hub are not trusted."""
    return Path(path).name == path and any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)


def _looks_complete(folder: Path) -> bool:
    """Whether a checkpoint's folder that another program made has its configuration, tokenizer and all weights."""
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


def _read_records(source: Source) -> dict[str, Any]:
    try:
        values = json.loads((repository_folder(source) / RECORD).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _recorded_download(source: Source) -> Download | None:
    entry: Any = _read_records(source).get(source.revision)
    try:
        files = {str(path): RemoteFile(int(f["size"]), str(f["sha256"])) for path, f in entry["files"].items()}
        own = repository_folder(source) / "snapshots" / str(entry["commit"])
        return Download(source, str(entry["commit"]), files, Path(entry["folder"]) if entry["folder"] else own)
    except (TypeError, KeyError, ValueError, AttributeError):  # no record, or a damaged one
        return None


def _write_record(download: Download) -> None:
    source = download.source
    files = {path: asdict(remote) for path, remote in download.files.items()}
    folder = "" if download.folder.is_relative_to(repository_folder(source)) else str(download.folder)
    entry = {"commit": download.commit, "folder": folder, "files": files}
    path = repository_folder(source) / RECORD
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps({**_read_records(source), source.revision: entry}, indent=1), "utf-8")
    part.replace(path)
