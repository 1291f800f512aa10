"""python -m evaluation composition | compare | verdicts | illustrating: whole articles."""

import json
from pathlib import Path
from typing import Annotated

import typer

from common.messages import _
from composer.commands import readable_errors, say, stop_on_interrupt
from composer.errors import InputError
from composer.prompts import LENGTHS
from evaluation.articles import Settings, first_of_each, read_titles, shipped_titles, sum_verdicts
from evaluation.commands import (
    CompositionOptions,
    check_composition,
    check_name,
    compare_compositions,
    compose_titles,
    measure_illustrating,
    model_loader,
)
from evaluation.illustrating import results_markdown

articles = typer.Typer()


@articles.command()
def composition(
    out: Annotated[Path, typer.Option("--out", help="Folder for the articles and their numbers.")],
    titles: Annotated[
        Path | None, typer.Option("--titles", help='JSON lines {"title", "language"}; the 40 shipped if left out.')
    ] = None,
    model: Annotated[str, typer.Option("--model", help="A model's name, folder or .gguf file.")] = "auto",
    gallery: Annotated[
        str | None, typer.Option("--gallery", help="Gallery; the embedded drawings if left out; none: no pictures.")
    ] = None,
    length: Annotated[str, typer.Option("--length", help="short, medium or long.")] = "medium",
    pictures: Annotated[
        int | None, typer.Option("--pictures", min=0, max=30, help="Pictures an article; automatic if left out.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the text.")] = 1,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Only so many titles, languages in turn.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a run into --out ended.")] = False,
    labels: Annotated[
        Path | None, typer.Option("--labels", help='JSON lines {"text", "fitting"}: which pictures fit a paragraph.')
    ] = None,
    encoder: Annotated[
        str, typer.Option("--encoder", help="Judges likeness; not the gallery's own. none: left out.")
    ] = "auto",
    judge: Annotated[str | None, typer.Option("--judge", help="A model that gives each article 0 to 5.")] = None,
    num_gpus: Annotated[
        int | None, typer.Option("--num_gpus", "--num-gpus", min=0, help="Graphics cards; 0: the CPU.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the scores as one JSON object.")] = False,
) -> None:
    """Write and illustrate an article for each title, and measure text, pictures and cost."""
    with readable_errors():
        if length not in LENGTHS:
            raise InputError(_("The length is '{length}'; it can be short, medium or long.", length=length))
        wanted = first_of_each(read_titles(titles or shipped_titles()), limit)
        options = CompositionOptions(out, Settings(length, pictures, seed), model, resume, labels, encoder)
        check_composition(options)
        if judge:
            check_name(judge)  # it is loaded when all articles are written
        opened = None
        if gallery != "none":
            from retrieval import open_gallery

            opened = open_gallery(gallery)
        with stop_on_interrupt() as stop:
            loaded = model_loader(model, num_gpus)()
            load_judge = model_loader(judge, num_gpus) if judge else None
            scores = compose_titles(wanted, options, loaded, opened, stop, load_judge)
        if scores is None:
            say(_("Stopped; the articles so far are kept. --resume goes on.").text())
            raise typer.Exit(130)
        say(f"Saved: {out}")
        typer.echo(
            json.dumps(scores, ensure_ascii=False) if as_json else (out.expanduser() / "scores.md").read_text("utf-8")
        )


@articles.command()
def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="Folder of a run over titles.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Folder of another run over the same titles.")],
    out: Annotated[Path, typer.Option("--out", help="The page to read and judge both runs.")] = Path("blind.html"),
    seed: Annotated[int, typer.Option("--seed", help="Draws which run stands left.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compare two runs over titles: differences with 95 % intervals, and a page for judging blind."""
    with readable_errors():
        text, changes, count = compare_compositions(first, second, out, seed)
    say(f"Saved: {out} ({count} titles)")
    rows = {
        change.name: {
            "a": change.first,
            "b": change.second,
            "difference": change.difference.mean,
            "low": change.difference.low,
            "high": change.difference.high,
            "titles": change.difference.count,
            "verdict": change.verdict,
        }
        for change in changes
    }
    typer.echo(json.dumps(rows, ensure_ascii=False) if as_json else text)


@articles.command()
def verdicts(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="What the page saved, one file a person.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Add up blind verdicts of one or several people."""
    with readable_errors():
        found = sum_verdicts(files)
    typer.echo(json.dumps(found.as_dict(), ensure_ascii=False) if as_json else found.text)


@articles.command()
def illustrating(
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Our JSON lines, AToMiC's folder, M2RAG's JSON lines; ours if left out."),
    ] = None,
    encoder: Annotated[str, typer.Option("--encoder", help="As for `python -m retrieval index`.")] = "auto",
    model: Annotated[
        str | None, typer.Option("--model", help="Reads the paragraphs too; without one the words alone decide.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Only the first articles.")] = None,
    num_gpus: Annotated[
        int | None, typer.Option("--num_gpus", "--num-gpus", min=0, help="Graphics cards; 0: the CPU.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure places, choices and refusals of pictures on articles whose pictures were taken out."""
    with readable_errors():
        found = measure_illustrating(data, limit, encoder, model_loader(model, num_gpus) if model else None)
    if as_json:
        typer.echo(json.dumps({"methods": [each.as_dict() for each in found]}, ensure_ascii=False))
    else:
        typer.echo(results_markdown(found))
