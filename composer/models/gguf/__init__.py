"""Language models in GGUF files, computed by llama.cpp inside this process.

Knows the file format and the engine; not the application's prompts, and not where files come from.
"""

from composer.models.gguf.engine import import_engine
from composer.models.gguf.header import models_in, read_header
from composer.models.gguf.model import GgufModel
from composer.models.gguf.parts import model_name

__all__ = [
    "GgufModel",
    "import_engine",
    "model_name",
    "models_in",
    "read_header",
]
