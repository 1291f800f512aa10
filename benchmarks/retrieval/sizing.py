"""Bytes a vector by kind of index, measured, and what a gallery of --pictures needs.

    python -m benchmarks.retrieval.sizing [--dim 512] [--pictures 100000000] [--metadata 1500]

FAISS builds each index over 20,000 and over 40,000 random unit vectors; the difference of their serialised sizes,
divided by 20,000, is the bytes a vector without what is stored once (centroids, codebooks). Milvus keeps FAISS' IVF
and hnswlib-like HNSW indexes in memory; its DiskANN cannot be built here and is computed from its documented settings.
"""

import argparse
import math

import faiss
import numpy as np

KINDS = {
    "FLAT": "Flat",
    "IVF_FLAT": "IVF256,Flat",
    "IVF_SQ8": "IVF256,SQ8",
    "IVF_PQ (64 bytes)": "IVF256,PQ64",
    "IVF_RABITQ": "IVF256,RaBitQ",
    "HNSW (M = 16)": "HNSW16,Flat",
    "HNSW_SQ (M = 16)": "HNSW16,SQ8",
}
SMALL, LARGE = 20_000, 40_000
# Milvus' defaults (milvus.io/docs/v2.5.x/configure_knowhere.md): PQ codes and cached nodes against the raw vectors
DISKANN_PQ, DISKANN_CACHE, DISKANN_DEGREE = 0.125, 0.10, 56
SECTOR = 4096  # bytes DiskANN reads at once; a node does not cross one where it fits in


def vectors(count: int, dim: int) -> np.ndarray:
    """Random unit vectors (count, dim)."""
    made = np.random.default_rng(0).standard_normal((count, dim), dtype=np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def bytes_a_vector(factory: str, data: np.ndarray) -> float:
    sizes = []
    for count in (SMALL, LARGE):
        index = faiss.index_factory(data.shape[1], factory, faiss.METRIC_L2)
        index.train(data[:SMALL])
        index.add(data[:count])
        sizes.append(len(faiss.serialize_index(index)))
    return (sizes[1] - sizes[0]) / (LARGE - SMALL)


def diskann_disk(dim: int) -> float:
    """Bytes a vector on disk: the vector, its neighbours and their number, whole nodes in sectors.

    Source of the layout: Subramanya et al. 2019, "DiskANN" (NeurIPS), section 3.2.
    """
    node = 4 * dim + 4 + 4 * DISKANN_DEGREE
    return SECTOR / (SECTOR // node) if node <= SECTOR else math.ceil(node / SECTOR) * SECTOR


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--pictures", type=int, default=100_000_000)
    parser.add_argument("--metadata", type=int, default=1500, help="bytes of caption, path, tags … a picture")
    given = parser.parse_args()
    dim, count = given.dim, given.pictures
    print(f"{count:,} vectors of {dim} dimensions; raw float32 {4 * dim} B a vector, {4 * dim * count / 1e9:,.1f} GB")
    print(f"{'index':20} {'memory B/vector':>16} {'memory GB':>10} {'disk GB':>9}")
    data = vectors(LARGE, dim)
    for name, factory in KINDS.items():
        each = bytes_a_vector(factory, data)
        print(f"{name:20} {each:16,.0f} {each * count / 1e9:10,.1f} {each * count / 1e9:9,.1f}")
    each = 4 * dim * (DISKANN_PQ + DISKANN_CACHE)
    disk = diskann_disk(dim) * count / 1e9
    print(f"{'DISKANN (computed)':20} {each:16,.0f} {each * count / 1e9:10,.1f} {disk:9,.1f}")
    print(f"{'facts and words':20} {given.metadata:16,} {given.metadata * count / 1e9:10,.1f}")


if __name__ == "__main__":
    main()
