"""The whole page – an article with a picture, a question about one, the gallery, the tab Models – with each engine.

Tiny random weights of real architectures: nonsense in the texts, but every part of the program is the one that people
use. The embedded model is in test_real.py, the native one in test_native_model.py.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from composer.models import Model, load_model
from tests.browser.conftest import Server, article_text, choose, finished, write
from tests.fakes import FakeGallery

pytest.importorskip("torch")
pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

TOKENS = 60  # of a text


@contextmanager
def gguf(folder: Path) -> Iterator[Model]:
    """llama.cpp with a picture part beside the model."""
    from tests.composer.models import tiny_eyes

    path, _mmproj = tiny_eyes.write_files(tiny_eyes.make_model(), folder)
    model = load_model(path, num_gpus=0, threads=1)
    yield model
    model.close()


@contextmanager
def transformers(folder: Path) -> Iterator[Model]:
    import torch

    from tests.composer.models.tiny_vlm import make

    threads = torch.get_num_threads()
    with torch.random.fork_rng():
        make("qwen2_5_vl", folder / "tiny-qwen")
    model = load_model(folder / "tiny-qwen", num_gpus=0, context_tokens=4096, threads=1)
    yield model
    model.close()
    torch.set_num_threads(threads)


@contextmanager
def endpoint(folder: Path) -> Iterator[Model]:
    """A real server on loopback: llama.cpp's, with the tiny model of `gguf`."""
    from composer.models.endpoint import EndpointModel

    with gguf(folder) as served:
        engine = served._engine  # type: ignore[attr-defined]
        key = folder / "key"
        key.write_text(engine._key)
        model = EndpointModel(f"http://{engine._host}:{engine._port}", api_key_file=key)
        yield model
        model.close()


ENGINES: dict[str, tuple[Callable[[Path], Any], str]] = {  # -> what the tab Models calls it
    "gguf": (gguf, "llama.cpp"),
    "transformers": (transformers, "transformers"),
    "endpoint": (endpoint, "llama.cpp"),
}


@pytest.fixture(scope="module", params=list(ENGINES))
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str]]:
    """A page over the engine, whose texts are short, and what the engine is called."""
    from ui.studio import Studio

    make, name = ENGINES[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    with ExitStack() as stack:
        model = stack.enter_context(make(folder))
        stream = model.stream

        def few_words(
            messages: Any, sampling: Any, *, stop: threading.Event | None = None
        ) -> Iterator[str]:  # the texts of random weights end nowhere
            yield from stream(messages, replace(sampling, max_tokens=min(TOKENS, sampling.max_tokens)), stop=stop)

        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(model, "stream", few_words)
        patch.setattr(model, "close", lambda: None)
        server = Server(Studio(lambda progress: model, lambda: FakeGallery(folder)))
        stack.callback(server.close)
        yield server, name


def test_the_page_with_each_engine(served: tuple[Server, str], visit: Callable[..., Any], tmp_path: Path) -> None:
    server, engine = served
    page = visit(server, timeout=60_000)
    choose(page, "#xc-pictures", "1")
    choose(page, "#xc-length", "Short")
    page.click("#xc-advanced button")
    page.fill("#xc-seed textarea, #xc-seed input", "5")  # random weights may also end at once, with nothing written
    write(page, "The brown dog", wait=False)
    finished(page, timeout=90_000)
    assert "The brown dog" in article_text(page)
    assert len(page.inner_text(".xc-section >> nth=0").strip()) > 0

    page.get_by_role("tab", name="Chat").click()
    picture = tmp_path / "red.png"
    Image.new("RGB", (64, 48), "red").save(picture)
    page.set_input_files("#xc-chat-box input[type=file]", picture)
    page.wait_for_selector("#xc-chat-box .thumbnail-item, #xc-chat-box img")
    page.fill("#xc-chat-box textarea", "What colour is it?")
    page.press("#xc-chat-box textarea", "Enter")
    page.wait_for_selector("#xc-chat-box .submit-button")
    page.wait_for_function(
        "() => { const said = document.querySelectorAll('#xc-turns .bot .prose, #xc-turns .bot.message');"
        " return said.length && !['', '…'].includes(said[said.length - 1].innerText.trim()); }"
    )
    conversation = next(iter(server.studio._visitors.values())).talk.tree.exchanges[-1]
    assert conversation.pictures
    assert not conversation.descriptions, "the model itself saw it"

    page.get_by_role("tab", name="Gallery").click()
    page.fill("#xc-gallery-search input", "blue")
    page.wait_for_selector(".xc-tile img")

    page.get_by_role("tab", name="Models").click()
    page.wait_for_function("document.querySelector('.xc-model-facts').innerText.includes('sees up to')")
    assert engine in page.inner_text(".xc-model-facts")
