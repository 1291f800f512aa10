"""Indexing on a Ray cluster: the rows of one machine, bad files, going on after a stop, errors as sentences."""

import secrets
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrieval.errors import EncoderUnavailable, RetrievalError
from retrieval.gallery import Gallery
from retrieval.ingest import IngestOptions, IngestReport
from retrieval.ingest.cluster import RayReader
from retrieval.ingest.cluster.reader import Layout
from retrieval.milvus import MilvusGallery
from tests.retrieval.conftest import ONE_WORKER
from tests.retrieval.helpers import ColourEncoder, paint
from tests.serving import free_port

# Ray warns of its own settings, whatever they are
pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::FutureWarning")

COLUMNS = (
    *("sha256", "path", "caption", "tags", "credit", "licence", "source", "date", "width", "height", "phash"),
    *("approximate", "drawing", "edited", "words", "dense"),
)


@pytest.fixture(scope="module")
def ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A cluster of this machine alone, with two CPUs, for all tests of the file."""
    ray = pytest.importorskip("ray", reason="the package ray is not installed")
    pytest.importorskip("pymilvus")
    token = tmp_path_factory.mktemp("ray") / "token"
    token.write_text(secrets.token_hex(32))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_TOKEN_PATH", str(token))  # else Ray writes one into the person's home
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else it warns of what a later version does
        ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=200 * 2**20)
        yield ray
        ray.shutdown()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Captions in two languages, copies of which the second has words, damaged files."""
    made = tmp_path / "made"
    for number, colour in enumerate(("red", "green", "blue", "yellow", "red", "blue")):
        paint(made / f"IMG_{number:04d}.png", colour)
    (made / "IMG_0000.txt").write_text("A bus in London\ncredit: A. Driver\nlicence: CC BY 4.0", "utf-8")
    (made / "IMG_0001.txt").write_text("两只猫在草地上\ntags: 猫, 草地", "utf-8")
    copy = made / "copies" / "a copy.png"
    copy.parent.mkdir()
    copy.write_bytes((made / "IMG_0004.png").read_bytes())
    copy.with_suffix(".txt").write_text("what it shows", "utf-8")
    (made / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    (made / "empty.jpg").touch()
    return made


def indexed(
    place: Path, folder: Path, encoder: str, elsewhere: RayReader | None, stop: Callable[[], bool] | None = None
) -> tuple[IngestReport, dict[str, dict[str, Any]]]:
    """The report, and all rows of the collection by their ids."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XCOMPOSER_CACHE_DIR", str(place / "cache"))
        gallery = MilvusGallery(str(place / "pictures.db"), encoder, create=True)
        try:
            options = ONE_WORKER if elsewhere is None else IngestOptions(elsewhere=elsewhere)
            report = gallery.add(folder, options=options, stop=stop)
            assert {len(list(gallery.local_gallery.glob("thumbnails/*/*.webp")))} <= {0, 1, 2, 3, 4, 5, 6}
            return report, {row["id"]: row for row in gallery.sample("", COLUMNS, 100)}
        finally:
            gallery.close()


@pytest.mark.usefixtures("ray")
def test_a_cluster_makes_the_rows_of_one_machine_and_goes_on_where_it_was_stopped(
    tmp_path: Path, folder: Path, tiny_clip: Path
) -> None:
    encoder = f"local-dir:{tiny_clip}"
    for place in ("one", "many"):
        (tmp_path / place).mkdir()
    alone, expected = indexed(tmp_path / "one", folder, encoder, None)
    assert alone.added == 6
    asked: list[int] = []

    def after_four() -> bool:
        asked.append(1)
        return len(asked) > 4

    first, some = indexed(tmp_path / "many", folder, encoder, RayReader(), after_four)
    assert first.stopped
    assert 0 < len(some) < len(expected)
    rest, rows = indexed(tmp_path / "many", folder, encoder, RayReader())
    assert rest.unchanged > 0
    assert first.added + rest.added == alone.added
    assert sorted(rest.skipped) == sorted(alone.skipped)  # the same sentences
    assert rows.keys() == expected.keys()
    for picture, row in rows.items():
        known = expected[picture]
        near = float(np.dot(row.pop("dense"), known.pop("dense")))
        assert near > 0.9999, row["path"]
        assert row == known
    nothing, same = indexed(tmp_path / "many", folder, encoder, RayReader())
    assert (nothing.added, nothing.unchanged) == (0, 9)
    assert same.keys() == rows.keys()


@pytest.mark.usefixtures("ray")
def test_a_gallery_in_a_folder_has_its_thumbnails_and_an_error_there_is_its_own_sentence(
    tmp_path: Path, folder: Path, tiny_clip: Path
) -> None:
    for path in sorted(folder.iterdir())[3:]:
        path.unlink() if path.is_file() else None
    with Gallery.open(tmp_path / "g", create=True, encoder=f"local-dir:{tiny_clip}") as gallery:
        gallery.encoder.spec = "local-dir:/elsewhere"  # type: ignore[attr-defined]  # a machine without the weights
        with pytest.raises(EncoderUnavailable, match=r"'/elsewhere' must hold open_clip_config\.json"):
            gallery.add(folder, options=IngestOptions(elsewhere=RayReader()))
        gallery.encoder.spec = f"local-dir:{tiny_clip}"  # type: ignore[attr-defined]
        report = gallery.add(folder, options=IngestOptions(elsewhere=RayReader()))
        assert report.added == gallery.info().pictures > 0
        for hit in gallery.browse():
            assert gallery.thumbnail(hit.id).stat().st_size > 0


def test_cards_encode_where_there_are_any_and_the_other_processors_read() -> None:
    assert Layout.of({"CPU": 2.0}) == Layout(reading=1, encoding=1, cards=False)
    assert Layout.of({"CPU": 64.0, "GPU": 8.0}) == Layout(reading=56, encoding=8, cards=True)
    assert Layout.of({"CPU": 4.0, "GPU": 8.0}) == Layout(reading=1, encoding=3, cards=True)
    with pytest.raises(RetrievalError, match="The Ray cluster has 1 CPUs; at least 2 are needed"):
        Layout.of({"CPU": 1.0})


@pytest.mark.parametrize("address", ["127.0.0.1:{port}", "ray://127.0.0.1:{port}", "127.0.0.1:99999", "my cluster"])
def test_an_address_that_does_not_answer_is_told_at_once(tmp_path: Path, folder: Path, address: str) -> None:
    pytest.importorskip("ray", reason="the package ray is not installed")
    reader = RayReader(address.format(port=free_port()))
    with (
        pytest.MonkeyPatch.context() as patch,
        Gallery.open(tmp_path / "g", create=True, encoder=ColourEncoder()) as gallery,
    ):
        patch.setattr("ray.is_initialized", lambda: False)
        started = time.monotonic()
        with pytest.raises(RetrievalError, match=f"No Ray cluster answers at '{reader.address}' "):
            gallery.add(folder, options=IngestOptions(elsewhere=reader))
        assert time.monotonic() - started < 4


def test_without_ray_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setitem(sys.modules, "ray.data", None)
    with pytest.raises(RetrievalError, match=r"pip install 'ray\[data\]'"):
        RayReader("auto")
