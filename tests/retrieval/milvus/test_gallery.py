"""MilvusGallery on Milvus Lite: the engine itself, embedded, and once more as a server over the network protocol."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from retrieval.base import PictureGallery
from retrieval.encoders.base import Preparation, Vectors, unit
from retrieval.errors import GalleryNotFound, GalleryUnreadable, WrongEncoder
from retrieval.ingest.report import IngestOptions
from retrieval.milvus.gallery import MilvusGallery
from retrieval.milvus.schema import parse_address
from retrieval.records import Filters

pytest.importorskip("pymilvus")
pytest.importorskip("milvus_lite")

ONE_WORKER = IngestOptions(workers=1)
COLOURS = {"red": 0, "green": 1, "blue": 2}


class ColourEncoder:
    """Words and pictures to (red, green, blue, rest): "a red bus" lies where a red picture lies."""

    name = "colours"
    dim = 4
    query_languages: tuple[str, ...] = ("en",)
    words_first = False
    preparation = Preparation(side=8)
    batch = 4

    def __init__(self, weights: str = "1") -> None:
        self.identity = {"name": self.name, "weights": weights, "preprocessing": "mean", "dim": "4"}

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        rows = np.full((len(texts), 4), 0.01, dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.lower().split():
                row[COLOURS.get(word, 3)] += 1 if word in COLOURS else 0.01
        return unit(rows)

    def encode_prepared(self, pixels: NDArray[np.uint8]) -> Vectors:
        means = pixels.reshape(len(pixels), -1, 3).mean(axis=1) / 255
        return unit(np.concatenate([means, np.full((len(pixels), 1), 0.01)], axis=1).astype(np.float32))


def paint(folder: Path, name: str, colour: str, caption: str = "", size: tuple[int, int] = (40, 30)) -> Path:
    path = folder / name
    Image.new("RGB", size, colour).save(path)
    if caption:
        path.with_suffix(".txt").write_text(caption, encoding="utf-8")
    return path


def four_pictures(made: Path) -> Path:
    made.mkdir()
    paint(
        made,
        "IMG_0001.png",
        "red",
        "A bus in London\ncredit: A. Driver\nlicence: CC BY 4.0\nsource: https://example.org/1",
    )
    paint(made, "IMG_0002.png", "lime", "两只猫在草地上\ntags: 猫, 草地")
    paint(made, "IMG_0003.png", "blue", "The sea at noon")
    paint(made, "IMG_0004.png", "navy", size=(30, 60))
    return made


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XCOMPOSER_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return four_pictures(tmp_path / "pictures")


@pytest.fixture
def gallery(tmp_path: Path, folder: Path) -> Iterator[MilvusGallery]:
    """A gallery of its own, for tests that change it."""
    made = MilvusGallery(str(tmp_path / "g.db"), ColourEncoder(), create=True)
    made.add(folder, options=ONE_WORKER)
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusGallery]:
    """One gallery for all tests that only ask."""
    place = tmp_path_factory.mktemp("shared")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XCOMPOSER_CACHE_DIR", str(place / "cache"))
        made = MilvusGallery(str(place / "g.db"), ColourEncoder(), create=True)
        made.add(four_pictures(place / "pictures"), options=ONE_WORKER)
    yield made
    made.close()


def names(gallery: MilvusGallery, *query: str, **options: object) -> list[str]:
    hits = gallery.search(list(query), **options)  # type: ignore[arg-type]
    return [Path(hit.path).stem.removeprefix("IMG_000") for hit in hits]


def test_it_is_a_gallery_and_searches_by_meaning(shared: MilvusGallery) -> None:
    assert isinstance(shared, PictureGallery)
    assert names(shared, "something red")[0] == "1"
    assert names(shared, "green", k=1) == ["2"]
    scores = [hit.score for hit in shared.search("blue", k=4)]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == 4


def test_it_searches_by_words_in_both_languages(shared: MilvusGallery) -> None:
    assert names(shared, "London", k=1) == ["1"]
    assert names(shared, "noon", k=1) == ["3"]
    for query in ("猫", "草地", "草地上的猫"):
        assert names(shared, query, k=1) == ["2"], query


def test_pictures_with_the_words_are_likely_and_others_by_how_they_stand_out(shared: MilvusGallery) -> None:
    def likely(*query: str) -> set[str]:
        return {Path(hit.path).stem.removeprefix("IMG_000") for hit in shared.search(list(query)) if hit.likely}

    assert likely("bus") == {"1"}
    assert likely("猫") == {"2"}
    assert likely("bus", "猫") == {"1", "2"}


def test_phrasings_are_fused(shared: MilvusGallery) -> None:
    assert set(names(shared, "London", "草地", k=2)) == {"1", "2"}


def test_facts_of_a_picture_live_in_the_collection(shared: MilvusGallery) -> None:
    hit = shared.search("London", k=1)[0]
    assert (hit.caption, hit.credit, hit.licence) == ("A bus in London", "A. Driver", "CC BY 4.0")
    assert hit.source == "https://example.org/1"
    assert Path(hit.path).name == "IMG_0001.png"
    assert Path(hit.path).is_file()
    same = shared.get(hit.id)
    assert (same.caption, same.score) == (hit.caption, 0.0)


def test_a_picture_finds_its_like(shared: MilvusGallery) -> None:
    hits = shared.search(Image.new("RGB", (100, 100), (250, 10, 10)), k=2)
    assert Path(hits[0].path).stem == "IMG_0001"


def test_excluded_pictures_stay_away_and_strange_ids_do_no_harm(shared: MilvusGallery) -> None:
    first = shared.search("red", k=1)[0].id
    strange = ['"] or id in ["', "x' or 1==1", first.upper(), ""]
    again = [hit.id for hit in shared.search("red London", k=4, exclude=[first, *strange])]
    assert first not in again
    assert len(again) == 3
    assert len(shared.search("red", k=4, exclude=strange)) == 4
    for unknown in (*strange, "0" * 20):
        with pytest.raises(KeyError):
            shared.get(unknown)


def test_filters_narrow_the_pictures(shared: MilvusGallery) -> None:
    folder = Path(shared.search("red", k=1)[0].path).parent

    def found(filters: Filters) -> set[str]:
        hits = shared.search(["red", "green", "blue"], k=9, filters=filters)
        return {Path(hit.path).stem.removeprefix("IMG_000") for hit in hits}

    assert found(Filters()) == {"1", "2", "3", "4"}
    assert found(Filters(tag=" 猫 ")) == {"2"}
    assert found(Filters(orientation="portrait")) == {"4"}
    assert found(Filters(min_width=40, min_height=30)) == {"1", "2", "3"}
    assert found(Filters(licence="CC BY")) == {"1"}
    assert found(Filters(folder=str(folder))) == {"1", "2", "3", "4"}
    assert found(Filters(folder=str(folder)[:-1])) == set()
    assert found(Filters(after="2000-01-01", before="2001-01-01")) == set()
    assert found(Filters(after="2000-01-01")) == {"1", "2", "3", "4"}
    assert found(Filters(tag='" or id != "')) == set()


def test_query_arithmetic_takes_away_by_vector_and_by_word(gallery: MilvusGallery, folder: Path) -> None:
    paint(folder, "IMG_0006.png", "white", "A bus in Paris", size=(70, 30))
    gallery.add(folder, options=ONE_WORKER)
    assert set(names(gallery, "bus", k=2)) == {"1", "6"}
    assert names(gallery, "bus - London", k=1) == ["6"]


def test_near_twins_come_after_everything_else(gallery: MilvusGallery, folder: Path) -> None:
    scene = Image.effect_mandelbrot((64, 48), (-2, -1.5, 1, 1.5), 60).convert("RGB")
    for number in range(3):
        scene.resize((64 + number, 48)).save(folder / f"twin{number}.png")
        (folder / f"twin{number}.txt").write_text("A fractal of Mandelbrot")
    gallery.add(folder, options=ONE_WORKER)
    found = names(gallery, "fractal of Mandelbrot", k=7)
    assert len(found) == 7
    assert found[0].startswith("twin")
    assert not found[1].startswith("twin")  # only the twins have the words: without their likeness they came first
    assert sum(name.startswith("twin") for name in found) == 3


def test_k_and_empty_queries(shared: MilvusGallery) -> None:
    assert shared.search("red", k=0) == []
    assert shared.search("  ") == []
    assert shared.search([]) == []
    assert len(shared.search("red", k=1000)) == 4


def test_info_counts(shared: MilvusGallery) -> None:
    info = shared.info()
    assert (info.pictures, info.encoder, info.name) == (4, "colours", "g")
    assert "lite" in info.details["engine"]


def test_adding_again_reads_nothing_and_follows_every_change(gallery: MilvusGallery, folder: Path) -> None:
    again = gallery.add(folder, options=ONE_WORKER)
    assert (again.unchanged, again.added, again.bytes_read) == (4, 0, 0)
    paint(folder, "new.png", "yellow", "A lemon")
    (folder / "IMG_0001.txt").write_text("A coach in Paris", encoding="utf-8")
    (folder / "IMG_0003.png").rename(folder / "IMG_0005.png")
    (folder / "IMG_0003.txt").rename(folder / "IMG_0005.txt")
    (folder / "IMG_0002.png").unlink()
    report = gallery.add(folder, options=ONE_WORKER)
    assert (report.added, report.removed) == (1, 1)
    assert gallery.info().pictures == 4
    assert names(gallery, "lemon", k=1) == ["new"]
    assert gallery.search("Paris", k=1)[0].caption == "A coach in Paris"
    assert "1" not in names(gallery, "London", k=1) or gallery.search("London", k=1)[0].caption != "A bus in London"
    assert names(gallery, "noon", k=1) == ["5"]
    assert "2" not in names(gallery, "猫", k=4)


def test_broken_files_are_reported_and_the_rest_comes_in(gallery: MilvusGallery, folder: Path) -> None:
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 no picture")
    paint(folder, "fine.png", "white", "Snow")
    report = gallery.add(folder, options=ONE_WORKER)
    assert report.added == 1
    assert [Path(path).name for path, _ in report.skipped] == ["broken.jpg"]
    assert names(gallery, "snow", k=1) == ["fine"]


def test_what_a_lost_collection_held_is_sent_again_without_reading(
    tmp_path: Path, gallery: MilvusGallery, folder: Path
) -> None:
    gallery.close()
    from pymilvus import MilvusClient

    client = MilvusClient(str(tmp_path / "g.db"))
    client.drop_collection("pictures")
    client.close()
    fresh = MilvusGallery(str(tmp_path / "g.db"), ColourEncoder(), create=True)
    try:
        assert fresh.add(folder, options=ONE_WORKER).bytes_read == 0
        assert names(fresh, "London", k=1) == ["1"]
        assert fresh.info().pictures == 4
    finally:
        fresh.close()


def test_remove_takes_only_what_is_named(gallery: MilvusGallery) -> None:
    first = gallery.search("red", k=1)[0].id
    assert gallery.remove([first, "nothing", "0" * 20]) == 1
    assert gallery.info().pictures == 3
    with pytest.raises(KeyError):
        gallery.get(first)


def test_it_stays_after_closing_and_refuses_another_encoder(tmp_path: Path, gallery: MilvusGallery) -> None:
    gallery.close()
    place = str(tmp_path / "g.db")
    with pytest.raises(WrongEncoder, match="weights") as caught:
        MilvusGallery(place, ColourEncoder(weights="2"))
    assert "编码器" in caught.value.text("zh")
    again = MilvusGallery(place, ColourEncoder())
    assert names(again, "London", k=1) == ["1"]
    again.close()


def test_several_threads_search_while_one_adds(gallery: MilvusGallery, folder: Path) -> None:
    for number in range(6):
        paint(folder, f"extra{number}.png", "red", f"Extra {number}", size=(20 + number, 20))
    with ThreadPoolExecutor(5) as pool:
        adding = pool.submit(gallery.add, folder, options=ONE_WORKER)
        found = list(pool.map(lambda _: gallery.search("sea at noon", k=1)[0].caption, range(40)))
        assert adding.result().added == 6
    assert found == ["The sea at noon"] * 40


def test_absent_broken_and_foreign_places_are_explained(tmp_path: Path) -> None:
    with pytest.raises(GalleryNotFound):
        MilvusGallery(str(tmp_path / "none.db"), ColourEncoder())
    broken = tmp_path / "broken.db"
    broken.write_text("no database")
    with pytest.raises(GalleryUnreadable, match="no Milvus Lite file"):
        MilvusGallery(str(broken), ColourEncoder(), create=True)
    with pytest.raises(GalleryUnreadable, match="no Milvus answers"):
        MilvusGallery("milvus://127.0.0.1:7809/pictures", ColourEncoder())

    from pymilvus import MilvusClient

    foreign = MilvusClient(str(tmp_path / "foreign.db"))
    foreign.create_collection("pictures", dimension=4)
    foreign.close()
    with pytest.raises(GalleryUnreadable, match="not made by this version"):
        MilvusGallery(str(tmp_path / "foreign.db"), ColourEncoder())


def test_a_file_in_use_by_another_program_is_explained(shared: MilvusGallery) -> None:
    code = (
        "import sys\nfrom tests.retrieval.milvus.test_gallery import ColourEncoder, MilvusGallery\n"
        "try: MilvusGallery(sys.argv[1], ColourEncoder())\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, shared.place],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "GalleryUnreadable" in ran.stdout
    assert "one program at a time" in ran.stdout


@pytest.mark.parametrize(
    ("place", "address"),
    [
        ("milvus://host/name", ("http://host:19530", "name")),
        ("milvus://10.0.0.1:7/a_b?tls=1", ("https://10.0.0.1:7", "a_b")),
        ("milvus://[::1]:19530/x", ("http://[::1]:19530", "x")),
        ("/data/p.db", ("/data/p.db", "pictures")),
    ],
)
def test_places_are_read(place: str, address: tuple[str, str]) -> None:
    assert parse_address(place) == address


@pytest.mark.parametrize(
    "place",
    [
        "milvus://",
        "milvus://host",
        "milvus://host/",
        "milvus://host/a-b",
        "milvus://host:x/a",
        "milvus://host/a/b",
        'milvus://host/a"b',
        "milvus://host/猫",
        "milvus://user:secret@host/name",
    ],
)
def test_bad_places_are_explained_and_secrets_not_repeated(place: str) -> None:
    with pytest.raises(GalleryUnreadable, match="milvus://host:19530/name") as caught:
        parse_address(place)
    assert "secret" not in str(caught.value)


def test_the_same_over_the_network_protocol_with_two_stations(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = ["--data-dir", str(tmp_path / "served"), "--host", "127.0.0.1", "--port", "7808"]
    server = subprocess.Popen(
        [sys.executable, "-m", "milvus_lite", "server", *served],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        place, end = "milvus://127.0.0.1:7808/shared", time.monotonic() + 20
        while True:
            try:
                gallery = MilvusGallery(place, ColourEncoder(), create=True)
                break
            except GalleryUnreadable:
                assert time.monotonic() < end
                time.sleep(0.2)
        gallery.add(folder, options=ONE_WORKER)
        assert names(gallery, "London", k=1) == ["1"]
        other = tmp_path / "other"
        other.mkdir()
        paint(other, "IMG_0009.png", "orange", "An orange")
        monkeypatch.setenv("XCOMPOSER_CACHE_DIR", str(tmp_path / "other-cache"))  # as on another machine
        second = MilvusGallery(place, ColourEncoder())
        second.add(other, options=ONE_WORKER)
        assert gallery.info().pictures == 5
        assert names(gallery, "an orange", k=1) == ["9"]
        (other / "IMG_0009.png").unlink()
        assert second.add(other, options=replace(ONE_WORKER, prune=True)).removed == 1
        assert gallery.info().pictures == 4
        second.close()
        gallery.close()
    finally:
        server.terminate()
        server.wait(20)
