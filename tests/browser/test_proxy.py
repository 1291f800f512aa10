"""The page behind a reverse proxy: everything of it works under the prefix."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from gradio_client import Client
from PIL import Image

from tests.browser.conftest import finished, save_as, upload, write
from tests.fakes import FakeGallery, FakeModel
from tests.proxying import proxied
from tests.serving import serve_on_free_port

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    ("prefix", "strips", "tells"), [("/writer", True, True), ("/studio", False, True), ("/studio", True, False)]
)
def test_the_whole_page_works_under_a_prefix(
    visit: Callable[..., Any], tmp_path: Path, prefix: str, strips: bool, tells: bool
) -> None:
    from ui.studio import Studio

    studio = Studio(lambda progress: FakeModel(), lambda: FakeGallery(tmp_path))
    names = [] if tells else ["127.0.0.1"]
    blocks, address = serve_on_free_port(studio, root_path=prefix, allowed_hosts=names)
    studio.start()
    try:
        upstream = urlsplit(address).netloc
        with proxied(upstream, prefix, strips=strips, tells=tells) as public:
            page = visit(SimpleNamespace(address=public))
            page.set_default_timeout(40_000)
            failed: list[str] = []
            page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
            elsewhere: list[str] = []
            page.on("request", lambda asked: elsewhere.append(asked.url) if public not in asked.url else None)
            write(page)
            finished(page)
            assert page.evaluate("document.querySelector('.xc-picture img').naturalWidth") == 64
            drawn = io.BytesIO()
            Image.new("RGB", (90, 60), "purple").save(drawn, "PNG")
            page.click(".xc-picture >> nth=0")
            upload(page, ".xc-panel-foot button >> nth=0", "mine.png", drawn.getvalue())
            page.wait_for_function("document.querySelector('.xc-picture img').naturalWidth === 90")
            page.keyboard.press("Escape")
            with page.expect_download() as download:
                save_as(page, "zip")
            with zipfile.ZipFile(download.value.path()) as archive:
                assert "article.md" in archive.namelist()
            page.click("[role=tab] >> nth=1")
            page.set_input_files("#xc-chat-box input[type=file]", tmp_path / "00.png")
            page.wait_for_function("document.querySelector('#xc-chat-box img')?.naturalWidth === 64")
            page.click("[role=tab] >> nth=2")
            page.fill("#xc-gallery-search input", "blue")
            page.wait_for_function("document.querySelector('.xc-tile img')?.naturalWidth === 64")
            assert [url for url in elsewhere if not url.startswith(("data:", "blob:"))] == []
            assert failed == []
            if tells:
                client = Client(public, verbose=False, analytics_enabled=False)
                assert client.predict("blue", k=1, api_name="/search")[0]["id"] == "p0"
    finally:
        studio.close()
        blocks.close(verbose=False)
