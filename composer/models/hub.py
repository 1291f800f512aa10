"""Files from the Hugging Face hub: found in its cache, or downloaded with progress, resumable.

The hub's own client asks an unreachable hub six times, 23 s in all. One short question before it says so at once.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from composer.models.base import LoadProgress

PROBE_SECONDS = 5.0  # without an answer until the hub counts as out of reach

Progress = Callable[[LoadProgress], None]


class HubUnavailable(Exception):
    """The hub cannot be reached, or does not have the file."""


def download_file(repository: str, file: str, folder: Path, *, report: Progress, revision: str = "main") -> Path:
    """One file into `folder`, continuing an interrupted download. Raises HubUnavailable, OSError (e.g. disk full)."""
    from huggingface_hub import hf_hub_download

    with _said_plainly(repository):
        _probe(repository)
        return Path(
            hf_hub_download(
                repository, file, revision=revision, local_dir=folder, tqdm_class=_reporting(report, repository)
            )
        )


def download_folder(repository: str, patterns: Sequence[str], *, report: Progress, revision: str = "main") -> Path:
    """The files of a repository that fit `patterns`, in the hub's own cache. Raises HubUnavailable, OSError."""
    from huggingface_hub import snapshot_download

    with _said_plainly(repository):
        _probe(repository)
        return Path(
            snapshot_download(
                repository,
                revision=revision,
                allow_patterns=list(patterns),
                tqdm_class=_reporting(report, repository),
            )
        )


def cached_folder(repository: str, revision: str = "main") -> Path | None:
    """Where the hub's cache has this repository; None where it has not."""
    from huggingface_hub import snapshot_download

    try:
        with _said_plainly(repository):
            return Path(snapshot_download(repository, revision=revision, local_files_only=True))
    except HubUnavailable:
        return None


def _probe(repository: str) -> None:
    import requests
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        raise HubUnavailable("HF_HUB_OFFLINE is set")
    requests.head(f"{constants.ENDPOINT}/{repository}", timeout=PROBE_SECONDS)


@contextmanager
def _said_plainly(repository: str) -> Iterator[None]:
    import requests
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled

    unavailable = (
        requests.RequestException,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
    )
    try:
        yield
    except (requests.ConnectionError, requests.Timeout) as error:
        raise HubUnavailable("the model hub cannot be reached") from error
    except unavailable as error:
        raise HubUnavailable(str(error).splitlines()[0]) from error


def _reporting(report: Progress, detail: str) -> type[Any]:
    """A progress bar class that reports bytes instead of drawing."""
    from tqdm import tqdm

    class Reporting(tqdm):  # type: ignore[type-arg]  # generic in the stubs only
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)  # the hub's own argument, unknown to tqdm
            super().__init__(*args, **{**kwargs, "disable": False, "file": io.StringIO()})

        def update(self, n: float | None = 1) -> bool | None:
            drawn = super().update(n)
            if self.unit == "B":
                report(LoadProgress("download", int(self.n), int(self.total or 0), detail))
            return drawn

    return Reporting
