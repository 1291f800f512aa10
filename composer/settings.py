"""Settings: defaults < configs/app.yaml < environment (XCOMPOSER_PORT=8080) < command line.

A bad value stops the program at the start, with a sentence that names the setting and the value.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, YamlConfigSettingsSource
from yaml import YAMLError

from common.folders import CACHE_VARIABLE
from common.messages import _, languages
from common.resources import resource_folder
from composer.errors import SettingsError, validation_problem
from composer.models import AUTO, ENDPOINT, is_address

APP_CONFIG = resource_folder("configs") / "app.yaml"
PREFIX = "XCOMPOSER_"


class Settings(BaseSettings):
    """Everything that can be set without changing code. Made by `load_settings`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True, protected_namespaces=()
    )

    model: str = "auto"  # a name of configs/models, or "auto"
    folder: str | None = None  # a model folder or .gguf file, or a known name; goes before `model`
    num_gpus: int | None = Field(None, ge=0)  # None: as many as help
    hub: Literal["huggingface", "modelscope"] | None = None  # of named models; None: where it is, else huggingface
    update: bool = False  # take the hub's present version of a named model, not the one downloaded first
    quantization: Literal["nf4", "int8"] | None = None  # packs 16-bit weights while they load; int8: not XComposer
    offload: bool = False  # XComposer: layers that do not fit on the cards stay in main memory (slow)
    rotary: Literal["shipped", "exact"] | None = None  # XComposer: angles in half precision as published, or exact
    compiled: bool = False  # XComposer: fuse small operations with torch.compile (a minute at the first answer)
    threads: int | None = Field(None, ge=1, le=256)  # CPU threads of a GGUF model; None: what is free
    context_tokens: int | None = Field(None, ge=512)  # of GGUF and transformers models: prompt and reply together
    picture_tokens: int | None = Field(None, ge=16)  # for one picture at most; GGUF and transformers models
    mmproj: str | None = None  # picture part of a GGUF model; None: the one beside it; "none": it sees nothing
    gpu_layers: int | None = Field(None, ge=0)  # of a GGUF model, on the cards; None: all that fit
    base_url: str | None = None  # of an OpenAI-compatible server, whose model is then used: http://127.0.0.1:8000/v1
    api_key_file: Path | None = None  # a file that holds the key of that server
    served_name: str | None = None  # of the model on that server; None: its only one
    # requests to that server at a time; None: 4, or as it says. Texts that a transformers model computes as one batch
    at_once: int | None = Field(None, ge=1, le=256)  # for several people; None: 8 on cards, 1 on the CPU
    timeout: float | None = Field(None, gt=0)  # seconds for the next piece of its answer; None: 300
    judge: str | None = None  # a model that sees, by name, path or address: it chooses pictures for one that does not
    judge_key_file: Path | None = None  # a file that holds the key of the judge's server
    gallery: str | None = None  # None: the embedded drawings
    host: str = "127.0.0.1"
    port: int = Field(7860, ge=1, le=65535)
    share: bool = False
    root_path: str = ""  # where a reverse proxy shows the page: "/writer"
    allowed_host: str = ""  # names of the page beside this machine's, separated by commas; "*" is every name
    trust_local: bool = False  # who comes through a proxy on this machine may change gallery and model
    lock_model: bool | None = None  # nobody, or everybody, chooses another model on the page; None: who sits here
    auth: Path | None = None  # lines "name:password"
    language: str = "auto"  # of the page: "auto", or a language that has a catalogue
    mcp: bool = False  # programs that speak the Model Context Protocol are answered
    data: Path | None = None  # where drafts and conversations are kept; None: the user's data folder
    cache_dir: Path | None = None

    @field_validator(
        "folder",
        "mmproj",
        "gallery",
        "auth",
        "data",
        "cache_dir",
        "base_url",
        "api_key_file",
        "served_name",
        "judge",
        "judge_key_file",
        mode="before",
    )
    @classmethod
    def _empty_is_none(cls, value: Any) -> Any:
        return value if not isinstance(value, str) or value.strip() else None

    @field_validator("root_path")
    @classmethod
    def _is_a_path(cls, value: str) -> str:
        path = "/" + value.strip().strip("/") if value.strip().strip("/") else ""
        if not re.fullmatch(r"[\w\-.~/]*", path, re.ASCII) or "//" in path:
            raise PydanticCustomError("root_path", "it must be a path of letters and digits, such as /writer")
        return path

    @field_validator("language")
    @classmethod
    def _has_a_catalogue(cls, value: str) -> str:
        known = ("auto", *languages())
        if value not in known:
            raise PydanticCustomError(
                "literal_error", "unknown", {"expected": f"{', '.join(map(repr, known[:-1]))} or {known[-1]!r}"}
            )
        return value

    @property
    def allowed_hosts(self) -> list[str]:
        """`allowed_host` as a list."""
        return [name.strip() for name in self.allowed_host.split(",") if name.strip()]

    @property
    def wanted_model(self) -> str:
        """What `load_model` is called with."""
        if self.base_url and not self.folder and self.model == AUTO:
            return ENDPOINT
        return self.folder or self.model

    @property
    def model_options(self) -> dict[str, Any]:
        """What a person set about the model, for `load_model`; some kinds of models know only some of it."""
        names: tuple[str, ...] = ("hub", "update", "quantization", "offload", "rotary", "compiled", "threads")
        if self.wanted_model == ENDPOINT or is_address(self.wanted_model):
            names = ("api_key_file", "served_name", "at_once", "timeout")
            names = names if is_address(self.wanted_model) else ("base_url", *names)
        else:
            names = (*names, "picture_tokens", "mmproj", "gpu_layers", "at_once")
        options = {name: getattr(self, name) for name in (*names, "context_tokens")}
        return {name: value for name, value in options.items() if value not in (None, False)}

    @property
    def judge_options(self) -> dict[str, Any]:
        """What a person set about the judge, for `load_model`."""
        asked = is_address(self.judge or "")
        at_server = {"api_key_file": self.judge_key_file, "timeout": self.timeout, "key_option": "judge_key_file"}
        options = at_server if asked else {"hub": self.hub}
        return {name: value for name, value in options.items() if value is not None}

    def other_options(self, name: str) -> dict[str, Any]:
        """Options for loading another model than the one that was set, by that name: what is no matter of one model."""
        if name == self.wanted_model:
            return self.model_options
        at_server = name == ENDPOINT or is_address(name)
        names = ("timeout",) if at_server else ("hub", "threads", "picture_tokens")
        options = {key: getattr(self, key) for key in (*names, "context_tokens", "at_once")}
        return {key: value for key, value in options.items() if value is not None}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _AppYaml(settings_cls, APP_CONFIG)


class _AppYaml(YamlConfigSettingsSource):
    """configs/app.yaml; a key without a value is one that is not set."""

    def _read_file(self, file_path: Any) -> dict[str, Any]:
        values = super()._read_file(file_path)
        if not isinstance(values or {}, dict):
            raise YAMLError("it is no list of 'name: value' lines")
        return {key: value for key, value in (values or {}).items() if value is not None}


def load_settings(**command_line: Any) -> Settings:
    """The settings; arguments that are None were not given on the command line. Raises SettingsError.

    A chosen cache folder is put into the environment, where the gallery looks for it too.
    """
    given = {key: value for key, value in command_line.items() if value is not None}
    try:
        settings = Settings(**given)
    except ValidationError as error:
        raise _readable(error) from error
    except (YAMLError, OSError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise SettingsError(
            name="configs/app.yaml", value=APP_CONFIG, reason=_("the file cannot be read: {reason}.", reason=reason)
        ) from error
    _check_server(settings, given)
    if settings.cache_dir is not None:
        os.environ[CACHE_VARIABLE] = str(settings.cache_dir.expanduser())
    return settings


def _check_server(settings: Settings, given: Mapping[str, Any]) -> None:
    """Raises SettingsError where a server is named beside a model that is not on it. A model that was chosen on the
    command line goes before a server of configs/app.yaml or the environment."""
    wanted, chosen = settings.wanted_model, bool({"folder", "model"} & given.keys())
    if wanted == ENDPOINT:
        return
    for name in ("base_url", "api_key_file", "served_name"):
        value = getattr(settings, name)
        if value is None or not (name in given or (name == "base_url" and not chosen)):
            continue
        if is_address(wanted):
            if name != "base_url" or str(value).rstrip("/") == wanted.partition("#")[0].rstrip("/"):
                continue
            reason = _("'{model}' names another server. Leave one of the two out.", model=wanted)
        elif wanted == AUTO:
            reason = _("it is for a model on a server. Name the server: --base_url URL")
        else:
            reason = _(
                "it is for a model on a server, and '{model}' is looked for on this machine. Leave one of the two out; "
                "a model on the server is named by --served_name.",
                model=wanted,
            )
        raise SettingsError(name=name, value=value, reason=reason)


def _readable(error: ValidationError) -> SettingsError:
    first = error.errors()[0]
    reason = validation_problem(first)
    if first["type"] == "extra_forbidden":
        names = ", ".join(Settings.model_fields)
        reason = _("there is no such setting. Known ones: {names}.", names=names)
    name = str(first["loc"][0]) if first["loc"] else ""
    return SettingsError(name=name, value=first.get("input"), reason=reason)
