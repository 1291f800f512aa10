"""The vector index: slots and similarities. Knows FAISS only; the vectors' home is the catalogue.

Up to EXACT_LIMIT vectors everything is searched exactly, in memory. Beyond, an approximate index lies in a file that is
mapped into memory (`base`), and what came after it is searched exactly beside it (`fresh`) until the next rebuild:

    vectors/
        manifest.json              which file is the index, what it holds, its SHA-256
        vectors-<generation>.faiss

Slots whose picture is gone stay in `base` until it is built anew; the caller drops them: only the catalogue knows.
"""

import hashlib
import json
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import faiss

Slots = NDArray[np.int64]
Vectors = NDArray[np.float32]

EXACT_LIMIT = 100_000  # vectors: an exact search of 100,000 x 512 takes about 4 ms on one core, and 100 MB
MEMORY_LIMIT = 20_000_000  # vectors: beyond, a byte a dimension no longer fits the memory of one machine
FRESH_PART = 0.1  # of the base: more new vectors than this make a rebuild worthwhile
DEAD_PART = 0.2  # of the base: likewise for vectors whose pictures are gone
WIDE_PROBE = 256  # lists: finds what there is to find
TRAIN_A_LIST = 64  # training vectors for each inverted list; FAISS asks for at least 39
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What lies in the index file."""

    file: str
    sha256: str
    size: int  # bytes
    kind: str  # a FAISS factory string
    dim: int
    count: int
    last_slot: int
    nprobe: int
    rerank: bool  # its similarities are too coarse to rank by


def kind_for(count: int, dim: int) -> tuple[str, int, bool]:
    """(FAISS factory string, lists probed a search, whether exact re-ranking is needed) for so many vectors.

    On 1 M x 512: IVF4096,SQ8 takes 528 MB; product quantisation alone finds too little and is only used with
    re-ranking from the catalogue (docs/benchmarks.md has the measurements).
    """
    lists = 2 ** max(4, round(math.log2(4 * math.sqrt(max(count, 1)))))
    if count <= MEMORY_LIMIT:
        return f"IVF{lists},SQ8", 8 if lists <= 8192 else 16, False
    parts = max(part for part in (8, 16, 32, 64, 96) if dim % part == 0)
    return f"OPQ{parts},IVF{lists}_HNSW32,PQ{parts}", 32, True


def needs_file(count: int) -> bool:
    """Whether so many vectors are better searched in an index file than one by one."""
    return count > EXACT_LIMIT


class VectorIndex:
    """Unit vectors of length `dim` under int64 slots, searched by inner product (cosine). Safe from several threads."""

    def __init__(self, dim: int, folder: Path | None = None) -> None:
        """`folder` holds the index file, if there is one. A damaged file is left aside: see `problem`."""
        self.dim = dim
        self.folder = folder
        self.problem = ""  # why the index file is not used
        self._lock = threading.RLock()
        self._manifest: Manifest | None = None
        self._base: faiss.Index | None = None
        self._stamp = 0
        self._fresh = _flat(dim)
        self.last_slot = 0
        self.reload()

    def __len__(self) -> int:
        """Vectors held, those of removed pictures included."""
        return int(self._fresh.ntotal) + (self._manifest.count if self._manifest else 0)

    @property
    def fresh_count(self) -> int:
        return int(self._fresh.ntotal)

    @property
    def manifest(self) -> Manifest | None:
        return self._manifest

    # -- the file ----------------------------------------------------------------------------------

    def reload(self) -> bool:
        """Takes a newer index file, if another process or thread has written one. True if it did."""
        path = self.folder / MANIFEST if self.folder else None
        if path is None or not path.is_file():
            return False
        stamp = path.stat().st_mtime_ns
        with self._lock:
            if stamp == self._stamp:
                return False
            self._stamp = stamp
            try:
                manifest = Manifest(**json.loads(path.read_text(encoding="utf-8")))
                base = self._opened(manifest)
            except (OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
                # the catalogue still holds every vector: search exactly, and let `repair` build the file anew
                self.problem = f"{path.name}: {error}"
                return False
            self._manifest, self._base, self.problem = manifest, base, ""
            self._fresh = _flat(self.dim)
            self.last_slot = manifest.last_slot
            return True

    def _opened(self, manifest: Manifest) -> "faiss.Index":
        import faiss

        assert self.folder is not None
        path = self.folder / manifest.file
        if path.stat().st_size != manifest.size or manifest.dim != self.dim:
            raise ValueError(f"{manifest.file} is not what the manifest describes")
        base = faiss.read_index(str(path), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
        if base.ntotal != manifest.count or base.d != self.dim:
            raise ValueError(f"{manifest.file} holds {base.ntotal} vectors of {base.d}")
        return base

    def verify(self) -> str:
        """Empty, or what is wrong with the index file. Reads all of it."""
        if self.problem or self._manifest is None or self.folder is None:
            return self.problem
        with (self.folder / self._manifest.file).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != self._manifest.sha256:
                return f"{self._manifest.file} was changed: its checksum differs"
        return ""

    def build(
        self,
        chunks: Callable[[], Iterator[tuple[Slots, Vectors]]],
        count: int,
        *,
        kind: tuple[str, int, bool] | None = None,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> None:
        """Makes a new index file of `count` vectors and puts it in place at once (the old one serves until then).

        `chunks()` yields (slots ascending, vectors (N, dim)); it is called twice: to train and to add. Raises OSError.
        """
        import faiss

        assert self.folder is not None
        self.folder.mkdir(parents=True, exist_ok=True)
        factory, nprobe, rerank = kind or kind_for(count, self.dim)
        index = faiss.index_factory(self.dim, factory, faiss.METRIC_INNER_PRODUCT)
        lists = faiss.extract_index_ivf(index)
        report = progress or (lambda stage, done, total: None)
        report("train", 0, count)
        sample = _sample(chunks(), count, min(count, max(TRAIN_A_LIST * lists.nlist, 10_000)))
        lists.cp.niter = 10
        lists.cp.max_points_per_centroid = TRAIN_A_LIST
        index.train(sample)
        queries = sample[:: max(1, len(sample) // 200)][:200].copy()
        del sample
        last = done = 0
        for slots, vectors in chunks():
            index.add_with_ids(np.ascontiguousarray(vectors), slots)
            last, done = int(slots[-1]), done + len(slots)
            report("add", done, count)
        nprobe = _calibrated(index, nprobe, queries)
        name = f"vectors-{last}-{done}.faiss"
        part = self.folder / f"{name}.part"
        faiss.write_index(index, str(part))
        with part.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        manifest = Manifest(name, digest, part.stat().st_size, factory, self.dim, done, last, nprobe, rerank)
        part.replace(self.folder / name)
        note = self.folder / f"{MANIFEST}.part"
        note.write_text(json.dumps(asdict(manifest), indent=1), encoding="utf-8")
        note.replace(self.folder / MANIFEST)
        self.reload()
        for old in self.folder.glob("vectors-*.faiss"):
            if old.name != name:
                old.unlink(missing_ok=True)  # a process that has it mapped keeps it until it reloads

    def discard_file(self) -> None:
        """Forgets and deletes the index file; the caller adds the vectors again."""
        with self._lock:
            self._manifest, self._base, self._stamp, self.problem = None, None, 0, ""
            self._fresh, self.last_slot = _flat(self.dim), 0
            if self.folder is not None and self.folder.is_dir():
                for path in (*self.folder.glob("vectors-*"), *self.folder.glob(f"{MANIFEST}*")):
                    path.unlink(missing_ok=True)

    def rebuild_wanted(self, alive: int) -> bool:
        """Whether a new file would make searches faster or truer, `alive` vectors being in the catalogue."""
        if not needs_file(alive):
            return False
        if self._manifest is None:
            return True
        dead = len(self) - alive
        return self.fresh_count > max(EXACT_LIMIT / 4, FRESH_PART * alive) or dead > DEAD_PART * alive

    # -- searching ---------------------------------------------------------------------------------

    def add(self, slots: Slots, vectors: Vectors, after: int) -> None:
        """Adds vectors (N, dim) under ascending slots (N,), at least one: those that follow the slot `after`.

        Nothing where that is not `last_slot` any more: another thread has added them, or taken another file, with which
        there would be a gap.
        """
        with self._lock:
            if self.last_slot == after:
                self._fresh.add_with_ids(np.ascontiguousarray(vectors), slots)
                self.last_slot = int(slots[-1])

    def search(self, vector: Vectors, k: int, allowed: Slots | None = None) -> list[tuple[int, float]]:
        """The k slots most similar to a vector (dim,), as (slot, cosine), best first; only those in `allowed`."""
        if k <= 0 or (allowed is not None and not len(allowed)):
            return []
        with self._lock:
            base, fresh, manifest = self._base, self._fresh, self._manifest
            found = _search(fresh, vector, k, _parameters(fresh, None, allowed))
        if base is not None and manifest is not None:
            # a filter leaves few of a list's vectors: look into more lists
            nprobe = manifest.nprobe * (1 if allowed is None else 4)
            found += _search(base, vector, k, _parameters(base, nprobe, allowed))
        found.sort(key=lambda entry: -entry[1])
        return found[:k]


def _calibrated(index: "faiss.Index", least: int, queries: Vectors) -> int:
    """How many lists to probe so that 97 % of the ten nearest are found that a far wider search finds.

    How many that takes depends on how the pictures cluster. `queries` (Q, dim) are some of the vectors themselves, so
    each one's first neighbour, itself, is left out.
    """

    def found(nprobe: int) -> list[set[int]]:
        slots = index.search(queries, 11, params=_parameters(index, nprobe, None))[1]
        return [set(row[1:].tolist()) for row in slots]

    wide = found(WIDE_PROBE)
    for nprobe in (8, 12, 16, 24, 32, 48):
        if nprobe >= least:
            same = sum(len(one & other) for one, other in zip(found(nprobe), wide, strict=True))
            if same >= 0.97 * 10 * len(queries):
                return nprobe
    return 64


def _flat(dim: int) -> "faiss.IndexIDMap2":
    """An exact index over half-precision numbers: what the catalogue keeps, and several times faster than float32."""
    import faiss

    return faiss.IndexIDMap2(faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT))


def _parameters(index: "faiss.Index", nprobe: int | None, allowed: Slots | None) -> Any:
    import faiss

    values: dict[str, Any] = {} if allowed is None else {"sel": _selector(allowed)}
    if nprobe is None:
        return faiss.SearchParameters(**values) if values else None
    inner = faiss.SearchParametersIVF(nprobe=nprobe, **values)  # type: ignore[call-arg]  # absent from its stubs
    if isinstance(index, faiss.IndexPreTransform):
        return faiss.SearchParametersPreTransform(index_params=inner)  # type: ignore[call-arg]  # likewise
    return inner


def _selector(allowed: Slots) -> "faiss.IDSelectorBitmap":
    """A bit for each slot: quicker than FAISS' selector of a list, which makes a set of it."""
    import faiss

    bits = np.zeros(int(allowed.max()) + 1, dtype=bool)
    bits[allowed] = True
    packed: Any = np.packbits(bits, bitorder="little")
    return faiss.IDSelectorBitmap(packed)  # type: ignore[call-arg]  # its stubs are those of C++


def _search(index: "faiss.Index", vector: Vectors, k: int, parameters: Any) -> list[tuple[int, float]]:
    if not index.ntotal:
        return []
    with _one_thread():
        similarities, slots = index.search(vector.reshape(1, -1), min(k, index.ntotal), params=parameters)
    return [(int(s), float(c)) for s, c in zip(slots[0], similarities[0], strict=True) if s >= 0]


@contextmanager
def _one_thread() -> Iterator[None]:
    """FAISS computes one query in one thread, whatever it has; the others would only wait at its barrier, which takes
    most of the time where other programs have the processors. Holds for the calling thread."""
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _sample(chunks: Iterator[tuple[Slots, Vectors]], count: int, wanted: int) -> Vectors:
    """About `wanted` vectors, evenly from all chunks."""
    random = np.random.default_rng(0)
    kept = [vectors[random.random(len(vectors)) < wanted / max(count, 1)] for _, vectors in chunks]
    return np.concatenate(kept) if kept else np.zeros((0, 0), dtype=np.float32)


def near_groups(hashes: dict[int, int], bits: int) -> list[list[int]]:
    """Groups of numbers whose 64-bit signed hashes are connected by differences of at most `bits` bits."""
    import faiss

    alike: dict[int, list[int]] = {}  # equal ones first: thousands of blank pages would make millions of pairs
    for number, value in hashes.items():
        alike.setdefault(value, []).append(number)
    if not alike:
        return []
    codes = np.array(list(alike), dtype=np.int64).view(np.uint8).reshape(-1, 8)
    index = faiss.IndexBinaryFlat(64)
    index.add(codes)
    limits, _, neighbours = index.range_search(codes, bits + 1)
    leader = list(range(len(alike)))

    def root(item: int) -> int:
        while leader[item] != item:
            leader[item] = leader[leader[item]]
            item = leader[item]
        return item

    for item in range(len(alike)):
        for other in neighbours[limits[item] : limits[item + 1]]:
            leader[root(int(other))] = root(item)
    groups: dict[int, list[int]] = {}
    for item, numbers in enumerate(alike.values()):
        groups.setdefault(root(item), []).extend(numbers)
    return [group for group in groups.values() if len(group) > 1]
