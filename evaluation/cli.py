"""python -m evaluation BENCHMARK | report | diff | composition | compare | verdicts | illustrating | retrieval.

Scores go to stdout, progress to stderr. Exit status 0: done; 1: the work failed, a sentence says why; 2: the command,
the data or the predictions cannot be used; 130: stopped with Ctrl-C (--resume goes on).
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from common.messages import _
from composer.commands import readable_errors, say
from composer.errors import InputError
from evaluation.article_cli import articles
from evaluation.benchmarks import BENCHMARKS, benchmark
from evaluation.commands import Options, Outcome, model_loader, read_questions, rules_of, run, score_file, shown_prompts
from evaluation.prompting import FAMILIES
from evaluation.questions import first_units
from retrieval.cli_report import readable_errors as gallery_errors

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)


def _command(name: str) -> Callable[..., None]:
    """The command of one benchmark."""
    rules = ", ".join(rule.name for rule in BENCHMARKS[name].rules)

    def command(
        data: Annotated[
            Path,
            typer.Option("--data", help=f"{BENCHMARKS[name].expected[:1].upper()}{BENCHMARKS[name].expected[1:]}."),
        ],
        model: Annotated[
            str,
            typer.Option("--model", help="A model's name, folder or .gguf file; with --predictions, whose they are."),
        ] = "auto",
        out: Annotated[
            Path | None, typer.Option("--out", help="Folder for predictions, scores and files to hand in.")
        ] = None,
        rule: Annotated[str | None, typer.Option("--rule", help=f"{rules}; or all. The first if left out.")] = None,
        limit: Annotated[
            int | None, typer.Option("--limit", min=1, help="Only the first questions, with all their rotations.")
        ] = None,
        resume: Annotated[bool, typer.Option("--resume", help="Go on where a run into --out ended.")] = False,
        num_gpus: Annotated[
            int | None,
            typer.Option(
                "--num_gpus", "--num-gpus", min=0, help="Graphics cards, each with a copy of the model; 0: the CPU."
            ),
        ] = None,
        processes: Annotated[
            int | None, typer.Option("--processes", min=1, help="Copies of the model; one for each card if left out.")
        ] = None,
        batch: Annotated[
            int, typer.Option("--batch", min=1, help="Questions at once; halved where memory runs out.")
        ] = 8,
        pictures: Annotated[
            Path | None, typer.Option("--pictures", help="Where the pictures lie, if not beside the data.")
        ] = None,
        predictions: Annotated[
            Path | None,
            typer.Option(
                "--predictions",
                help="Score these, without a model: JSONL, a table, MME's results, lmms-eval's samples.",
            ),
        ] = None,
        partial: Annotated[
            bool, typer.Option("--partial", help="Score predictions that do not cover all questions.")
        ] = False,
        blind: Annotated[
            bool, typer.Option("--blind", help="Ask without the pictures: the text-only baseline.")
        ] = False,
        show: Annotated[
            int | None, typer.Option("--show", min=1, help="Print the whole prompts of so many questions, and stop.")
        ] = None,
        preflight: Annotated[
            bool, typer.Option("--preflight", help="First ask eight questions whose answers are known.")
        ] = False,
        audit: Annotated[bool, typer.Option("--audit", help="Say which of 32 answers change with the batch.")] = False,
        repeat: Annotated[
            int,
            typer.Option("--repeat", min=1, help="Ask everything so often; says how much scores move by themselves."),
        ] = 1,
        as_json: Annotated[bool, typer.Option("--json", help="Print the scores as one JSON object.")] = False,
    ) -> None:
        with readable_errors():
            chosen = benchmark(name)
            copies = processes or max(1, num_gpus or 1)
            options = Options(
                data, out, pictures, rule, limit, resume, batch, copies, bool(num_gpus), blind, preflight, audit, repeat
            )
            if show is not None:
                _show(name, options, show)
            elif predictions is not None:
                _print(
                    score_file(
                        chosen,
                        options,
                        predictions.expanduser(),
                        partial=partial,
                        name="" if model == "auto" else model,
                    ),
                    as_json,
                )
            elif out is None:
                raise InputError(_("Where do the answers go? --out DIR names a folder for them."))
            else:
                _print(run(chosen, options, model, model_loader(model, num_gpus, copies)), as_json)

    command.__doc__ = f"Measure a model on {BENCHMARKS[name].title}."
    return command


for _name in BENCHMARKS:
    app.command(_name)(_command(_name))
app.add_typer(articles)


@app.command()
def report(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR…", help="Folders of runs.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for report.md, report.html and radar.png.")],
) -> None:
    """Put runs beside the published scores: tables, the radar chart, and runs of one benchmark against each other."""
    from evaluation.reporting import write_report

    with readable_errors():
        for path in write_report(folders, out, note=say):
            typer.echo(path)


@app.command()
def diff(
    first: Annotated[Path, typer.Argument(metavar="A", help="Folder of a run.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Folder of another run of the same benchmark.")],
    out: Annotated[Path, typer.Option("--out", help="The page.")] = Path("diff.html"),
    data: Annotated[Path | None, typer.Option("--data", help="Where the benchmark lies, if it was moved.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show which questions two runs answered differently, with their pictures, on one page."""
    from evaluation.reporting import write_differences

    with readable_errors():
        found = write_differences(first, second, out, data)
    say(f"Saved: {out}")
    facts = {"gained": found.gained, "lost": found.lost, "common": found.common, "p": found.p}
    typer.echo(json.dumps(facts, ensure_ascii=False) if as_json else found.text)


@app.command()
def retrieval(
    data: Annotated[Path, typer.Option("--data", help="Pictures, each with a text file of captions beside it.")],
    encoder: Annotated[str, typer.Option("--encoder", help="As for `python -m retrieval index`.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure how well an encoder finds pictures by their captions: recall@1/5/10 and median rank, en and zh."""
    from evaluation.captions import measure_encoder
    from retrieval.encoders import load_encoder

    with gallery_errors("python -m evaluation"):
        result = measure_encoder(data.expanduser().absolute(), load_encoder(encoder))
    typer.echo(json.dumps(result.as_dict(), ensure_ascii=False) if as_json else result.text())


def main() -> None:
    """Runs the command line."""
    app()


# -- inside ------------------------------------------------------------------------------------------------------------


def _show(name: str, options: Options, count: int) -> None:
    chosen = benchmark(name)
    for rule in rules_of(chosen, options.rule):
        typer.echo(
            shown_prompts(chosen, first_units(read_questions(chosen, options), count)[:count], rule.need, FAMILIES)
        )


def _print(outcome: Outcome, as_json: bool) -> None:
    """The scores on stdout; where they were written on stderr."""
    for path in outcome.files:
        say(f"Saved: {path}")
    if outcome.stopped:
        say(_("Stopped; the answers so far are kept. --resume goes on.").text())
        raise typer.Exit(130)
    if as_json:
        typer.echo(json.dumps({"scores": [score.as_dict() for score in outcome.scores]}, ensure_ascii=False))
        return
    for score in outcome.scores:
        typer.echo(score.to_markdown())
    if not outcome.scores:
        say(_("These questions have no published answers; hand in the files above.").text())
