"""The vector index: slots and similarities. Knows FAISS only; the vectors' home is the catalogue.

Exact inner-product search over everything that is in memory. Slots whose picture is gone stay in the index until it is
built anew; the caller drops them, since only the catalogue knows.
"""

import threading

import numpy as np
from numpy.typing import NDArray

Slots = NDArray[np.int64]
Vectors = NDArray[np.float32]


class VectorIndex:
    """Unit vectors of length `dim` under int64 slots, searched by inner product (cosine). Safe from several threads."""

    def __init__(self, dim: int) -> None:
        import faiss

        self.dim = dim
        self._lock = threading.Lock()
        self._index = faiss.IndexIDMap2(faiss.IndexFlatIP(dim))
        self.last_slot = 0

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, slots: Slots, vectors: Vectors) -> None:
        """Adds vectors (N, dim) under ascending slots (N,); those at or below `last_slot` are known already."""
        with self._lock:
            new = slots > self.last_slot
            if new.any():
                self._index.add_with_ids(np.ascontiguousarray(vectors[new]), slots[new])
                self.last_slot = int(slots[new][-1])

    def search(self, vector: Vectors, k: int) -> list[tuple[int, float]]:
        """The k slots most similar to a vector (dim,), as (slot, cosine), best first."""
        with self._lock:
            if not len(self):
                return []
            similarities, slots = self._index.search(vector.reshape(1, -1), min(k, len(self)))
        return [(int(s), float(c)) for s, c in zip(slots[0], similarities[0], strict=True) if s >= 0]
