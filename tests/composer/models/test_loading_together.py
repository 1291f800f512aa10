"""A model of transformers and a gallery that are loaded at the same time, as the page does at its start."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

BOTH = """
import sys, threading
from composer.models import load_model
from retrieval.encoders.text import MiniLmEncoder

problems, ready = [], threading.Barrier(2)

def run(load):
    ready.wait()
    try:
        load()
    except Exception as error:
        problems.append(repr(error))

works = (lambda: load_model(sys.argv[1], num_gpus=0, threads=1), MiniLmEncoder)
threads = [threading.Thread(target=run, args=(work,)) for work in works]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(problems)
"""


def test_both_are_loaded_by_a_fresh_process(tmp_path: Path) -> None:
    from tests.composer.models.tiny_vlm import make

    folder = make("qwen3_vl", tmp_path / "model")
    done = subprocess.run(
        [sys.executable, "-c", BOTH, str(folder)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert done.stdout.strip() == "[]", done.stderr
