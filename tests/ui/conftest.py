"""A served studio without a browser."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import FakeGallery, FakeModel
from tests.serving import serve_on_free_port


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Any]:
    """A studio over a fake model and gallery, with the test's drafts, ready; without a page."""
    from composer.drafts import DraftStore
    from ui.studio import Studio

    made = Studio(lambda progress: FakeModel(), lambda: FakeGallery(tmp_path), drafts=DraftStore(tmp_path / "data"))
    made.start()
    assert made.model_settled.wait(5)
    assert made.gallery_settled.wait(5)
    yield made
    made.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Any]:
    """(studio, address) of a page over a fake model and gallery."""
    from ui.launch.quick_import import import_gradio

    import_gradio()
    from ui.studio import Studio

    studio = Studio(lambda progress: FakeModel(), lambda: FakeGallery(tmp_path))
    blocks, address = serve_on_free_port(studio)
    studio.start()
    yield studio, address
    studio.close()
    blocks.close(verbose=False)
