"""Which version of the program this is, and the option --version of the page and of the command `xcomposer`."""

import importlib.metadata
import tomllib
from pathlib import Path
from typing import Annotated

import typer

PACKAGE = "xcomposer-studio"


def program_version() -> str:
    """The version in a checkout, which may not be the one that is installed; else that of the installed package."""
    project = Path(__file__).resolve().parents[2] / "pyproject.toml"
    if project.is_file():
        facts = tomllib.loads(project.read_text(encoding="utf-8")).get("project", {})
        if facts.get("name") == PACKAGE:
            return str(facts["version"])
    return importlib.metadata.version(PACKAGE)


def _say(wanted: bool) -> None:
    if wanted:
        typer.echo(f"XComposer Studio {program_version()}")
        raise typer.Exit


VersionOption = Annotated[
    bool, typer.Option("--version", callback=_say, is_eager=True, help="Print the version and end.")
]
