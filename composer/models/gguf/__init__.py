"""Language models in GGUF files, computed by llama.cpp inside this process.

Knows the file format and the engine; not the application's prompts, and not where files come from.
"""

from composer.models.gguf.engine import import_engine
from composer.models.gguf.header import GgufHeader, models_in, read_header
from composer.models.gguf.memory import memory_needed
from composer.models.gguf.model import GgufModel
from composer.models.gguf.parts import model_name, parts_of
from composer.models.gguf.projector import find_projector, projectors_in, read_projector

__all__ = [
    "GgufHeader",
    "GgufModel",
    "find_projector",
    "import_engine",
    "memory_needed",
    "model_name",
    "models_in",
    "parts_of",
    "projectors_in",
    "read_header",
    "read_projector",
]
