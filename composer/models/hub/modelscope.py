"""The files of a repository on ModelScope and their addresses, by its file API; see composer.models.hub.files.Client.

MODELSCOPE_ENDPOINT names another server. The repositories are open: no account is needed, nor ModelScope's package.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from common.messages import _
from composer.models.hub.files import HubUnavailable, RemoteFile, check_reachable

ENDPOINT = "https://modelscope.cn"
TIMEOUT = (10.0, 60.0)  # seconds to connect, and for an answer
_COMMIT = re.compile("[0-9a-f]{40}")


def find_cached(repository: str, revision: str) -> tuple[str, Path] | None:
    """Always None: ModelScope's own programs keep their downloads by branch, so that the version is not known."""
    return None


def list_files(repository: str, revision: str) -> tuple[str, Mapping[str, RemoteFile]]:
    """A commit and its files. The commit of a branch is that of its newest file, as the hub names no other."""
    check_reachable(_endpoint())
    entries = [entry for entry in _files(repository, revision) if entry.get("Type") != "tree"]
    newest = max(entries, key=lambda entry: int(entry.get("CommittedDate") or 0), default={})
    commit = revision if _COMMIT.fullmatch(revision) else str(newest.get("Revision", ""))
    if not entries or not _COMMIT.fullmatch(commit):
        raise HubUnavailable(
            _("ModelScope has no such version of {repository}: {revision}", repository=repository, revision=revision)
        )
    return commit, {str(e["Path"]): RemoteFile(int(e["Size"]), str(e.get("Sha256") or "")) for e in entries}


def file_url(repository: str, commit: str, path: str) -> tuple[str, Mapping[str, str]]:
    """The file's address; no headers are needed."""
    return f"{_repository(repository)}/repo?{urlencode({'Revision': commit, 'FilePath': path})}", {}


def _endpoint() -> str:
    return os.environ.get("MODELSCOPE_ENDPOINT", "").rstrip("/") or ENDPOINT


def _repository(repository: str) -> str:
    return f"{_endpoint()}/api/v1/models/{quote(repository)}"


def _files(repository: str, revision: str) -> list[dict[str, Any]]:
    """Each file's Path, Size, Sha256, Type, Revision and CommittedDate; no files for a version that does not exist."""
    import requests

    try:
        query = {"Revision": revision, "Recursive": "True"}
        answer = requests.get(f"{_repository(repository)}/repo/files", params=query, timeout=TIMEOUT)
        if answer.status_code in (401, 403, 404):
            raise HubUnavailable(_("ModelScope has no open repository {repository}", repository=repository))
        answer.raise_for_status()
        return list(answer.json()["Data"]["Files"] or ())
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise HubUnavailable(_("ModelScope answered: {reason}", reason=reason)) from error
