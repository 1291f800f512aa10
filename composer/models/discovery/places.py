"""Where programs keep their files, by system: the folders of data, settings and caches of a person."""

import os
import sys
from pathlib import Path


def home() -> Path:
    return Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.home() raises where there is no home


def data_folders() -> list[Path]:
    """Where programs keep a person's data: Application Support, AppData, ~/.local/share and ~/.config."""
    if sys.platform == "darwin":
        return [home() / "Library" / "Application Support"]
    if sys.platform == "win32":
        named = (os.environ.get("APPDATA"), os.environ.get("LOCALAPPDATA"))
        return [Path(each) for each in named if each]
    return [_xdg("XDG_DATA_HOME", ".local/share"), _xdg("XDG_CONFIG_HOME", ".config")]


def cache_folder() -> Path:
    if sys.platform == "darwin":
        return home() / "Library" / "Caches"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home() / "AppData" / "Local")
    return _xdg("XDG_CACHE_HOME", ".cache")


def named(variable: str) -> Path | None:
    """The folder that an environment variable names, if it does."""
    value = os.environ.get(variable, "").strip()
    return Path(value).expanduser() if value else None


def _xdg(variable: str, otherwise: str) -> Path:
    return named(variable) or home() / otherwise
