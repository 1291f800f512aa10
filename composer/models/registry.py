"""From a name, a folder or a file to a loaded model, and which model `auto` takes.

Knows no engine: each kind of model has one function here that calls its loader.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.lazy import one_import_at_a_time
from common.messages import Text, _
from composer.errors import EndpointUnusable, InputError, ModelFilesMissing, SettingsError
from composer.models import embedded
from composer.models.base import LoadProgress, Model
from composer.models.cards import GraphicsCard, graphics_cards, too_few_cards
from composer.models.configs import (
    AUTO,
    ENDPOINT,
    ModelConfig,
    find_config,
    interrupted_clause,
    is_address,
    model_configs,
    path_of,
    repository_config,
    unknown_model,
)
from composer.models.discovery import (
    XCOMPOSER_TYPE,
    LocalModel,
    find_local_model,
    find_repository,
    is_local_name,
    propose,
)
from composer.models.files import fetch_folder, model_type
from composer.models.gguf import model_name, models_in
from composer.models.hub import HubName
from composer.models.unfetched import refuse_pointers, unfinished_in

log = logging.getLogger(__name__)

_GGUF_ONLY = ("mmproj", "gpu_layers")  # options that may be set for all models
AUTO_XCOMPOSER = "internlm/internlm-xcomposer-7b"  # what `auto` takes where a card has room for it

Progress = Callable[[LoadProgress], None]


@dataclass(frozen=True, slots=True)
class Choice:
    """What `auto` takes, and why."""

    name: str
    why: Text


def load_model(
    name_or_folder: str | Path | None = None,
    *,
    num_gpus: int | None = None,
    progress: Progress | None = None,
    hub: HubName | None = None,
    update: bool = False,
    **options: Any,
) -> Model:
    """A model by name, of a repository of a hub ("OWNER/NAME"), from a folder, from a .gguf file, from another
    program's store ("ollama:qwen3-vl:4b", also lmstudio:, hf:, modelscope:, jan:, gpt4all: and llamacpp:), or on a
    server ("endpoint" with `base_url`, or the server's address, "#" and the model's name there where it has several);
    None or "auto" takes the best one that is here, and reports a better one of other programs without taking it.

    num_gpus: cards to use; None: as many as help; 0: the CPU only. hub: where a named model is downloaded, or looked
    for; None: wherever it is here, else Hugging Face. update: take the hub's present version instead of the one that
    was downloaded first. options: passed to the model's own loading: threads, context_tokens, picture_tokens, mmproj
    and gpu_layers (GGUF); quantization, dtype, offload, rotary and compiled (XComposer); quantization, dtype, offload,
    threads, context_tokens, picture_tokens and at_once (transformers); base_url, api_key_file, served_name, at_once,
    timeout, context_tokens and picture_bytes (a server: see `composer.models.endpoint.EndpointModel`); None counts as
    not given.
    Raises UnknownModel, EndpointUnusable, ModelFilesMissing, ModelFilesBroken, OutOfMemory, InputError, SettingsError.
    """
    report = progress or (lambda step: None)
    wanted = str(name_or_folder or AUTO).strip()
    given = {key: value for key, value in options.items() if value is not None}
    if wanted == AUTO:
        cards = graphics_cards()
        if num_gpus is not None and num_gpus > len(cards):
            raise too_few_cards(num_gpus, len(cards))
        choice = choose_model(num_gpus=num_gpus, cards=cards)
        report(LoadProgress("find", detail=choice.why.text()))
        proposal = propose(num_gpus=num_gpus)
        if proposal is not None:  # proposed only: which model answers is for the person to choose
            report(LoadProgress("find", detail=proposal.why.text()))
        wanted = choice.name
        if wanted != AUTO_XCOMPOSER and num_gpus:
            num_gpus = None  # that many cards are here, but the engine of the other one may be a build for the CPU
    if wanted == ENDPOINT or is_address(wanted):
        return _load_endpoint(wanted, report, given)
    named = find_config(wanted)
    if named is not None:
        config, hub = named[0], hub or named[1]
        if config.kind == "embedded":
            return _load_gguf(embedded.model_file(report), config.name, num_gpus, report, given, text_only=True)
        folder = fetch_folder(config, report, hub, update=update)
        load_files = _load_transformers if config.kind == "transformers" else _load_xcomposer
        return load_files(folder, num_gpus, report, {"name": config.name, **given})
    path = path_of(wanted)
    if is_local_name(wanted) and not path.exists():
        return _load_local(find_local_model(wanted), num_gpus, report, given)
    if path.is_file() and path.suffix != ".gguf" and (path.parent / "config.json").is_file():
        raise InputError(
            _(
                "'{path}' is one file of a model folder. Name the folder: --folder {folder}",
                path=path,
                folder=path.parent,
            )
        )
    if path.is_file():
        return _load_gguf(path, model_name(path), num_gpus, report, given)
    if path.is_dir():
        return _load_folder(path, num_gpus, report, given)
    unlisted = repository_config(wanted)
    if unlisted is not None:
        return _load_repository(unlisted, num_gpus, report, given, hub, update=update)
    raise unknown_model(wanted)


def choose_model(*, num_gpus: int | None = None, cards: Sequence[GraphicsCard] | None = None) -> Choice:
    """What `auto` loads here. `cards`: those of the machine; None asks the driver."""
    fallback = next(config.name for config in model_configs() if config.kind == "embedded")
    config = next((config for config in model_configs() if config.name == AUTO_XCOMPOSER), None)
    cards = graphics_cards() if cards is None else cards
    usable = list(cards)[:num_gpus]
    if config is None or not usable:
        return Choice(fallback, _("Using {name}: no NVIDIA card is used here.", name=fallback))
    free = sum(card.free for card in usable) / 2**30
    if free < config.gpu_memory_gb:
        return Choice(
            fallback,
            _(
                "Using {name}: {other} needs {needed:.0f} GiB of GPU memory, {free:.1f} are free.",
                name=fallback,
                other=config.name,
                needed=config.gpu_memory_gb,
                free=free,
            ),
        )
    downloads = config.downloads()
    if not downloads:
        return Choice(
            fallback,
            _(
                "Using {name}: the files of {other} are not here. Get them with: --model {short}",
                name=fallback,
                other=config.name,
                short=config.short,
            ),
        )
    if not downloads[0].complete:
        begun = interrupted_clause(config, downloads[0])
        return Choice(fallback, _("Using {name}: {other}: {begun}.", name=fallback, other=config.name, begun=begun))
    return Choice(
        config.name,
        _("Using {name}: its files are here and {free:.1f} GiB of GPU memory are free.", name=config.name, free=free),
    )


# -- kinds -----------------------------------------------------------------------------------------------------------


def _load_gguf(
    path: Path, name: str, num_gpus: int | None, report: Progress, options: dict[str, Any], *, text_only: bool = False
) -> Model:
    from composer.models.gguf import GgufModel

    own = {key: value for key, value in options.items() if key != "at_once"}  # it has its own number of texts
    _check_options(own, (*_GGUF_ONLY, "threads", "context_tokens", "picture_tokens", "adapters"), name)
    return GgufModel(path, name=name, num_gpus=num_gpus, progress=report, text_only=text_only, **own)


def _load_xcomposer(folder: Path, num_gpus: int | None, report: Progress, options: dict[str, Any]) -> Model:
    from composer.models.xcomposer import load

    # these are settings of other models, and may be set for all
    others = (*_GGUF_ONLY, "threads", "context_tokens", "picture_tokens", "at_once")
    own = {key: value for key, value in options.items() if key not in others}
    _check_options(own, ("quantization", "dtype", "offload", "rotary", "compiled", "name"), str(folder))
    model: Model = load(folder, num_gpus=num_gpus, progress=report, **own)
    return model


def _load_transformers(folder: Path, num_gpus: int | None, report: Progress, options: dict[str, Any]) -> Model:
    with one_import_at_a_time():
        from composer.models.transformers_vlm import load

    others = (*_GGUF_ONLY, "rotary", "compiled")
    own = {key: value for key, value in options.items() if key not in others}
    known = ("quantization", "dtype", "offload", "context_tokens", "picture_tokens", "threads", "at_once", "name")
    _check_options(own, known, str(folder))
    return load(folder, num_gpus=num_gpus, progress=report, **own)


def _load_local(found: LocalModel, num_gpus: int | None, report: Progress, options: dict[str, Any]) -> Model:
    """A model of another program's store."""
    report(LoadProgress("find", detail=found.name))
    if found.engine == "server":
        own = {key: value for key, value in options.items() if key in ("context_tokens", "at_once", "timeout")}
        try:
            return _load_endpoint(found.address, report, own)
        except EndpointUnusable as error:
            reason = _("{reason}. {why}", reason=error.values["reason"], why=found.why or "")
            raise EndpointUnusable(url=error.values["url"], reason=reason) from error
    if found.path.is_dir():
        return _load_folder(found.path, num_gpus, report, {"name": found.name, **options})
    projector = {"mmproj": found.mmproj} if found.mmproj is not None else {}
    adapters = {"adapters": found.adapters} if found.adapters else {}
    return _load_gguf(found.path, found.name, num_gpus, report, {**projector, **options, **adapters})


def _load_repository(
    config: ModelConfig,
    num_gpus: int | None,
    report: Progress,
    options: dict[str, Any],
    hub: HubName | None,
    *,
    update: bool,
) -> Model:
    """The model of a repository that configs/models does not name: as another program downloaded it, else downloaded
    here. Raises ModelFilesMissing, InputError and what loading raises."""
    here = [] if update else find_repository(config.name, hub)
    ready = [model for model in here if model.loadable]
    if len(ready) > 1:
        names = [model.name for model in ready]
        raise InputError(
            _(
                "Of '{name}' there are several models here: {names}. Name one of them: --model {first}",
                name=config.name,
                names=names[:6],
                first=names[0],
            )
        )
    if ready:
        return _load_local(ready[0], num_gpus, report, options)
    try:
        folder = fetch_folder(config, report, hub, update=update)
    except ModelFilesMissing as error:
        if here and here[0].why is not None:  # another program began the download, and may go on
            raise ModelFilesMissing(name=config.name, missing=here[0].path.name, way_out=here[0].why) from error
        raise
    return _load_folder(folder, num_gpus, report, {"name": config.name, **options})


def _load_endpoint(wanted: str, report: Progress, options: dict[str, Any]) -> Model:
    from composer.models.endpoint import EndpointModel

    own = {key: value for key, value in options.items() if key != "threads"}  # of GGUF models, may be set for all
    names = ("base_url", "api_key_file", "served_name", "at_once", "timeout", "context_tokens", "picture_bytes")
    _check_options({name: value for name, value in own.items() if name != "key_option"}, names, wanted)
    if is_address(wanted):
        address, _mark, served = wanted.partition("#")
        own = {"base_url": address, "served_name": served or None, **own}
    return EndpointModel(own.pop("base_url", None), progress=report, **own)


def _check_options(options: dict[str, Any], known: Sequence[str], name: str) -> None:
    for key, value in options.items():
        if key not in known:
            raise SettingsError(
                name=key,
                value=value,
                reason=_("the model '{name}' has no such option. It has: {known}.", name=name, known=list(known)),
            )


def _load_folder(folder: Path, num_gpus: int | None, report: Progress, options: dict[str, Any]) -> Model:
    refuse_pointers(folder)
    kind = model_type(folder)
    if kind == XCOMPOSER_TYPE:
        return _load_xcomposer(folder, num_gpus, report, options)
    if kind is not None and any(folder.glob("*.safetensors")):
        return _load_transformers(folder, num_gpus, report, options)
    models = models_in(folder)
    if len(models) == 1:
        return _load_gguf(models[0], model_name(models[0]), num_gpus, report, options)
    if models:
        names = ", ".join(path.name for path in models[:6])
        raise InputError(
            _(
                "The folder '{folder}' holds several models: {names}. Name one of them: --folder {first}",
                folder=folder,
                names=names,
                first=models[0],
            )
        )
    if kind is None:
        raise ModelFilesMissing(
            name=folder,
            missing="config.json",
            way_out=unfinished_in(folder)
            or _(
                "A model folder has a config.json and weights, or one .gguf file. Known models by name: {known}",
                known=[config.name for config in model_configs()],
            ),
        )
    return _load_transformers(folder, num_gpus, report, options)
