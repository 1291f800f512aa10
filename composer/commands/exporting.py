"""The command `export`, which makes a file of a saved article and loads no model."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from common.messages import _
from common.terminal import printable
from composer.commands.terminal import readable_errors, say, stop_on_interrupt
from composer.errors import ExportStopped, InputError
from composer.exporting import FORMATS, export, find_format, read_article, without_missing


def export_article(
    article: Annotated[
        Path, typer.Argument(metavar="ARTICLE.json", help="A saved article, or the folder that holds its article.json.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The file, or a folder that exists: named after the title there.")],
    format: Annotated[
        str, typer.Option("--format", help=f"{', '.join(FORMATS)}; by the ending of --out if left out.")
    ] = "",
    made_by: Annotated[
        bool, typer.Option("--made-by", help="Say at the end which model, seed and gallery made the article.")
    ] = False,
) -> None:
    """Save an article as a document; prints the file's name."""
    with readable_errors():
        chosen = find_format(format or _ending(out))
        opened = read_article(article)
        if chosen.name != "json":
            opened, missing = without_missing(opened)
            if missing:
                say(_("Pictures that are not there and are left out: {names}.", names=list(missing)).text())
        with stop_on_interrupt() as stop:
            try:
                file = export(opened, chosen.name, out, made_by=made_by, progress=_show, stop=stop)
            except ExportStopped as error:
                say(error.text())
                raise typer.Exit(130) from error
        typer.echo(printable(str(file)))


def _ending(out: Path) -> str:
    if not out.suffix:
        raise InputError(
            _("'{out}' has no ending that names a format. Add --format, one of {known}.", out=out, known=list(FORMATS))
        )
    return out.suffix


def _show(share: float) -> None:
    if sys.stderr.isatty():
        typer.echo(f"\r  {round(100 * share)} %", err=True, nl=share == 1)
