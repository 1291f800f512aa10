"""What ModelScope has, and where its files are, by its file API. See composer.models.hub.Client.

MODELSCOPE_ENDPOINT names another address. The repositories are open: no account and no package of ModelScope is needed.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from composer.models.hub import HubUnavailable, Remote, probe

ENDPOINT = "https://modelscope.cn"
TIMEOUT = (10.0, 60.0)  # seconds to connect, and for an answer
_COMMIT = re.compile("[0-9a-f]{40}")


def found(repository: str, revision: str) -> tuple[str, Path] | None:
    """None: what ModelScope's own programs downloaded is kept by branch, not by version."""
    return None


def listing(repository: str, revision: str) -> tuple[str, Mapping[str, Remote]]:
    """The commit of a branch is that of the file changed last: the hub names none for the whole."""
    probe(_endpoint())
    entries = [entry for entry in _files(repository, revision) if entry.get("Type") != "tree"]
    newest = max(entries, key=lambda entry: int(entry.get("CommittedDate") or 0), default={})
    commit = revision if _COMMIT.fullmatch(revision) else str(newest.get("Revision", ""))
    if not entries or not _COMMIT.fullmatch(commit):
        raise HubUnavailable(
            f"ModelScope has no such version of {repository}: {revision}", f"魔搭没有 {repository} 的版本：{revision}"
        )
    return commit, {str(e["Path"]): Remote(int(e["Size"]), str(e.get("Sha256") or "")) for e in entries}


def address(repository: str, commit: str, path: str) -> tuple[str, Mapping[str, str]]:
    return f"{_repository(repository)}/repo?{urlencode({'Revision': commit, 'FilePath': path})}", {}


def _endpoint() -> str:
    return os.environ.get("MODELSCOPE_ENDPOINT", "").rstrip("/") or ENDPOINT


def _repository(repository: str) -> str:
    return f"{_endpoint()}/api/v1/models/{quote(repository)}"


def _files(repository: str, revision: str) -> list[dict[str, Any]]:
    """Path, Size, Sha256, Type, Revision and CommittedDate of each file; none for a version that does not exist."""
    import requests

    try:
        query = {"Revision": revision, "Recursive": "True"}
        answer = requests.get(f"{_repository(repository)}/repo/files", params=query, timeout=TIMEOUT)
        if answer.status_code in (401, 403, 404):
            raise HubUnavailable(f"ModelScope has no open repository {repository}", f"魔搭中没有公开的 {repository}")
        answer.raise_for_status()
        return list(answer.json()["Data"]["Files"] or ())
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise HubUnavailable(f"ModelScope answered: {reason}", f"魔搭的回答：{reason}") from error
