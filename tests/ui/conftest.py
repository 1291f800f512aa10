"""A served studio without a browser."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import FakeGallery, FakeModel
from tests.serving import serve_on_free_port
from ui.launch.quick_import import import_gradio

import_gradio()  # before any test imports it the slow way

LOGINS = [("ann", "sec:ret"), ("王", "密码")]


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Any]:
    """A studio over a fake model and gallery, with the test's drafts and conversations, ready; without a page."""
    from composer.conversations import ConversationStore
    from composer.drafts import DraftStore
    from ui.studio import Studio

    data = tmp_path / "data"
    made = Studio(
        lambda progress: FakeModel(),
        lambda: FakeGallery(tmp_path),
        drafts=DraftStore(data),
        conversations=ConversationStore(data),
    )
    made.start()
    assert made.model_settled.wait(5)
    assert made.gallery_settled.wait(5)
    yield made
    made.close()


def _page(folder: Path, **options: Any) -> Iterator[Any]:
    from composer.drafts import DraftStore
    from ui.studio import Studio

    studio = Studio(lambda progress: FakeModel(), lambda: FakeGallery(folder), drafts=DraftStore(folder / "data"))
    blocks, address = serve_on_free_port(studio, mcp=True, **options)
    studio.start()
    assert studio.model_settled.wait(5)
    assert studio.gallery_settled.wait(5)
    yield studio, address
    studio.close()
    blocks.close(verbose=False)


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """(studio, address) of one page for all tests, over a fake model and gallery, with drafts and the tools of MCP."""
    yield from _page(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The same for those who log in, under the prefix /writer."""
    yield from _page(tmp_path_factory.mktemp("guarded"), root_path="/writer", auth=LOGINS)


@pytest.fixture
def served(page: Any) -> Any:
    """The page, with a model of the test's own."""
    page[0].model = FakeModel()
    return page


@pytest.fixture(scope="session")
def program(page: Any) -> Any:
    """A program that calls the page, for all tests."""
    from gradio_client import Client

    return Client(page[1], verbose=False, analytics_enabled=False)


@pytest.fixture
def client(program: Any, served: Any) -> Any:
    """That program, and a model of the test's own."""
    return program
