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


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """(studio, address) of one page for all tests, over a fake model and gallery, with drafts and the tools of MCP."""
    from ui.launch.quick_import import import_gradio

    import_gradio()
    from composer.drafts import DraftStore
    from ui.studio import Studio

    folder = tmp_path_factory.mktemp("page")
    studio = Studio(lambda progress: FakeModel(), lambda: FakeGallery(folder), drafts=DraftStore(folder / "data"))
    blocks, address = serve_on_free_port(studio, mcp=True)
    studio.start()
    assert studio.model_settled.wait(5)
    assert studio.gallery_settled.wait(5)
    yield studio, address
    studio.close()
    blocks.close(verbose=False)


@pytest.fixture
def served(page: Any) -> Any:
    """That page, with a model of the test's own."""
    page[0].model = FakeModel()
    return page
