"""Options that several commands have: which model, which gallery, which pictures."""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import typer

FolderOption = Annotated[
    str | None, typer.Option("--folder", help="Model folder, .gguf file or model name; the best one here if left out.")
]
GalleryOption = Annotated[
    str | None, typer.Option("--gallery", help="Gallery of pictures; the embedded drawings if left out.")
]
HubOption = Annotated[
    str | None, typer.Option("--hub", help="huggingface or modelscope: where a model that is named comes from.")
]
OffloadOption = Annotated[
    bool, typer.Option("--offload", help="Layers that do not fit on the cards stay in main memory (slow).")
]
GpusOption = Annotated[int | None, typer.Option("--num_gpus", "--num-gpus", min=0, help="Graphics cards; 0: the CPU.")]
OwnOption = Annotated[
    list[Path] | None,
    typer.Option("--own", help="A picture of yours that shall stand in the article; may be repeated, up to 20 times."),
]
ModelOption = Annotated[
    str | None, typer.Option("--model", help="A model's name, a hub's OWNER/NAME, 'endpoint', or a server's address.")
]
UrlOption = Annotated[
    str | None,
    typer.Option("--base_url", "--base-url", metavar="URL", help="An OpenAI-compatible server: http://127.0.0.1:8000"),
]
KeyOption = Annotated[
    Path | None, typer.Option("--api_key_file", "--api-key-file", metavar="FILE", help="Holds the key of the server.")
]
ServedOption = Annotated[
    str | None,
    typer.Option("--served_name", "--served-name", metavar="NAME", help="The model on the server, if it has several."),
]
JudgeOption = Annotated[
    str | None,
    typer.Option(
        "--judge", metavar="NAME|URL", help="A model that sees pictures and chooses them for one that does not."
    ),
]
JudgeKeyOption = Annotated[
    Path | None,
    typer.Option("--judge_key_file", "--judge-key-file", metavar="FILE", help="Holds the key of the judge's server."),
]
MmprojOption = Annotated[
    str | None,
    typer.Option("--mmproj", metavar="FILE|none", help="Picture part of a .gguf model; the one beside it if left out."),
]
_OPTIONS: dict[str, Any] = {
    "model": ModelOption,
    "base_url": UrlOption,
    "api_key_file": KeyOption,
    "served_name": ServedOption,
    "mmproj": MmprojOption,
}

ModelOptions = Mapping[str, Any]  # settings of `composer.settings.load_settings`, None where not given
NO_OPTIONS: ModelOptions = MappingProxyType({})


def with_model_options(*, judge: bool = False) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command these options; it gets them as `chosen`, for `load_settings(**chosen)`.

    judge: whether the command chooses pictures, so that a judge may help.
    """
    options = {**_OPTIONS, **({"judge": JudgeOption, "judge_key_file": JudgeKeyOption} if judge else {})}

    def decorated(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def run(*arguments: Any, **given: Any) -> None:
            chosen: ModelOptions = {name: given.pop(name) for name in options}
            command(*arguments, **given, chosen=chosen)

        own = [p for p in inspect.signature(command).parameters.values() if p.name != "chosen"]
        more = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
            for name, annotation in options.items()
        ]
        run.__signature__ = inspect.Signature([*own, *more])  # type: ignore[attr-defined]  # what typer reads
        run.__annotations__ = {**command.__annotations__, **options}
        run.__annotations__.pop("chosen", None)
        del run.__wrapped__  # else the signature of the command itself is read
        return run

    return decorated
