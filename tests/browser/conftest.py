"""A real page in a real Chromium: a server of this process with the given model and gallery, and browser contexts."""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.fakes import FakeGallery, FakeModel
from tests.serving import cut_off, free_port, is_free, serve_on_free_port
from ui.launch.quick_import import import_gradio

import_gradio()  # before any test imports it the slow way

SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
CAT = "How to take good care of a pet cat"
FRAMES = "async () => { for (let n = 0; n < 4; n++) await new Promise(requestAnimationFrame); }"
PORTS = (free_port(), free_port())  # of one server after the other, also beside one that lasts for a file


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What fails once may be the busy machine; twice is a fault. The summary names what was run again: a
    test that stands there more than once in ten runs has a race, in itself or in the page."""
    again = pytest.mark.flaky(reruns=1, only_rerun=["TimeoutError", "AssertionError"])
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(again)


def chromium_path() -> str | None:
    """Debian's chromium, or the one playwright installed."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    return None


@pytest.fixture(scope="session")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A browser context that keeps scripts as compiled, so that a page from one of `PORTS` takes half the work to load.
    Without Chromium the tests skip and say so; where CI is set they fail."""
    path = chromium_path()
    if path is None:
        reason = "no Chromium was found; install the package 'chromium' to run the browser tests"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        folder = tmp_path_factory.mktemp("profile")
        context = playwright.chromium.launch_persistent_context(folder, executable_path=path, args=list(SWITCHES))
        yield context
        context.close()


@pytest.fixture(scope="session")
def chromium(profile: Any) -> Any:
    """The browser, for contexts of one's own."""
    return profile.browser


class Server:
    """A served studio; `messages` are the values streamed to views, as lists with one entry a component."""

    def __init__(self, studio: Any, port: int = 0) -> None:
        self.studio = studio
        self.blocks, self.address = serve_on_free_port(studio, port or next(filter(is_free, PORTS), 0))
        self.streamed: list[list[Any]] = []
        self._record()
        studio.start()

    def _record(self) -> None:
        """Notes every generating message on its way to a browser."""
        queue = self.blocks._queue
        send = queue.send_message

        def recorded(event: Any, message: Any) -> Any:
            if "generating" in str(message.msg):
                self.streamed.append(list(message.output["data"]))
            return send(event, message)

        queue.send_message = recorded

    def close(self) -> None:
        self.studio.close()
        cut_off(self.blocks)


@contextmanager
def serving(folder: Path) -> Iterator[Callable[..., Server]]:
    """serve(model, gallery) serves a studio over them, with drafts and conversations in that folder, until the end."""
    from composer.conversations import ConversationStore
    from composer.drafts import DraftStore
    from ui.studio import Studio

    servers: list[Server] = []

    def make(model: Any, gallery: Any, *, port: int = 0, **options: Any) -> Server:
        options.setdefault("drafts", DraftStore(folder / "data"))
        options.setdefault("conversations", ConversationStore(folder / "data"))
        load = model if callable(model) and not isinstance(model, FakeModel) else lambda progress: model
        server = Server(Studio(load, lambda: gallery, **options), port)
        servers.append(server)
        return server

    yield make
    for server in servers:
        server.close()


@pytest.fixture
def serve_studio(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """`serving` for one test."""
    with serving(tmp_path) as make:
        yield make


@pytest.fixture
def fake_model() -> FakeModel:
    """Streams slowly enough to be watched: each piece waits for the open gate."""
    gate = threading.Event()
    gate.set()
    return FakeModel(gate=gate)


@pytest.fixture
def server(serve_studio: Callable[..., Server], fake_model: FakeModel, tmp_path: Path) -> Server:
    return serve_studio(fake_model, FakeGallery(tmp_path))


@pytest.fixture
def restart(serve_studio: Callable[..., Server], tmp_path: Path) -> Callable[..., Server]:
    """restart(server) ends a server and starts another one at its address, which knows nothing of any tab."""

    def again(server: Server, gallery: FakeGallery | None = None) -> Server:
        options = {} if server.studio.conversations else {"conversations": None}
        port = urlsplit(server.address).port
        cut_off(server.blocks)  # first, so that nothing can be told any more
        server.studio.close()
        return serve_studio(FakeModel(), gallery or FakeGallery(tmp_path), port=port, **options)

    return again


def _type_late(page: Any) -> None:
    """Has `page.fill` wait four frames where the field has just been opened: Gradio gives the fields of a tab or an
    accordion their values, which may be empty, two frames after they stand there. Nobody types so soon."""
    fill = page.fill

    def late(selector: str, value: str, **options: Any) -> None:
        page.wait_for_selector(selector)
        page.evaluate(FRAMES)
        fill(selector, value, **options)

    page.fill = late


@contextmanager
def visiting(profile: Any) -> Iterator[Callable[..., Any]]:
    """visit(server) opens the page in a browser that knows nothing of it, each time another one. At the end they are
    closed; errors in their scripts raise AssertionError."""
    before = profile.pages
    pages: list[Any] = []
    problems: list[str] = []

    def go(
        server: Server, *, locale: str = "en-US", width: int = 1280, height: int = 800, timeout: float = 30_000
    ) -> Any:
        if pages:
            page = profile.browser.new_context(locale=locale).new_page()
        else:
            page = _new_page(profile, locale, server.address)
        pages.append(page)
        page.set_viewport_size({"width": width, "height": height})
        page.set_default_timeout(timeout)
        _type_late(page)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(server.address)
        page.wait_for_selector("#xc-title textarea")
        page.wait_for_function("document.querySelector('.xc-language')?.textContent")
        page.wait_for_selector(".xc-ready")
        return page

    yield go
    for page in pages:
        if page.context is not profile:
            page.context.close()
    for page in profile.pages:
        if page not in before:
            page.close()
    profile.clear_permissions()
    assert problems == []


@pytest.fixture
def visit(profile: Any) -> Iterator[Callable[..., Any]]:
    """`visiting` for one test."""
    with visiting(profile) as go:
        yield go


@pytest.fixture(scope="module")
def lasting_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server of `lasting_page`, over a fake model and gallery of its own."""
    folder = tmp_path_factory.mktemp("lasting")
    with serving(folder) as serve:
        yield serve(FakeModel(), FakeGallery(folder))


@pytest.fixture(scope="module")
def lasting_page(profile: Any, lasting_server: Server) -> Iterator[Any]:
    """An English page for all tests of a file that leave it as it was."""
    with visiting(profile) as visit:
        yield visit(lasting_server)


def _new_page(profile: Any, locale: str, address: str) -> Any:
    """A page of the lasting profile, of which nothing is known to the server and nothing kept from another test."""
    page = profile.new_page()
    devtools = profile.new_cdp_session(page)
    devtools.send("Storage.clearDataForOrigin", {"origin": address.rstrip("/"), "storageTypes": "all"})
    agent = page.evaluate("navigator.userAgent")
    devtools.send("Emulation.setUserAgentOverride", {"userAgent": agent, "acceptLanguage": locale})
    devtools.send("Emulation.setLocaleOverride", {"locale": locale})
    return page


class Slow(FakeModel):
    """Takes 20 ms a piece, and ends at once when it is told to stop."""

    def stream(self, messages: Any, sampling: Any, *, stop: threading.Event | None = None) -> Any:
        for piece in super().stream(messages, sampling, stop=stop):
            if stop is not None and stop.wait(0.02):
                return
            yield piece


def write(page: Any, title: str = CAT, *, wait: bool = True) -> None:
    """Types a title, presses Enter, and waits for the finished article."""
    page.evaluate("document.querySelector('.xc-root').dataset.state = 'asked'")  # an article before this one was done
    page.fill("#xc-title textarea", title)
    page.press("#xc-title textarea", "Enter")
    if wait:
        finished(page)


def choose(page: Any, menu: str, name: str) -> None:
    """Chooses an entry of one of Gradio's menus by its name."""
    page.fill(f"{menu} input", name)
    page.press(f"{menu} input", "Enter")
    page.wait_for_function(
        # the menu lets go of the keyboard once it has taken the entry; its text alone is what was typed
        """([menu, name]) => {
          const box = document.querySelector(`${menu} input`);
          return box.value === name && document.activeElement !== box;
        }""",
        arg=[menu, name],
    )


def finished(page: Any, timeout: float = 30_000) -> None:
    page.wait_for_selector(".xc-root[data-state=done] .xc-toolbar:not([hidden])", timeout=timeout)


def save_as(page: Any, name: str) -> None:
    """Chooses a format, or a copy, in the menu Export."""
    page.click(".xc-export")
    page.click(f".xc-export-list [data-name={name}]")


def upload(page: Any, button: str, name: str, content: bytes) -> None:
    """Chooses a file of that content in the dialog that the button opens."""
    with page.expect_file_chooser() as chooser:
        page.click(button)
    chooser.value.set_files({"name": name, "mimeType": "image/png", "buffer": content})


def article_text(page: Any) -> str:
    return str(page.inner_text(".xc-article"))
