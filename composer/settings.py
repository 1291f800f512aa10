"""Settings and the folders that follow from them."""

import os
from pathlib import Path

CACHE_VARIABLE = "XCOMPOSER_CACHE_DIR"


def cache_folder() -> Path:
    """Where model files and other things that can be made again are kept; XCOMPOSER_CACHE_DIR names another place."""
    from platformdirs import user_cache_path

    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen).expanduser() if chosen else user_cache_path("xcomposer-studio", appauthor=False)
