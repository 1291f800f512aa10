"""Where the program keeps things: in the cache what it can make or fetch again (models, vectors, drawings,
thumbnails), among the user's data what nobody can make again (drafts).
"""

import os
from pathlib import Path

CACHE_VARIABLE = "XCOMPOSER_CACHE_DIR"
DATA_VARIABLE = "XCOMPOSER_DATA"


def cache_path(*parts: str) -> Path:
    """A path under the user's cache of this program; nothing need exist there, and nothing is created.

    The environment variable XCOMPOSER_CACHE_DIR names another place for the cache.
    """
    from platformdirs import user_cache_path

    chosen = os.environ.get(CACHE_VARIABLE)
    root = Path(chosen).expanduser() if chosen else user_cache_path("xcomposer-studio", appauthor=False)
    return root.joinpath(*parts)


def cache_folder(*parts: str) -> Path:
    """The folder at that path, created where absent. Raises OSError where it cannot be created."""
    folder = cache_path(*parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def data_path() -> Path:
    """The folder of what a person made with this program; it need not exist, and is not created.

    The environment variable XCOMPOSER_DATA names another one.
    """
    from platformdirs import user_data_path

    chosen = os.environ.get(DATA_VARIABLE)
    return Path(chosen).expanduser() if chosen else user_data_path("xcomposer-studio", appauthor=False)
