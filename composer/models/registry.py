"""From a name, a folder or a file to a loaded model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from composer.errors import UnknownModel
from composer.models import small
from composer.models.base import LoadProgress, Model


def load_model(
    name_or_folder: str | None = None,
    *,
    num_gpus: int | None = None,
    progress: Callable[[LoadProgress], None] | None = None,
    **options: Any,
) -> Model:
    from composer.models.gguf import GgufModel

    if name_or_folder in (None, "auto", small.NAME):
        path: Path = small.model_file(progress)
        return GgufModel(path, name=small.NAME, num_gpus=num_gpus, progress=progress, **options)
    if str(name_or_folder).endswith(".gguf"):
        return GgufModel(str(name_or_folder), num_gpus=num_gpus, progress=progress, **options)
    raise UnknownModel(name=name_or_folder, known=small.NAME)
