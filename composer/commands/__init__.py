"""Parts of the command line: commands on model folders, drafts and saved articles, and what all commands say on stderr.

Knows events, errors and loading steps; not how an article is made nor what a command prints as its result.
"""

from composer.commands.drafts import drafts
from composer.commands.exporting import export_article
from composer.commands.loading import close, load, load_judge
from composer.commands.models import models
from composer.commands.options import (
    NO_OPTIONS,
    FolderOption,
    GalleryOption,
    GpusOption,
    HubOption,
    JudgeKeyOption,
    JudgeOption,
    KeyOption,
    MmprojOption,
    ModelOptions,
    OffloadOption,
    OwnOption,
    ServedOption,
    UrlOption,
    with_model_options,
)
from composer.commands.planning import convert, plan
from composer.commands.rewriting import rewrite
from composer.commands.terminal import follow, loading_steps, readable_errors, say, stop_on_interrupt

__all__ = [
    "NO_OPTIONS",
    "FolderOption",
    "GalleryOption",
    "GpusOption",
    "HubOption",
    "JudgeKeyOption",
    "JudgeOption",
    "KeyOption",
    "MmprojOption",
    "ModelOptions",
    "OffloadOption",
    "OwnOption",
    "ServedOption",
    "UrlOption",
    "close",
    "convert",
    "drafts",
    "export_article",
    "follow",
    "load",
    "load_judge",
    "loading_steps",
    "models",
    "plan",
    "readable_errors",
    "rewrite",
    "say",
    "stop_on_interrupt",
    "with_model_options",
]
