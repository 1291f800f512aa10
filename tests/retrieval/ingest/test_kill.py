"""kill -9 of a real indexing process at twenty random moments: nothing lost, nothing twice, verify clean."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from retrieval.gallery import Gallery
from retrieval.maintenance import verify
from tests.retrieval.conftest import ONE_WORKER
from tests.retrieval.helpers import COLOURS, ColourEncoder, paint

ROUNDS = 20
REPOSITORY = Path(__file__).parents[3]


def test_killed_twenty_times(tmp_path: Path) -> None:
    chance = random.Random(5)
    pictures, place = tmp_path / "pictures", tmp_path / "g"
    made, interrupted = 0, 0
    for _ in range(ROUNDS):
        for _ in range(120):
            paint(pictures / f"{made % 7}" / f"{made} thing.png", chance.choice(list(COLOURS)))
            made += 1
        _shuffle(sorted(pictures.rglob("*.png")), chance)
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.retrieval.indexing_process", str(place), str(pictures)],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        children = psutil.Process(process.pid).children(recursive=True)
        try:
            process.wait(chance.uniform(0.0, 0.8))
        except subprocess.TimeoutExpired:
            interrupted += 1
            children = psutil.Process(process.pid).children(recursive=True)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        process.stdout.close()
        _gone, alive = psutil.wait_procs(children, timeout=10)
        assert not alive, "its reading processes live on"
    assert interrupted >= ROUNDS // 3, "most rounds were over before the kill"

    with Gallery.open(place, encoder=ColourEncoder()) as gallery:
        gallery.add(pictures, options=ONE_WORKER)
        expected = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in pictures.rglob("*.png")}
        stored = list(gallery.catalogue.pictures())
        assert {picture.sha256 for picture in stored} == set(expected)
        assert len(stored) == len(expected)  # nothing twice
        files = {row["path"] for row in gallery.catalogue.connection.execute("SELECT path FROM files")}
        assert files == {str(path) for path in pictures.rglob("*.png")}
        assert gallery.catalogue.counts()["vectors"] == len(expected)
        assert verify(gallery) == []
        assert gallery.add(pictures, options=ONE_WORKER).bytes_read == 0


def _shuffle(paths: list[Path], chance: random.Random) -> None:
    """Some are deleted, some renamed, one is replaced by another's content."""
    chosen = chance.sample(paths, 12)
    for path in chosen[:5]:
        path.unlink()
    for path in chosen[5:10]:
        path.rename(path.with_name(f"renamed {time.monotonic_ns()}.png"))
    chosen[10].write_bytes(chosen[11].read_bytes())
