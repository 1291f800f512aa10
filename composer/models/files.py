"""The files of a model that has a name: where they are, downloaded where they are not, and what is said where they
cannot be.

Loads nothing.
"""

import json
import logging
from collections.abc import Callable
from pathlib import Path

from common.lazy import one_import_at_a_time
from common.messages import Text, _
from composer.errors import InputError, ModelFilesBroken, ModelFilesMissing
from composer.models import embedded
from composer.models.base import LoadProgress
from composer.models.configs import (
    ModelConfig,
    download_command,
    find_config,
    interrupted_clause,
    interrupted_values,
    model_configs,
    path_of,
    repository_config,
    unknown_model,
)
from composer.models.discovery import XCOMPOSER_TYPE, find_local_model, find_repository, is_local_name
from composer.models.hub import HUBS, HubName, HubUnavailable, Source, fetch_files, find_download

log = logging.getLogger(__name__)

Progress = Callable[[LoadProgress], None]


def model_type(folder: Path) -> str | None:
    """The "model_type" in config.json; None where there is no such file. Raises ModelFilesBroken."""
    path = folder / "config.json"
    if not path.is_file():
        return None
    try:
        return str(json.loads(path.read_text("utf-8")).get("model_type", ""))
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise ModelFilesBroken(path=path, reason=_("it cannot be read ({error}).", error=error)) from error


def download_model(
    name: str, progress: Progress | None = None, *, hub: HubName | None = None, update: bool = False
) -> Path:
    """The folder of a model known by name or of a repository (the file of the embedded one), downloaded where it is
    not here.

    hub: where to get it; None: wherever it is here, else Hugging Face. update: take the hub's present version.
    Raises UnknownModel, ModelFilesMissing, ModelFilesBroken.
    """
    named, report = find_config(name), progress or (lambda step: None)
    config = named[0] if named is not None else repository_config(name)
    if config is None:
        raise unknown_model(name)
    if config.kind == "embedded":
        return embedded.model_file(report)
    return fetch_folder(config, report, hub or (named[1] if named is not None else None), update=update)


def fetch_folder(config: ModelConfig, report: Progress, hub: HubName | None, *, update: bool) -> Path:
    """The folder with the model's files; what is missing of them is downloaded. Raises ModelFilesMissing."""
    report(LoadProgress("find", detail=config.name))
    downloads = config.downloads(hub)
    best = downloads[0] if downloads else None
    if best is not None and best.complete and not update:
        return best.folder
    source = best.source if best is not None else config.source(hub or HUBS[0])
    if best is not None and not update:
        log.warning("%s: %s", config.name, interrupted_clause(config, best))
    try:
        return fetch_files(source, report, update=update, check=_check_config if config.needed else None)
    except (HubUnavailable, OSError) as error:
        reason = error.reason if isinstance(error, HubUnavailable) else str(error)
        if best is not None and best.complete:
            log.warning("%s cannot be updated (%s); what is here is used.", config.name, reason)
            return best.folder
        raise _download_failed(config, source, reason) from error


def _check_config(folder: Path) -> None:
    """Raises ModelFilesBroken for a kind of model that is not known, before its weights are downloaded."""
    with one_import_at_a_time():
        from composer.models.transformers_vlm import check_config

    if model_type(folder) != XCOMPOSER_TYPE:
        check_config(folder)


def _download_failed(config: ModelConfig, source: Source, reason: Text | str) -> ModelFilesMissing:
    download = find_download(source)
    values: dict[str, object] = {"reason": reason, "others": [hub for hub in config.hubs if hub != source.hub]}
    if config.needed and download is None:
        way_out = _(
            "No folder of that name is here, and they cannot be downloaded ({reason}). Where there is a network: "
            "{command} (or --hub {others}). With a copy of your own: --folder FOLDER",
            **values,
            command=download_command(config, source.hub),
        )
    elif download is None or download.complete:
        way_out = _(
            "They cannot be downloaded ({reason}). From another hub: --hub {others}. With a copy of your own: "
            "--folder FOLDER",
            **values,
        )
    else:
        way_out = _(
            "They cannot be downloaded ({reason}). Its download was interrupted ({here:.2f} of {total:.2f} GB are "
            "here); this goes on: {command}. From another hub: --hub {others}. With a copy of your own: "
            "--folder FOLDER",
            **values,
            **interrupted_values(config, download),
        )
    return ModelFilesMissing(name=config.name, missing=source.repository, way_out=way_out)


def local_folder(name_or_folder: str) -> Path:
    """The folder of a model that is here: the folder itself, or what was downloaded under that name. Downloads nothing.

    The folder's files are not looked at. Raises UnknownModel, ModelFilesMissing where nothing was downloaded,
    InputError for the embedded model, which is a file.
    """
    path = path_of(name_or_folder)
    if path.exists():
        return path
    if is_local_name(name_or_folder):
        return find_local_model(name_or_folder).path
    named, unlisted = find_config(name_or_folder), repository_config(name_or_folder)
    if named is None and unlisted is not None:
        here = next((model.path for model in find_repository(name_or_folder) if model.path.is_dir()), None)
        if here is not None:
            return here
    if named is None and unlisted is None:
        raise unknown_model(name_or_folder)
    config, hub = named or (unlisted, None)
    assert config is not None
    if config.kind == "embedded":
        others = ", ".join(config.short for config in model_configs() if config.kind != "embedded")
        raise InputError(
            _(
                "The model '{name}' is one file and runs on the CPU. This is for a folder, or: {others}.",
                name=config.name,
                others=others,
            )
        )
    downloads = config.downloads(hub)
    if downloads and downloads[0].complete:
        return downloads[0].folder
    source = downloads[0].source if downloads else config.source(hub or HUBS[0])
    raise ModelFilesMissing(
        name=config.name,
        missing=source.repository,
        way_out=_("Get them with: {command}", command=download_command(config, source.hub)),
    )
