"""`drafts list | show | restore | export | delete`: everybody's drafts on this machine, without a model."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from common.folders import data_path
from common.messages import _
from common.terminal import json_line, printable, printable_line
from composer.commands.terminal import readable_errors, say
from composer.drafts import Drafts, DraftStore, Summary
from composer.errors import InputError
from composer.exporting import to_markdown, write_folder

drafts = typer.Typer(no_args_is_help=True, help="The drafts of this machine: what was written on the page.")

DataOption = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Folder of the drafts; the user's own if left out.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="An id of `drafts list`.")]
StepOption = Annotated[int | None, typer.Option("--step", help="An earlier step, by its number in `drafts show`.")]


@drafts.command("list")
def list_drafts(
    search: Annotated[list[str] | None, typer.Argument(help="Words of title or text that all must occur.")] = None,
    archived: Annotated[bool, typer.Option("--archived", help="The archived ones.")] = False,
    deleted: Annotated[bool, typer.Option("--deleted", help="The deleted ones, which `restore` brings back.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List drafts, the last changed first."""
    with readable_errors():
        place = data or data_path()
        found: list[Summary] = []
        if data is not None or DraftStore.is_there(place):  # nothing may have been written on this machine yet
            words = " ".join(search or ())
            found = _open(place).list(search=words, archived=None if deleted else archived, deleted=deleted)
        if as_json:
            typer.echo(json_line([_row(summary) for summary in found]))
            return
        if not found:
            say(_("There is no such draft in '{place}'; another folder is named by --data.", place=place).text())
        for one in found:
            owner = f"  {one.owner}" if one.owner.startswith("login:") else ""
            typer.echo(printable_line(f"{one.id}  {_time(one.changed)}  {one.words:6}  {one.title}{owner}"))


@drafts.command()
def show(draft: IdArgument, step: StepOption = None, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Print a draft as Markdown, and its steps on stderr."""
    with readable_errors():
        opened = _open(data)
        history = opened.versions(draft, steps=True)
        article = opened.load(draft).article if step is None else opened.article_at(draft, step)
        if as_json:
            typer.echo(json_line({"article": article.to_dict(), "steps": [asdict(version) for version in history]}))
            return
        for version in reversed(history):
            say(f"{version.step:6}  {_time(version.at)}  {version.what:10}  {version.name}".rstrip())
        typer.echo(printable(to_markdown(article)))


@drafts.command()
def restore(draft: IdArgument, step: StepOption = None, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Bring a deleted draft back; with --step, make an earlier step the present one, which can be undone."""
    with readable_errors():
        opened = _open(data)
        summary = opened.undelete(draft)
        if step is not None:
            summary = opened.restore(draft, step).summary
        typer.echo(json_line(_row(summary)) if as_json else printable_line(f"{summary.id}  {summary.title}"))


@drafts.command()
def export(
    draft: IdArgument,
    out: Annotated[Path, typer.Option("--out", help="Folder for article.md, article.json and images/.")],
    step: StepOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a draft into a folder, with its pictures."""
    with readable_errors():
        opened = _open(data)
        article = opened.load(draft).article if step is None else opened.article_at(draft, step)
        folder = write_folder(article, out)
        written = {"folder": str(folder), "article": str(folder / "article.md")}
        typer.echo(json_line(written) if as_json else printable_line(written["article"]))


@drafts.command()
def delete(draft: IdArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Delete a draft; `restore` brings it back for 30 days."""
    with readable_errors():
        summary = _open(data).delete(draft)
        typer.echo(json_line(_row(summary)) if as_json else printable_line(f"{summary.id}  {summary.title}"))


def _open(data: Path | None) -> Drafts:
    place = data or data_path()
    if not DraftStore.is_there(place):  # opening it would make a folder
        raise InputError(
            _(
                "There are no drafts in '{place}'. --data names the folder that the page was started with "
                "(`serve --data`).",
                place=place,
            )
        )
    store = DraftStore(place)
    if store.recovered is not None:
        say(store.recovered.sentence.text())
    return store.of(None)


def _row(summary: Summary) -> dict[str, Any]:
    return asdict(summary) | {"picture": str(summary.picture) if summary.picture else None}


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M")
