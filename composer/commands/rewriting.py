"""The command `rewrite`: one section of a saved article written anew."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from common.messages import _
from common.terminal import json_line, printable, typed_text
from composer import writing
from composer.article import Article
from composer.commands.loading import load
from composer.commands.options import NO_OPTIONS, ModelOptions, with_model_options
from composer.commands.terminal import readable_errors, say, stop_on_interrupt
from composer.errors import InputError
from composer.exporting import article_as_it_stands
from composer.prompts import TONES
from composer.settings import load_settings
from composer.writing import TASKS, Proposal, accepted


@with_model_options()
def rewrite(
    article: Annotated[Path, typer.Argument(help="article.json, as `write` saves it, or its folder.")],
    section: Annotated[str, typer.Option("--section", help="Id of the section, e.g. s3.")],
    task: Annotated[str, typer.Option("--task", help=", ".join(TASKS) + ".")] = "rewrite",
    instruction: Annotated[str, typer.Option("--instruction", help="What should change, in words.")] = "",
    tone: Annotated[str, typer.Option("--tone", help=", ".join(TONES) + ", or words of yours.")] = "",
    into: Annotated[str, typer.Option("--into", help="Language of a translation: en, zh, or its name.")] = "",
    out: Annotated[
        Path | None, typer.Option("--out", help="Saves the changed article there; it may be the same file.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Makes the same text again.")] = None,
    folder: Annotated[
        str | None, typer.Option("--folder", help="Model folder, .gguf file or model name; the best one here.")
    ] = None,
    num_gpus: Annotated[
        int | None, typer.Option("--num_gpus", "--num-gpus", min=0, help="Graphics cards; 0: the CPU.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print old and new text and what changed.")] = False,
    chosen: ModelOptions = NO_OPTIONS,
) -> None:
    """Write one section of a saved article anew; prints the new text."""
    with readable_errors():
        whole, place = article_as_it_stands(article)
        old = _section(whole, section)
        asked = {"instruction": typed_text(instruction), "tone": typed_text(tone), "into": typed_text(into)}
        writing.check_rewriting(whole, section, task, asked["instruction"])
        model = load(load_settings(folder=folder, num_gpus=num_gpus, **chosen))
        sampling = replace(writing.sampling_for(model, task), seed=seed)
        with stop_on_interrupt() as stop:
            *_deltas, proposal = writing.rewrite(model, whole, section, task, **asked, sampling=sampling, stop=stop)
        model.close()
        assert isinstance(proposal, Proposal)
        new = accepted(proposal.changes)
        if out is not None and not proposal.nothing:
            _write(proposal.apply(whole), out / place.name if out.is_dir() else out)
            say(f"Saved to {out}")
        if as_json:
            changes = [[change.old, change.new] for change in proposal.changes]
            typer.echo(json_line({"section": section, "old": old, "new": new, "changes": changes}))
        else:
            typer.echo(printable(new))
        if proposal.stopped:
            raise typer.Exit(130)


def _section(article: Article, section_id: str) -> str:
    try:
        return article.section(section_id).text
    except KeyError:
        known = ", ".join(section.id for section in article)
        raise InputError(
            _("The article has no section '{id}'. Its sections: {known}.", id=section_id, known=known)
        ) from None


def _write(article: Article, path: Path) -> None:
    path = path.expanduser()
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_text(article.to_json(indent=2), encoding="utf-8")
        part.replace(path)  # at once: what was there is whole or replaced
    except OSError as error:
        raise InputError(
            _("'{path}' cannot be written: {reason}.", path=path, reason=error.strerror or error)
        ) from error
