"""A fake gallery, and a fake model that finds three places in its article."""

from pathlib import Path

import pytest

from tests.composer.answering import answer, score_by
from tests.fakes import FakeGallery, FakeModel


@pytest.fixture
def gallery(tmp_path: Path) -> FakeGallery:
    return FakeGallery(tmp_path)


@pytest.fixture
def model() -> FakeModel:
    return FakeModel(answer=answer, scorer=score_by({"bowl of": 0.9, "soft bed": 0.8, "twice a day": 0.7}))
