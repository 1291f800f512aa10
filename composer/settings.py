"""Settings: defaults < configs/app.yaml < environment (XCOMPOSER_PORT=8080) < command line.

A bad value stops the program at the start, with a sentence that names the setting and the value.
"""

import os
from pathlib import Path
from typing import Any, Literal

from platformdirs import user_cache_path
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, YamlConfigSettingsSource
from yaml import YAMLError

from composer.errors import SettingsError

APP_CONFIG = Path(__file__).resolve().parents[1] / "configs" / "app.yaml"
PREFIX = "XCOMPOSER_"
CACHE_VARIABLE = "XCOMPOSER_CACHE_DIR"


def cache_folder() -> Path:
    """Where model files and other things that can be made again are kept; XCOMPOSER_CACHE_DIR names another place."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen).expanduser() if chosen else user_cache_path("xcomposer-studio", appauthor=False)


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
    quantization: Literal["nf4"] | None = None  # packs a 16-bit XComposer folder into 4 bits while it loads
    offload: bool = False  # XComposer: layers that do not fit on the cards stay in main memory (slow)
    rotary: Literal["shipped", "exact"] | None = None  # XComposer: angles in half precision as published, or exact
    compiled: bool = False  # XComposer: fuse small operations with torch.compile (a minute at the first answer)
    threads: int | None = Field(None, ge=1, le=256)  # CPU threads of a GGUF model; None: what is free
    context_tokens: int | None = Field(None, ge=512)  # of a GGUF model: prompt and reply together
    gallery: str | None = None  # None: the embedded drawings
    host: str = "127.0.0.1"
    port: int = Field(7860, ge=1, le=65535)
    share: bool = False
    auth: Path | None = None  # lines "name:password"
    language: Literal["auto", "en", "zh"] = "auto"  # of the page
    cache_dir: Path | None = None

    @field_validator("folder", "gallery", "auth", "cache_dir", mode="before")
    @classmethod
    def _empty_is_none(cls, value: Any) -> Any:
        return value if not isinstance(value, str) or value.strip() else None

    @property
    def wanted_model(self) -> str:
        """What `load_model` is called with."""
        return self.folder or self.model

    @property
    def model_options(self) -> dict[str, Any]:
        """What a person set about the model, for `load_model`; some kinds of models know only some of it."""
        names = ("hub", "update", "quantization", "offload", "rotary", "compiled", "threads", "context_tokens")
        options = {name: getattr(self, name) for name in names}
        return {name: value for name, value in options.items() if value not in (None, False)}

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
            name="configs/app.yaml",
            value=APP_CONFIG,
            reason_en=f"the file cannot be read: {reason}.",
            reason_zh=f"文件无法读取：{reason}。",
        ) from error
    if settings.cache_dir is not None:
        os.environ[CACHE_VARIABLE] = str(settings.cache_dir.expanduser())
    return settings


def _readable(error: ValidationError) -> SettingsError:
    first = error.errors()[0]
    name, context = str(first["loc"][0]) if first["loc"] else "", first.get("ctx", {})
    kind = first["type"]
    names = ", ".join(Settings.model_fields)
    reasons = {
        "extra_forbidden": (f"there is no such setting. Known ones: {names}.", f"没有这个设置。可用设置：{names}。"),
        "literal_error": (f"it must be {context.get('expected')}.", f"应为 {context.get('expected')}。"),
        "greater_than_equal": (f"it must be at least {context.get('ge')}.", f"不能小于 {context.get('ge')}。"),
        "less_than_equal": (f"it must be at most {context.get('le')}.", f"不能大于 {context.get('le')}。"),
        "int_parsing": ("it must be a whole number.", "应为整数。"),
        "int_type": ("it must be a whole number.", "应为整数。"),
        "int_from_float": ("it must be a whole number.", "应为整数。"),
        "bool_parsing": ("it must be true or false.", "应为 true 或 false。"),
        "bool_type": ("it must be true or false.", "应为 true 或 false。"),
        "string_type": ("it must be text.", "应为文字。"),
        "path_type": ("it must be a path.", "应为路径。"),
    }
    reason_en, reason_zh = reasons.get(kind, (f"{first['msg']}.", f"{first['msg']}。"))
    return SettingsError(name=name, value=first.get("input"), reason_en=reason_en, reason_zh=reason_zh)
