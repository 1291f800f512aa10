"""The files of a repository on the Hugging Face hub and their addresses; see composer.models.hub.files.Client.

HF_ENDPOINT names a mirror, HF_TOKEN opens closed repositories, HF_HUB_OFFLINE=1 forbids asking the network. What other
programs downloaded into their common cache (HF_HOME) is found there.
"""

import importlib
import importlib.util
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from common.messages import _
from composer.models.hub.files import HubUnavailable, RemoteFile, check_reachable


def find_cached(repository: str, revision: str) -> tuple[str, Path] | None:
    """The branch's commit and folder in Hugging Face's own cache."""
    from huggingface_hub import constants

    cache = Path(constants.HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}"
    try:
        commit = (cache / "refs" / revision).read_text("utf-8").strip()
    except OSError:
        return None
    return (commit, cache / "snapshots" / commit) if commit else None


def list_files(repository: str, revision: str) -> tuple[str, Mapping[str, RemoteFile]]:
    """The branch's present commit and its files. Raises HubUnavailable."""
    from huggingface_hub import HfApi, constants

    if constants.HF_HUB_OFFLINE:
        raise HubUnavailable(_("HF_HUB_OFFLINE is set"))
    check_reachable(constants.ENDPOINT)
    with _readable_errors(repository):
        info = HfApi(endpoint=constants.ENDPOINT).model_info(repository, revision=revision, files_metadata=True)
    files = {
        file.rfilename: RemoteFile(int(file.size or 0), str(file.lfs.sha256) if file.lfs else "")
        for file in info.siblings or ()
    }
    return str(info.sha), files


def file_url(repository: str, commit: str, path: str) -> tuple[str, Mapping[str, str]]:
    """The file's address, and the headers with the person's token if there is one."""
    from huggingface_hub import constants, get_token, hf_hub_url

    token = get_token()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return hf_hub_url(repository, path, revision=commit, endpoint=constants.ENDPOINT), headers


@contextmanager
def _readable_errors(repository: str) -> Iterator[None]:
    """Turns the errors of the hub's client into HubUnavailable."""
    from huggingface_hub import errors

    try:
        yield
    except errors.RevisionNotFoundError as error:
        raise HubUnavailable(_("the hub has no such version of {repository}", repository=repository)) from error
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        raise HubUnavailable(_("the hub has no open repository {repository}", repository=repository)) from error
    except _transport_errors() as error:  # the client's other errors are subclasses of these
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise HubUnavailable(_("the hub answered: {reason}", reason=reason)) from error


def _transport_errors() -> tuple[type[Exception], ...]:
    """The error classes of the HTTP library that the hub's client uses; which one that is depends on its release."""
    names = {"httpx2": "HTTPError", "httpx": "HTTPError", "requests": "RequestException"}
    installed = {name: error for name, error in names.items() if importlib.util.find_spec(name) is not None}
    return tuple(getattr(importlib.import_module(name), error) for name, error in installed.items())
