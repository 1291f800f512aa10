"""What the Hugging Face hub has, and where its files are. See composer.models.hub.Client.

HF_ENDPOINT names a mirror, HF_TOKEN opens closed repositories, HF_HUB_OFFLINE=1 keeps it off the network. Downloads
that other programs made into the cache they share (HF_HOME) are found.
"""

import importlib
import importlib.util
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from composer.models.hub import HubUnavailable, Remote, probe


def found(repository: str, revision: str) -> tuple[str, Path] | None:
    from huggingface_hub import constants

    cache = Path(constants.HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}"
    try:
        commit = (cache / "refs" / revision).read_text("utf-8").strip()
    except OSError:
        return None
    return (commit, cache / "snapshots" / commit) if commit else None


def listing(repository: str, revision: str) -> tuple[str, Mapping[str, Remote]]:
    from huggingface_hub import HfApi, constants

    if constants.HF_HUB_OFFLINE:
        raise HubUnavailable("HF_HUB_OFFLINE is set", "已设置 HF_HUB_OFFLINE")
    probe(constants.ENDPOINT)
    with _said_plainly(repository):
        info = HfApi(endpoint=constants.ENDPOINT).model_info(repository, revision=revision, files_metadata=True)
    files = {
        file.rfilename: Remote(int(file.size or 0), str(file.lfs.sha256) if file.lfs else "")
        for file in info.siblings or ()
    }
    return str(info.sha), files


def address(repository: str, commit: str, path: str) -> tuple[str, Mapping[str, str]]:
    from huggingface_hub import constants, get_token, hf_hub_url

    token = get_token()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return hf_hub_url(repository, path, revision=commit, endpoint=constants.ENDPOINT), headers


@contextmanager
def _said_plainly(repository: str) -> Iterator[None]:
    from huggingface_hub import errors

    try:
        yield
    except errors.RevisionNotFoundError as error:
        raise HubUnavailable(
            f"the hub has no such version of {repository}", f"模型仓库中没有 {repository} 的这个版本"
        ) from error
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        raise HubUnavailable(
            f"the hub has no open repository {repository}", f"模型仓库中没有公开的 {repository}"
        ) from error
    except _transport_errors() as error:  # the hub's own errors are among them
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise HubUnavailable(f"the hub answered: {reason}", f"模型仓库的回答：{reason}") from error


def _transport_errors() -> tuple[type[Exception], ...]:
    """What the HTTP library under the hub's client raises; which one it is depends on the client's release."""
    names = {"httpx2": "HTTPError", "httpx": "HTTPError", "requests": "RequestException"}
    installed = {name: error for name, error in names.items() if importlib.util.find_spec(name) is not None}
    return tuple(getattr(importlib.import_module(name), error) for name, error in installed.items())
