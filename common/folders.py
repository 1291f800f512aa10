"""Where the program keeps what it can make or fetch again: models, vectors, drawings and thumbnails."""

import os
from pathlib import Path

from platformdirs import user_cache_path

CACHE_VARIABLE = "XCOMPOSER_CACHE_DIR"


def cache_path(*parts: str) -> Path:
    """A path under the user's cache of this program; nothing need exist there, and nothing is created.

    The environment variable XCOMPOSER_CACHE_DIR names another place for the cache.
    """
    chosen = os.environ.get(CACHE_VARIABLE)
    root = Path(chosen).expanduser() if chosen else user_cache_path("xcomposer-studio", appauthor=False)
    return root.joinpath(*parts)


def cache_folder(*parts: str) -> Path:
    """The folder at that path, created where absent. Raises OSError where it cannot be created."""
    folder = cache_path(*parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
