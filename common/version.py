"""Which version of the program this is."""

import importlib.metadata
import tomllib
from pathlib import Path

PACKAGE = "xcomposer-studio"


def program_version() -> str:
    """The version in a checkout, which may not be the one that is installed; else that of the installed package."""
    project = Path(__file__).resolve().parents[1] / "pyproject.toml"
    if project.is_file():
        facts = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
        if facts["name"] == PACKAGE:
            return str(facts["version"])
    return importlib.metadata.version(PACKAGE)
