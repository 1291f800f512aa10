"""The vector index: exact, approximate on disk, and what happens to a damaged file."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from retrieval.encoders import unit
from retrieval.index.catalogue import Catalogue, Slots, Vectors
from retrieval.index.search import Searcher
from retrieval.index.vectors import EXACT_LIMIT, MANIFEST, VectorIndex, kind_for, near_groups
from retrieval.records import Picture

DIM = 32
SMALL = ("IVF16,SQ8", 16, False)


def clustered(count: int, seed: int = 0) -> Vectors:
    random = np.random.default_rng(seed)
    centres = random.normal(size=(50, DIM))
    rows = centres[random.integers(0, 50, count)] + 0.5 * random.normal(size=(count, DIM))
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return units.astype(np.float16).astype(np.float32)  # as the catalogue keeps them


def chunked(slots: Slots, vectors: Vectors, size: int = 700) -> Iterator[tuple[Slots, Vectors]]:
    for start in range(0, len(slots), size):
        yield slots[start : start + size], vectors[start : start + size]


@pytest.fixture
def data() -> tuple[Slots, Vectors]:
    return np.arange(1, 3001, dtype=np.int64) * 2, clustered(3000)  # slots have gaps


@pytest.fixture
def built(tmp_path: Path, data: tuple[Slots, Vectors]) -> VectorIndex:
    index = VectorIndex(DIM, tmp_path / "vectors")
    index.build(lambda: chunked(*data), len(data[0]), kind=SMALL)
    return index


def exact(slots: Slots, vectors: Vectors, query: Vectors, k: int) -> list[int]:
    return [int(s) for s in slots[np.argsort(-(vectors @ query))[:k]]]


def test_exact_search_with_and_without_filter(data: tuple[Slots, Vectors]) -> None:
    slots, vectors = data
    index = VectorIndex(DIM)
    index.add(slots, vectors, 0)
    index.add(slots, vectors, 0)  # another thread has added them meanwhile
    assert len(index) == 3000
    found = index.search(vectors[7], 10)
    assert [slot for slot, _ in found] == exact(slots, vectors, vectors[7], 10)
    assert found[0] == (int(slots[7]), pytest.approx(1.0, abs=1e-3))
    allowed = slots[100:200]
    assert [s for s, _ in index.search(vectors[7], 10, allowed)] == exact(allowed, vectors[100:200], vectors[7], 10)
    assert index.search(vectors[7], 10, np.array([], dtype=np.int64)) == []


def test_file_is_mapped_and_finds_nearly_all(built: VectorIndex, data: tuple[Slots, Vectors], tmp_path: Path) -> None:
    slots, vectors = data
    index = VectorIndex(DIM, tmp_path / "vectors")
    assert (len(index), index.fresh_count, index.last_slot) == (3000, 0, int(slots[-1]))
    hits = sum(
        len({s for s, _ in index.search(vectors[i], 10)} & set(exact(slots, vectors, vectors[i], 10)))
        for i in range(50)
    )
    assert hits / 500 >= 0.95
    assert index.verify() == ""


def test_new_vectors_are_found_beside_the_file(built: VectorIndex) -> None:
    new = clustered(5, seed=9)
    built.add(np.arange(10_001, 10_006, dtype=np.int64), new, built.last_slot)
    assert built.search(new[3], 1)[0][0] == 10_004
    assert built.fresh_count == 5


def test_vectors_asked_for_before_another_file_was_taken_leave_no_gap(
    built: VectorIndex, data: tuple[Slots, Vectors]
) -> None:
    slots, vectors = data
    after = built.last_slot
    built.build(lambda: chunked(slots[:2000], vectors[:2000]), 2000, kind=SMALL)  # what a rebuild beside does
    built.add(np.array([after + 1], dtype=np.int64), vectors[:1], after)
    assert built.last_slot == int(slots[1999])  # the vectors between are asked for anew


def test_another_process_sees_a_newer_file(built: VectorIndex, data: tuple[Slots, Vectors], tmp_path: Path) -> None:
    slots, vectors = data
    reader = VectorIndex(DIM, tmp_path / "vectors")
    built.build(lambda: chunked(slots[:2000], vectors[:2000]), 2000, kind=SMALL)
    assert len(reader.search(vectors[2999], 1)) == 1  # the old file stays usable while it is mapped
    assert reader.reload()
    assert len(reader) == 2000
    assert len(list((tmp_path / "vectors").glob("*.faiss"))) == 1


def test_product_quantisation_asks_for_reranking(tmp_path: Path, data: tuple[Slots, Vectors]) -> None:
    slots, vectors = data
    VectorIndex(DIM, tmp_path / "pq").build(lambda: chunked(*data), 3000, kind=("OPQ8,IVF16,PQ8x4", 16, True))
    index = VectorIndex(DIM, tmp_path / "pq")
    assert index.manifest is not None
    assert index.manifest.rerank
    assert int(slots[5]) in {slot for slot, _ in index.search(vectors[5], 20)}
    allowed = slots[:300]
    assert {slot for slot, _ in index.search(vectors[5], 20, allowed)} <= set(allowed.tolist())


def test_lists_probed_depend_on_how_the_vectors_lie(tmp_path: Path) -> None:
    slots = np.arange(1, 6001, dtype=np.int64)
    random = np.random.default_rng(1)
    noise = random.normal(size=(6000, DIM)).astype(np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    probes = {}
    for name, vectors in (("clusters", clustered(6000)), ("noise", noise)):
        index = VectorIndex(DIM, tmp_path / name)
        index.build(lambda vectors=vectors: chunked(slots, vectors), 6000, kind=("IVF128,SQ8", 8, False))  # type: ignore[misc]  # bound now
        assert index.manifest is not None
        probes[name] = index.manifest.nprobe
    assert probes["clusters"] < probes["noise"]


@pytest.mark.parametrize("damage", ["flip", "cut", "gone", "manifest"])
def test_damage_is_noticed_and_does_no_harm(
    built: VectorIndex, data: tuple[Slots, Vectors], tmp_path: Path, damage: str
) -> None:
    assert built.manifest is not None
    file = tmp_path / "vectors" / built.manifest.file
    content = bytearray(file.read_bytes())
    if damage == "flip":
        content[-100] ^= 0xFF
        file.write_bytes(content)
    elif damage == "cut":
        file.write_bytes(content[:-1000])
    elif damage == "gone":
        file.unlink()
    else:
        (tmp_path / "vectors" / MANIFEST).write_text("{")
    index = VectorIndex(DIM, tmp_path / "vectors")
    assert index.verify() != ""
    if damage != "flip":  # a flipped byte is only found by reading everything
        assert len(index) == 0
    index.discard_file()
    assert index.verify() == ""
    assert len(index) == 0
    index.add(*data, 0)
    assert index.search(data[1][0], 1)[0][0] == int(data[0][0])


def test_sizes() -> None:
    assert kind_for(1_000_000, 512) == ("IVF4096,SQ8", 8, False)
    assert kind_for(100_000_000, 512)[2] is True
    index = VectorIndex(DIM)
    assert not index.rebuild_wanted(EXACT_LIMIT)
    assert index.rebuild_wanted(EXACT_LIMIT + 1)


def test_thousands_of_equal_pictures_are_one_group_at_once() -> None:
    hashes = dict.fromkeys(range(20_000), 0) | {20_000: 0b111, 20_001: -1, 20_002: 2**62, 20_003: (1 << 40) - 1}
    started = time.perf_counter()
    groups = near_groups(hashes, bits=3)
    assert time.perf_counter() - started < 5  # their pairs would take minutes, and gigabytes
    assert [sorted(group) for group in groups] == [[*range(20_001), 20_002]]
    assert near_groups({}, bits=3) == near_groups({1: 5}, bits=3) == []


def test_a_query_is_computed_in_one_thread(data: tuple[Slots, Vectors], monkeypatch: pytest.MonkeyPatch) -> None:
    """The others would only wait at its end: beside busy programs that was 10 ms in place of 0.1."""
    import faiss

    index = VectorIndex(DIM)
    index.add(*data, 0)
    threads: list[int] = []
    search = type(index._fresh).search
    monkeypatch.setattr(
        type(index._fresh),
        "search",
        lambda *given, **options: threads.append(faiss.omp_get_max_threads()) or search(*given, **options),
    )
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(2)
    try:
        assert index.search(data[1][7], 3)
        assert (threads, faiss.omp_get_max_threads()) == ([1], 2)
    finally:
        faiss.omp_set_num_threads(before)


def test_pictures_with_several_vectors_are_looked_for_in_one_go(tmp_path: Path) -> None:
    rows = clustered(300).reshape(100, 3, DIM)
    catalogue = Catalogue(tmp_path / "gallery.sqlite")
    with catalogue.transaction():
        for number, own in enumerate(rows):
            catalogue.store(Picture(id=f"{number:020}", sha256=f"{number:064}"), own, "")
    searcher = Searcher(catalogue, DIM)
    asked: list[int] = []
    search = searcher.index.search
    searcher.index.search = lambda vector, k, allowed=None: asked.append(k) or search(vector, k, allowed)  # type: ignore[assignment, func-returns-value]  # counted
    found = [searcher.by_vector(unit(rows[0, 0]), 10) for _ in range(3)]
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 10
    assert len(asked) > 3
    assert asked[-3:] == [asked[-1]] * 3, "the second search knows what the first one needed"
    searcher.close()
    catalogue.close()
