"""Language and vision-language models behind one protocol, `Model`; `load_model` loads one by name, folder or file.

Knows engines, checkpoints and hubs; nothing of articles, galleries or pages.
"""

from composer.models import embedded
from composer.models.advice import Advice, Memory, advise, machine_memory, memory_wanted
from composer.models.base import (
    Capabilities,
    KeepsBeginnings,
    LoadProgress,
    Message,
    Model,
    Picture,
    Replier,
    Sampling,
    ScoresTokens,
    Script,
    TellsAllowedShare,
    Usage,
    assistant,
    merge_turns,
    system,
    user,
)
from composer.models.cards import GraphicsCard, graphics_cards
from composer.models.configs import (
    AUTO,
    ENDPOINT,
    KnownModel,
    ModelConfig,
    find_config,
    is_address,
    is_known_model,
    known_models,
    path_of,
    unknown_model,
)
from composer.models.describer import PictureDescriber
from composer.models.discovery import (
    XCOMPOSER_TYPE,
    LocalModel,
    LocalServer,
    Proposal,
    find_local_model,
    find_servers,
    is_local_name,
    local_models,
    propose,
)
from composer.models.files import download_model, local_folder, model_type
from composer.models.gguf import GgufModel, import_engine, models_in, read_header
from composer.models.registry import choose_model, load_model
from composer.models.thinking import ThoughtFilter, answer_in, end_of_opened_thought, without_thoughts

__all__ = [
    "AUTO",
    "ENDPOINT",
    "XCOMPOSER_TYPE",
    "Advice",
    "Capabilities",
    "GgufModel",
    "GraphicsCard",
    "KeepsBeginnings",
    "KnownModel",
    "LoadProgress",
    "LocalModel",
    "LocalServer",
    "Memory",
    "Message",
    "Model",
    "ModelConfig",
    "Picture",
    "PictureDescriber",
    "Proposal",
    "Replier",
    "Sampling",
    "ScoresTokens",
    "Script",
    "TellsAllowedShare",
    "ThoughtFilter",
    "Usage",
    "advise",
    "answer_in",
    "assistant",
    "choose_model",
    "download_model",
    "embedded",
    "end_of_opened_thought",
    "find_config",
    "find_local_model",
    "find_servers",
    "graphics_cards",
    "import_engine",
    "is_address",
    "is_known_model",
    "is_local_name",
    "known_models",
    "load_model",
    "local_folder",
    "local_models",
    "machine_memory",
    "memory_wanted",
    "merge_turns",
    "model_type",
    "models_in",
    "path_of",
    "propose",
    "read_header",
    "system",
    "unknown_model",
    "user",
    "without_thoughts",
]
