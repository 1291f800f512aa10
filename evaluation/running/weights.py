"""A fingerprint of a model's weights, so that answers of another checkpoint of the same name are never reused."""

import hashlib
from pathlib import Path
from typing import Any

from composer.errors import ComposerError
from composer.models import Model, embedded, local_folder

SAMPLES = 64  # pieces of each file that are read: a fine-tuned copy differs everywhere
PIECE = 1 << 16  # bytes
PATTERNS = ("*.safetensors", "*.bin", "*.gguf", "config.json", "tokenizer.model")


def weights_fingerprint(name: str, model: Model) -> str:
    """Sixteen digits from the files and the precision of a loaded model; `name` is what it was loaded by."""
    shape = model.capabilities
    digest = hashlib.sha256(f"{model.name} {shape.quantization} {shape.dtype}".encode())
    for path in _files(name, model):
        size = path.stat().st_size
        digest.update(f"{path.name} {size}".encode())
        with path.open("rb") as file:
            for sample in range(SAMPLES):
                file.seek(max(0, size - PIECE) * sample // max(1, SAMPLES - 1))
                digest.update(file.read(PIECE))
    return digest.hexdigest()[:16]


def model_facts(name: str, model: Model) -> dict[str, Any]:
    """What answers depend on beside the prompts, for run.json; `name` is what the model was loaded by."""
    shape = model.capabilities
    return {
        "model": model.name,
        "weights": weights_fingerprint(name, model),
        "family": shape.family,
        "precision": shape.quantization or shape.dtype or "unknown precision",
        "beams": shape.beams,
    }


def _files(name: str, model: Model) -> list[Path]:
    if model.name == embedded.NAME:
        path = embedded.EMBEDDED.path
        return [path] if path.is_file() else []
    place = Path(name).expanduser()
    if not place.exists():
        try:
            place = local_folder(model.name)
        except ComposerError:  # a model that has no files here: a service, or one made by a program
            return []
    return [place] if place.is_file() else sorted({path for pattern in PATTERNS for path in place.glob(pattern)})
