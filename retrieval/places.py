"""Where this program keeps what it can make again: caches of vectors, drawings and thumbnails."""

import os
from pathlib import Path

from platformdirs import user_cache_path

CACHE_VARIABLE = "XCOMPOSER_CACHE_DIR"


def cache_folder(*parts: str) -> Path:
    """A folder under the user's cache for this program, created where absent.

    The environment variable XCOMPOSER_CACHE_DIR names another place. Raises OSError where it cannot be created.
    """
    chosen = os.environ.get(CACHE_VARIABLE)
    root = Path(chosen).expanduser() if chosen else user_cache_path("xcomposer-studio", appauthor=False)
    folder = root.joinpath(*parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
