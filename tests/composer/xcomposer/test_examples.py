"""The examples run as they are told to, with tiny weights."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[3]


def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "examples" / name), *arguments],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def test_chat_about_a_picture(tiny_folder: Path, tmp_path: Path) -> None:
    picture = tmp_path / "red.png"
    Image.new("RGB", (30, 20), "red").save(picture)
    done = run("example_chat.py", "--folder", str(tiny_folder), "--num_gpus", "0", "--image", str(picture))
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.strip()) > 0


@pytest.mark.parametrize("name", ["example_chat.py", "example_chat_4bit.py"])
def test_a_folder_that_is_not_there_is_a_sentence(name: str) -> None:
    done = run(name, "--folder", "/no/such/folder")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "/no/such/folder" in done.stderr


def test_the_web_demo_has_the_options_of_the_original() -> None:
    shown = run("web_demo.py", "--help").stdout
    assert all(option in shown for option in ("--folder", "--num_gpus", "--port", "--private"))
