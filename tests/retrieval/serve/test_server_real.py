"""The command line's server over the embedded gallery, asked from another process: the whole way, nothing replaced."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from retrieval import open_gallery
from retrieval.errors import RetrievalError
from retrieval.sources.remote import RemoteGallery

pytestmark = pytest.mark.real
TOKEN = "only-for-this-test"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    environment = {
        **os.environ,
        "XCOMPOSER_GALLERY_TOKEN": TOKEN,
        "XCOMPOSER_CACHE_DIR": str(tmp_path_factory.mktemp("cache")),
    }
    with subprocess.Popen(
        [sys.executable, "-m", "retrieval", "serve", "--port", "0"],
        cwd=Path(__file__).parents[3],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            found = None
            while found is None:
                line = process.stderr.readline()
                assert line, "the server ended"
                found = re.search(r"Serving .* port (\d+)", line)
            yield f"http://127.0.0.1:{found[1]}"
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) in (0, -signal.SIGTERM)


def test_the_embedded_drawings_are_found_from_another_machine(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XCOMPOSER_CACHE_DIR", str(tmp_path))
    with pytest.raises(RetrievalError, match="token"):
        open_gallery(address)
    monkeypatch.setenv("XCOMPOSER_GALLERY_TOKEN", TOKEN)
    gallery = open_gallery(address)
    assert isinstance(gallery, RemoteGallery)
    assert gallery.info().pictures > 1000
    assert "OpenMoji" in gallery.info().attribution
    for query, wanted in (("a cat", "cat"), ("面条", "面条"), (["a dog", "狗"], "dog")):
        hit = gallery.search(query, k=1)[0]
        assert wanted in hit.caption
        assert hit.drawing
        assert "CC BY-SA" in hit.licence + hit.credit
        assert Path(hit.path).is_relative_to(tmp_path)
        with Image.open(hit.path) as image:
            assert image.mode == "RGBA"
            assert image.getpixel((0, 0))[3] == 0  # type: ignore[index]  # RGBA: the ground is transparent
