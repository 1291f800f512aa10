"""What all tests share: the real embedded model, loaded once."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from composer.models.gguf import GgufModel


@pytest.fixture(scope="session")
def embedded_model() -> "Iterator[GgufModel]":
    """The embedded language model. Skips, with the way to get it, where its packages are not installed."""
    from composer.models import small
    from composer.models.gguf import GgufModel

    if not small.is_ready() and not small.EMBEDDED.place.is_file() and small.EMBEDDED.missing_parts():
        pytest.skip(f"the embedded model is not installed: {small.PIP_COMMAND}")
    model = GgufModel(small.model_file(download=False), name=small.NAME)
    yield model
    model.close()
