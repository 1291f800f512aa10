"""The commands `plan` and `convert`, which work on folders of models and load none."""

from typing import Annotated

import typer

from common.terminal import make_output_safe, printable
from composer.commands.terminal import say
from composer.errors import ComposerError, ConvertError
from composer.models import XCOMPOSER_TYPE, LoadProgress, local_folder, model_type
from composer.models.transformers_vlm import CONVERSATIONS, ModelFolder, memory_in_bits, read_folder
from composer.models.xcomposer import does_not_fit
from composer.models.xcomposer import plan as make_plan


def plan(
    folder: Annotated[str, typer.Option(help="Folder of the checkpoint (config.json is enough), or a model's name.")],
    num_gpus: Annotated[int, typer.Option("--num_gpus", "--num-gpus", help="Number of cards; 0 is the CPU.")] = 1,
    memory: Annotated[str | None, typer.Option(help="Memory of one card, e.g. 24GiB.")] = None,
    dtype: Annotated[str, typer.Option(help="float16, bfloat16 or float32.")] = "float16",
    quantization: Annotated[str | None, typer.Option(help="nf4 packs a 16-bit checkpoint while loading.")] = None,
    context: Annotated[
        int | None, typer.Option(help="Tokens of context; the model's own limit where left out.")
    ] = None,
    beams: Annotated[int, typer.Option(help="Beams of the beam search.")] = 5,
    offload: Annotated[bool, typer.Option("--offload", help="Leave in main memory what does not fit.")] = False,
) -> None:
    """Show what memory a model takes without loading it: InternLM-XComposer by parts and cards, models of transformers
    in 16, 8 and 4 bits."""
    make_output_safe()
    try:
        path = local_folder(folder)
        if path.is_dir() and model_type(path) not in (None, XCOMPOSER_TYPE):
            typer.echo(printable(_in_bits(folder, read_folder(path), context)))
            return
        planned = make_plan(
            path,
            num_gpus=num_gpus,
            memory=memory,
            dtype=dtype,
            quantization=quantization,
            context_tokens=context,
            beams=beams,
            offload=offload,
        )
    except ComposerError as error:  # a bad option or folder has the exit status of a bad command
        say(error.text())
        raise typer.Exit(2) from error
    typer.echo(printable(planned.text()))
    if not planned.fits:
        say(does_not_fit(planned).text())
        raise typer.Exit(1)


def _in_bits(name: str, folder: ModelFolder, context: int | None) -> str:
    """A table of what a model of transformers takes on a card, as the tab Models tells it, in GB."""
    lines = [f"{name}: {folder.model_type}, files of {folder.weight_bytes / 1e9:.1f} GB"]
    for bits, needs in memory_in_bits(folder, context).items():
        lines.append(
            f"{bits:>4} bits  {needs.on_a_card / 1e9:5.1f} GB: weights {needs.weights / 1e9:.1f}, keys and values of "
            f"{CONVERSATIONS} x {needs.context_tokens:,} tokens {needs.cache / 1e9:.1f}, working space and driver "
            f"{(needs.on_a_card - needs.weights - needs.cache) / 1e9:.1f}"
        )
    return "\n".join(lines)


def convert(
    source: Annotated[str, typer.Argument(metavar="SRC", help="Folder of a published 16-bit checkpoint.")],
    target: Annotated[str, typer.Argument(metavar="DST", help="New folder for the converted one.")],
    dtype: Annotated[str, typer.Option(help="float16, bfloat16 or float32.")] = "float16",
) -> None:
    """Convert InternLM-XComposer for stock transformers (AutoModelForImageTextToText) and engines that build on it."""
    from composer.models.xcomposer import convert_checkpoint  # imports torch

    make_output_safe()
    tenths_shown = 0

    def show(step: LoadProgress) -> None:
        nonlocal tenths_shown
        if step.total and (tenths := 10 * step.done // step.total) > tenths_shown:
            tenths_shown = tenths
            say(f"{10 * tenths} % of {step.total:,} bytes")

    try:
        convert_checkpoint(local_folder(source), target, dtype=dtype, progress=show)
    except ComposerError as error:
        say(error.text())
        raise typer.Exit(1 if isinstance(error, ConvertError) else 2) from error
    typer.echo(printable(target))
