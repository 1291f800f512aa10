"""Model files from Hugging Face and ModelScope: pinned to one version, found again, downloaded and checked.

Knows hubs, repositories and files; not what a model does with them.
"""

from composer.models.hub.files import (
    HUBS,
    Download,
    HubName,
    HubUnavailable,
    Source,
    fetch_files,
    find_download,
    repository_folder,
)

__all__ = [
    "HUBS",
    "Download",
    "HubName",
    "HubUnavailable",
    "Source",
    "fetch_files",
    "find_download",
    "repository_folder",
]
