"""The approximate index at 1,000,000 x 512: recall, time a query, size, loading.

    python -m benchmarks.retrieval.vectors [--count 1000000] [--dim 512] [--spread 0.25] [--json]

Vectors: 20,000 clusters in a 64-dimensional part of the space plus noise, unit length, half precision as in the
catalogue; queries are new members of the same clusters. Recall@10 is against exact search over the same vectors.
--spread is how wide the clusters are, their centres being 1 apart: what makes approximate search hard. Real pictures
cluster by scenes; the mean cosine of a query's nearest neighbours is printed to compare with one's own.
"""

import argparse
import json
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from retrieval.index import Slots, VectorIndex, Vectors

CHUNK = 50_000
QUERIES = 500


class Data:
    """Vectors made anew, the same, each time they are asked for: nothing but the index stays in memory."""

    def __init__(self, count: int, dim: int, spread: float) -> None:
        random = np.random.default_rng(0)
        self.count, self.dim, self.spread = count, dim, np.float32(spread)
        self._centres = random.normal(size=(20_000, 64)).astype(np.float32)
        self._map = random.normal(size=(64, dim)).astype(np.float32) / 8

    def rows(self, count: int, seed: int) -> Vectors:
        random = np.random.default_rng(seed)
        rows = self._centres[random.integers(0, len(self._centres), count)]
        rows = (rows + self.spread * random.standard_normal(rows.shape, dtype=np.float32)) @ self._map
        rows += 0.3 * random.standard_normal(rows.shape, dtype=np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        half: Vectors = rows.astype(np.float16).astype(np.float32)
        return half

    def chunks(self) -> Iterator[tuple[Slots, Vectors]]:
        for start in range(0, self.count, CHUNK):
            size = min(CHUNK, self.count - start)
            yield np.arange(start + 1, start + size + 1, dtype=np.int64), self.rows(size, start + 1)


def exact(data: Data, queries: Vectors, k: int = 10) -> tuple[list[set[int]], float]:
    """The true k nearest slots of each query, and their mean cosine."""
    best = np.full((len(queries), k), -2.0, dtype=np.float32)
    slots = np.zeros((len(queries), k), dtype=np.int64)
    for numbers, rows in data.chunks():
        scores = np.concatenate([best, queries @ rows.T], axis=1)
        owners = np.concatenate([slots, np.broadcast_to(numbers, (len(queries), len(numbers)))], axis=1)
        order = np.argpartition(-scores, k, axis=1)[:, :k]
        best, slots = np.take_along_axis(scores, order, axis=1), np.take_along_axis(owners, order, axis=1)
    return [set(row.tolist()) for row in slots], float(best.mean())


def measure(count: int, dim: int, spread: float) -> dict[str, object]:
    """See `main`."""
    data = Data(count, dim, spread)
    queries = data.rows(QUERIES, seed=-1 & 0xFFFF_FFFF)
    truth, nearness = exact(data, queries)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        started = time.perf_counter()
        VectorIndex(dim, folder).build(data.chunks, count)
        built = time.perf_counter() - started
        started = time.perf_counter()
        index = VectorIndex(dim, folder)
        loaded = time.perf_counter() - started
        manifest = index.manifest
        assert manifest is not None
        found, times = [], []
        for query in queries:  # the first round brings the mapped file into memory
            index.search(query, 10)
        for query in queries:
            started = time.perf_counter()
            hits = index.search(query, 10)
            times.append(time.perf_counter() - started)
            found.append({slot for slot, _ in hits})
    cuts = statistics.quantiles(times, n=100)
    recall = sum(len(one & true) for one, true in zip(found, truth, strict=True)) / (10 * len(truth))
    return {
        "vectors": f"{count} x {dim}",
        "spread": spread,
        "mean_cosine_of_10": round(nearness, 3),
        "index": manifest.kind,
        "nprobe": manifest.nprobe,
        "recall_at_10": round(recall, 4),
        "p50_ms": round(1000 * cuts[49], 3),
        "p99_ms": round(1000 * cuts[98], 3),
        "index_mb": round(manifest.size / 1e6),
        "load_s": round(loaded, 3),
        "build_s": round(built, 1),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "load_average": round(os.getloadavg()[0], 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--spread", type=float, default=0.25)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    result = measure(arguments.count, arguments.dim, arguments.spread)
    print(json.dumps(result) if arguments.json else "\n".join(f"{k:16} {v}" for k, v in result.items()))


if __name__ == "__main__":
    main()
