"""kill -9 of a real indexing process at twenty random moments: nothing lost, nothing twice, verify clean."""

import hashlib
import random
import time
from pathlib import Path

import psutil

from retrieval.gallery import Gallery
from retrieval.maintenance import verify
from tests.forking import processes
from tests.retrieval.conftest import ONE_WORKER
from tests.retrieval.helpers import COLOURS, ColourEncoder, paint
from tests.retrieval.indexing_process import index

ROUNDS = 20


def test_killed_twenty_times(tmp_path: Path) -> None:
    chance = random.Random(5)
    pictures, place = tmp_path / "pictures", tmp_path / "g"
    made, interrupted = 0, 0
    for _ in range(ROUNDS):
        for _ in range(60):
            paint(pictures / f"{made % 7}" / f"{made} thing.png", chance.choice(list(COLOURS)))
            made += 1
        _shuffle(sorted(pictures.rglob("*.png")), chance)
        told, tells = processes.Pipe(duplex=False)
        process = processes.Process(target=index, args=(place, pictures, tells))
        process.start()
        tells.close()
        assert told.recv() == "ready"
        children = psutil.Process(process.pid).children(recursive=True)
        process.join(chance.uniform(0.0, 0.8))
        if process.is_alive():
            interrupted += 1
            children = psutil.Process(process.pid).children(recursive=True)
            process.kill()
            process.join()
        told.close()
        until = time.monotonic() + 10
        while not all(map(_has_ended, children)):
            assert time.monotonic() < until, "its reading processes live on"
            time.sleep(0.01)
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


def _has_ended(process: psutil.Process) -> bool:
    """Also where nobody has asked yet how it ended: some systems take a second or two to do that for orphans."""
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def _shuffle(paths: list[Path], chance: random.Random) -> None:
    """Some are deleted, some renamed, one is replaced by another's content."""
    chosen = chance.sample(paths, 12)
    for path in chosen[:5]:
        path.unlink()
    for path in chosen[5:10]:
        path.rename(path.with_name(f"renamed {time.monotonic_ns()}.png"))
    chosen[10].write_bytes(chosen[11].read_bytes())
