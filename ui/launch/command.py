"""The command `xcomposer`: what `app.py`, `python -m composer` and `python -m retrieval` do, in one place."""

from typing import Any

import typer
from typer.core import TyperGroup

import composer.cli
import evaluation.cli
import retrieval.cli
import retrieval.cli_report
from common.terminal import make_output_safe
from ui.launch.cli import serve
from ui.launch.version import VersionOption


class GalleryCommands(TyperGroup):
    """The gallery's commands. Their errors are reported as by `python -m retrieval`, under this program's name."""

    def invoke(self, ctx: Any) -> Any:
        with retrieval.cli_report.readable_errors(ctx.command_path):
            return super().invoke(ctx)


app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Write illustrated articles and chat about pictures, on this machine.",
)


@app.callback()
def _program(version: VersionOption = False) -> None:
    pass


app.command()(serve)
app.add_typer(composer.cli.app)
app.add_typer(evaluation.cli.app, name="evaluate", help="Measure models on benchmarks, and compare runs.")
app.add_typer(
    retrieval.cli.app,
    name="gallery",
    cls=GalleryCommands,
    help="A gallery of your own pictures: index, search, serve.",
)


def main() -> None:
    """Runs the command line."""
    make_output_safe()
    app()
