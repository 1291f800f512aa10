"""Language models in GGUF files, computed by llama.cpp inside this process.

Knows the file format and the engine; not the application's prompts, and not where files come from.
"""

from composer.models.gguf.engine import import_engine
from composer.models.gguf.header import is_picture_part, read_header
from composer.models.gguf.model import GgufModel

__all__ = [
    "GgufModel",
    "import_engine",
    "is_picture_part",
    "read_header",
]
