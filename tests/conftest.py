"""What all tests share: the real embedded model, loaded once."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from retrieval.errors import EncoderUnavailable

if TYPE_CHECKING:
    from composer.models.gguf.model import GgufModel


@pytest.fixture(scope="session")
def embedded_model() -> "Iterator[GgufModel]":
    """The embedded language model. Skips, with the way to get it, where its packages are not installed."""
    from composer.models import embedded
    from composer.models.gguf.model import GgufModel

    if not embedded.is_ready() and not embedded.EMBEDDED.path.is_file() and embedded.EMBEDDED.missing_parts():
        pytest.skip(f"the embedded model is not installed: {embedded.PIP_COMMAND}")
    model = GgufModel(embedded.model_file(download=False), name=embedded.NAME)
    yield model
    model.close()


@pytest.fixture(autouse=True)
def words_alone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests of logic judge pictures without the text encoder, which loads for seconds; those marked real use it."""
    if request.node.get_closest_marker("real") is None:
        monkeypatch.setattr("composer.illustrating.evidence.shared_text_encoder", _no_encoder)


def _no_encoder() -> None:
    raise EncoderUnavailable(name="none", reason="left out in tests of logic")
