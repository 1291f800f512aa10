"""Models that transformers computes: vision-language models and language models in folders of the Hugging Face form.

Knows folders, processors, chat templates and networks; not the application's prompts, and not where files come from.

folder        what lies in a folder, checked before loading
architecture  which kinds are known
memory        what it takes, by arithmetic
placement     devices, planned before loading
loading       the parts of a folder, loaded
template      messages -> text in the model's own form
pictures      pictures -> tensors, within a number of tokens
prompts       token ids, and where the pictures stand in them
decoding      the network at work: its room has files of its own
model         the protocol of composer.models.base
"""

from typing import TYPE_CHECKING

from common.lazy import lazy_exports
from composer.models.transformers_vlm.folder import ModelFolder, read_folder
from composer.models.transformers_vlm.memory import CONVERSATIONS, MemoryNeeds, memory_in_bits, memory_of

if TYPE_CHECKING:
    from composer.models.transformers_vlm.architecture import check_config
    from composer.models.transformers_vlm.loading import load
    from composer.models.transformers_vlm.model import TransformersModel
    from composer.models.transformers_vlm.placement import Placement, plan

__all__ = [
    "CONVERSATIONS",
    "MemoryNeeds",
    "ModelFolder",
    "Placement",
    "TransformersModel",
    "check_config",
    "load",
    "memory_in_bits",
    "memory_of",
    "plan",
    "read_folder",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "architecture": ["check_config"],
        "loading": ["load"],
        "model": ["TransformersModel"],
        "placement": ["Placement", "plan"],
    },
)
