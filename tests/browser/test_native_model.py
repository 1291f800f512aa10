"""The whole page, started as a person starts it, with the native model on tiny weights: nonsense text, right mechanics.

The golden folder is used where it is beside the checkout, else one with random weights.
"""

import contextlib
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import choose, finished, write
from tests.composer.xcomposer.tiny import train_tokenizer, write_folder

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]
REFERENCE = ROOT.parent / "shared" / "reference"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("model")
    golden = REFERENCE / "golden" / "tiny-lora"
    if not golden.is_dir():
        return write_folder(place / "tiny", train_tokenizer(place))
    made = place / "tiny-lora"
    made.mkdir()
    for name in ("config.json", "model.safetensors"):
        (made / name).symlink_to(golden / name)
    (made / "tokenizer.model").symlink_to(REFERENCE / "checkpoints/internlm-xcomposer-4bit/tokenizer.model")
    return made


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    """app.py --folder FOLDER, as a program of its own."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = int(probe.getsockname()[1])
    command = [sys.executable, "app.py", "--folder", str(folder), "--num_gpus", "0", "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as program:
        place = f"http://127.0.0.1:{port}"
        try:
            for _ in range(600):
                assert program.poll() is None, program.stdout.read().decode() if program.stdout else ""
                try:
                    with urllib.request.urlopen(place, timeout=5):
                        break
                except OSError:
                    time.sleep(0.2)
            yield place
        finally:
            program.terminate()
            program.communicate(timeout=30)


def test_an_article_on_the_page(chromium: Any, address: str, folder: Path) -> None:
    page = chromium.new_context(locale="zh-CN").new_page()
    page.set_default_timeout(60_000)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(address)
    page.wait_for_selector(".xc-ready")
    choose(page, "#xc-length", "短")
    page.click("#xc-advanced button")
    page.fill("#xc-seed textarea, #xc-seed input", "5")  # random weights may also end at once, with nothing written
    write(page, "如何养好一只宠物", wait=False)
    finished(page, timeout=240_000)
    assert page.inner_text(".xc-title") == "如何养好一只宠物"
    assert len(page.inner_text(".xc-section >> nth=0").strip()) > 0
    assert folder.name in page.inner_text("body")  # the model's name in the line above
    assert problems == []
    page.context.close()
