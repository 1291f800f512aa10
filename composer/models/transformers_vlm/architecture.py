"""Which architectures transformers computes, and what is said of the others.

Runs no code from a folder. The package transformers is taken from here by what needs it, prepared.
"""

import contextlib
import pickle
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError

from common.lazy import one_import_at_a_time
from common.messages import Text, _
from common.torchvision_compat import prepare_torchvision
from composer.errors import ModelFilesBroken
from composer.models.transformers_vlm.folder import ModelFolder, read_settings

prepare_torchvision()

import transformers  # noqa: E402 - after its torchvision can be imported

__all__ = ["PROBLEMS", "auto_class", "check_config", "read_config", "readable", "transformers"]

transformers.utils.logging.disable_progress_bar()  # what it says on the way is said by ours
transformers.utils.logging.set_verbosity_error()

PROBLEMS = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ImportError,
    RuntimeError,
    StrictDataclassError,
    EOFError,  # this and the next two: pickled weights that are cut off or damaged
    pickle.UnpicklingError,
    struct.error,
)


@one_import_at_a_time()
def read_config(folder: ModelFolder) -> Any:
    """The configuration as transformers reads it; the network's file is imported. Raises ModelFilesBroken."""
    known = transformers.models.auto.configuration_auto.CONFIG_MAPPING
    if folder.model_type not in known:
        raise ModelFilesBroken(path=folder.path / "config.json", reason=_unknown_architecture(folder))
    with readable(folder.path / "config.json"):
        config = transformers.AutoConfig.from_pretrained(folder.path, trust_remote_code=False, local_files_only=True)
    if config.is_encoder_decoder or auto_class(config) is None:
        reason = _("its architecture '{kind}' does not continue conversations.", kind=folder.model_type)
        raise ModelFilesBroken(path=folder.path / "config.json", reason=reason)
    with readable(folder.path):
        auto_class(config)._model_mapping[type(config)]  # a part of transformers that is imported when it is asked for
    return config


def _unknown_architecture(folder: ModelFolder) -> Text:
    kind, version = folder.model_type or "?", transformers.__version__
    if folder.config.get("auto_map"):
        return _(
            "its architecture '{kind}' brings its own program, and programs from model folders are not run. Take the "
            "version of the model for transformers (often named …-HF), or its GGUF file.",
            kind=kind,
        )
    return _(
        "its architecture '{kind}' is not known to transformers {version}. A newer one may know it (pip install -U "
        "transformers); or take the model's GGUF file.",
        kind=kind,
        version=version,
    )


def auto_class(config: Any) -> Any:
    """The class that loads such a model, seeing ones first; None where there is none."""
    auto = transformers.models.auto.modeling_auto
    if type(config) in auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING:
        return transformers.AutoModelForImageTextToText
    return transformers.AutoModelForCausalLM if type(config) in auto.MODEL_FOR_CAUSAL_LM_MAPPING else None


def check_config(folder: Path) -> None:
    """Whether a model with the configuration in that folder can be loaded; its weights need not be there. Raises
    ModelFilesMissing, ModelFilesBroken."""
    read_config(ModelFolder(folder, read_settings(folder), (), 0))


@contextlib.contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns what transformers says of broken files and missing packages into a sentence."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError):
        raise
    except PROBLEMS as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise ModelFilesBroken(path=path, reason=f"{reason}") from error
