"""Where the program's own data lies, in a checkout and in an installed package: configs, demo_asset, requirements."""

import shlex
from pathlib import Path

_INSTALLED = Path(__file__).parent / "resources"  # where the wheel puts them, see pyproject.toml


def resource_folder(name: str) -> Path:
    """The folder `name` ("configs", "demo_asset") on this machine. Raises FileNotFoundError."""
    for folder in (_INSTALLED / name, Path(__file__).resolve().parents[1] / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"The folder '{name}' of XComposer Studio is missing; install the package again.")


def requirements_file(name: str) -> str:
    """A list of packages as a person types it after `pip install -r`: in an installed package with its place."""
    installed = _INSTALLED / name
    return shlex.quote(str(installed)) if installed.is_file() else name
