"""The option --version of the page and of the command `xcomposer`."""

from typing import Annotated

import typer

from common.version import program_version


def _say(wanted: bool) -> None:
    if wanted:
        typer.echo(f"XComposer Studio {program_version()}")
        raise typer.Exit


VersionOption = Annotated[
    bool, typer.Option("--version", callback=_say, is_eager=True, help="Print the version and end.")
]
