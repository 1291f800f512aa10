"""The gallery's own calls on Milvus: rows a second stored, milliseconds a search. Milvus Lite unless --place is given.

python -m benchmarks.retrieval.served.milvus [--rows 10000] [--place milvus://host:19530/bench]
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retrieval.encoders import Preparation, Vectors, unit
from retrieval.milvus import MilvusGallery

DIM = 512
SEARCHES = 40
WORDS = ("cat", "dog", "sea", "bus", "tree", "house", "river", "bread", "lamp", "snow", "bridge", "market", "garden")
IN_CHINESE = (
    "猫",
    "狗",
    "大海",
    "公共汽车",
    "树",
    "房子",
    "河",
    "面包",
    "灯",
    "雪",
    "桥",
    "市场",
    "花园",
)  # found by their names in English


class HashEncoder:
    """Vectors from the words' hashes: the cost of an encoder is left out, so that Milvus' share is seen."""

    name = "hash"
    dim = DIM
    query_languages: tuple[str, ...] = ("en",)
    words_first = True
    preparation = Preparation(side=8)
    batch = 1
    identity = {"name": "hash", "dim": str(DIM)}  # noqa: RUF012 - never changed

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        rows = [np.random.default_rng(abs(hash(text)) % 2**32).standard_normal(DIM) for text in texts]
        return unit(np.array(rows, dtype=np.float32).reshape(-1, DIM))

    def encode_prepared(self, pixels: NDArray[np.uint8]) -> Vectors:
        return self.encode_texts([str(int(one.sum())) for one in pixels])


def row(number: int, vector: list[float], words: str) -> dict[str, object]:
    texts = dict.fromkeys(("credit", "licence", "source", "date", "indexed_at", "stamp"), "")
    return texts | {
        "id": f"{number:020x}",
        "sha256": f"{number:064x}",
        "station": "0" * 64,
        "path": f"/pictures/{number:08d}.jpg",
        "caption": words,
        "words": words,
        "tags": words.split()[:2],
        "width": 1200,
        "height": 800,
        "phash": int.from_bytes(np.random.default_rng(number).bytes(8), "big", signed=True),
        "approximate": False,
        "edited": False,
        "drawing": False,
        "dense": vector,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--place")
    given = parser.parse_args()
    chance = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        gallery = MilvusGallery(given.place or str(Path(folder) / "bench.db"), HashEncoder(), create=True)
        start = time.perf_counter()
        for first in range(0, given.rows, 256):
            count = min(256, given.rows - first)
            dense = unit(chance.standard_normal((count, DIM)).astype(np.float32))
            captions = [" ".join(chance.choice(WORDS, 6)) for _ in range(count)]
            gallery.store([row(first + i, dense[i].tolist(), captions[i]) for i in range(count)])
        gallery.flush()
        print(f"stored {given.rows:,} rows: {given.rows / (time.perf_counter() - start):,.0f} a second")
        hundred = [f"{i:020x}" for i in range(100)]
        for label, words, joined, exclude in (
            ("search", WORDS, " and ", ()),
            ("search, 100 excluded", WORDS, " and ", hundred),
            ("search in Chinese", IN_CHINESE, "和", ()),
        ):
            taken = []
            for number in range(SEARCHES):
                query = words[number % len(words)] + joined + words[number * 7 % len(words)]
                start = time.perf_counter()
                gallery.search(query, exclude=exclude)
                taken.append((time.perf_counter() - start) * 1000)
            taken.sort()
            late = taken[int(SEARCHES * 0.95) - 1]
            print(f"{label}: p50 {statistics.median(taken):.1f} ms, p95 {late:.1f} ms (vectors + words)")
        print(gallery.info())
        gallery.close()


if __name__ == "__main__":
    main()
