"""The command `xcomposer`: what `app.py`, `python -m composer` and `python -m retrieval` do, in one place."""

import typer

import composer.cli
import retrieval.cli
from ui.launch.cli import serve

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Write illustrated articles and chat about pictures, on this machine.",
)
app.command()(serve)
app.add_typer(composer.cli.app)
app.add_typer(retrieval.cli.app, name="gallery", help="A gallery of your own pictures: index, search, serve.")


def main() -> None:
    """Runs the command line."""
    with retrieval.cli.readable_errors():
        app()
