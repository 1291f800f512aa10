"""A gallery of 100,000 pictures: how long a search takes, without and with filters, and indexing again unchanged.

    python -m benchmarks.retrieval.catalogue [--pictures 100000] [--json]

Captions are made of a vocabulary with frequencies like those of real captions: the most frequent noun stands in 16 % of
the English ones, so that a query may match thousands of pictures. Vectors are the text encoder's for 5,000 captions,
varied for the others. The folder for indexing again holds one small file a picture, in 200 folders. Of the filters one
keeps nine in ten pictures (those that are wide), the other one in 200 (those of a folder).
"""

import argparse
import hashlib
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from retrieval.encoders import Vectors, shared_label_encoder, unit
from retrieval.gallery import Gallery
from retrieval.index import KnownFile, assign_file, note_file
from retrieval.ingest import scan_folder
from retrieval.records import Filters, Picture

_WORDS = {
    "nouns": """
cat dog bowl water house river bridge tower street garden window door table chair flower tree mountain beach boat train
bus bicycle market temple statue lamp book cup plate noodle soup bread fish bird horse child woman man crowd festival
lantern museum painting camera suitcase ticket map station harbour island cloud
""",
    "adjectives": "red old small quiet sunny wooden blue busy empty golden rainy white tall young narrow bright",
    "zh": "猫 狗 碗 清水 房子 河流 大桥 高塔 街道 花园 窗户 门 桌子 面条 火车 公交车 寺庙 雕像 灯笼 博物馆",
}
NOUNS, ADJECTIVES, ZH = (words.split() for words in _WORDS.values())
QUERIES = (
    *("a red cat", "an old bridge over the river", "noodles in a bowl", "busy street market", "tall tower"),
    *("a quiet garden with flowers", "white boat in the harbour", "古老的大桥", "面条", "猫"),
)


def captions(count: int, random: np.random.Generator) -> list[str]:
    def pick(words: list[str]) -> str:
        weights = 1 / (np.arange(len(words)) + 5)
        return words[int(random.choice(len(words), p=weights / weights.sum()))]

    return [
        f"a {pick(ADJECTIVES)} {pick(NOUNS)} near the {pick(ADJECTIVES)} {pick(NOUNS)} {i}"
        if i % 3
        else f"{pick(ZH)}和{pick(ZH)} {i}"
        for i in range(count)
    ]


def fill(gallery: Gallery, folder: Path, count: int) -> None:
    """Stores `count` pictures with files in `folder`, without decoding any."""
    random = np.random.default_rng(0)
    texts = captions(count, random)
    base = gallery.encoder.encode_texts(texts[:5000])  # (5000, dim)
    rows: Vectors = unit(base[random.integers(0, len(base), count)] + 0.03 * random.normal(size=(count, base.shape[1])))
    for number in range(200):
        (folder / f"{number:03d}").mkdir(parents=True)
    for i in range(count):
        (folder / f"{i % 200:03d}" / f"{i}.jpg").write_bytes(b"x")
    files = {job.path: job for job in scan_folder(folder).jobs}
    with gallery.catalogue.transaction() as connection:
        for i, (caption, row) in enumerate(zip(texts, rows, strict=True)):
            job = files[str(folder / f"{i % 200:03d}" / f"{i}.jpg")]
            digest = hashlib.sha256(str(i).encode()).hexdigest()
            width, height = (640, 480) if i % 10 else (480, 640)
            picture = Picture(digest[:20], digest, width=width, height=height, caption=caption)
            number = gallery.catalogue.store(picture, row[None], f"{i}")
            note_file(connection, job.path, KnownFile(None, job.size, job.mtime_ns, job.words_mtime_ns, ""))
            assign_file(connection, job.path, number)


def milliseconds(gallery: Gallery, rounds: int, name: str, filters: Filters | None) -> dict[str, float]:
    """p50 and p95 of searches for four pictures."""
    times = []
    for _ in range(rounds):
        for query in QUERIES:
            started = time.perf_counter()
            gallery.search(query, k=4, filters=filters)
            times.append(time.perf_counter() - started)
    cuts = statistics.quantiles(times, n=100)
    return {f"{name}_p50_ms": round(1000 * cuts[49], 1), f"{name}_p95_ms": round(1000 * cuts[94], 1)}


def measure(count: int, rounds: int = 20) -> dict[str, float]:
    """Milliseconds and seconds, see `main`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "pictures"
        with Gallery.open(Path(name) / "g", create=True, encoder=shared_label_encoder()) as gallery:
            started = time.perf_counter()
            fill(gallery, folder, count)
            filled = time.perf_counter() - started
            started = time.perf_counter()
            gallery.search("a first search")
            first = time.perf_counter() - started
            hybrid = milliseconds(gallery, rounds, "hybrid", None)
            hybrid |= milliseconds(gallery, rounds, "wide", Filters(orientation="landscape"))
            hybrid |= milliseconds(gallery, rounds, "folder", Filters(folder=str(folder / "007")))
            started = time.perf_counter()
            report = gallery.add(folder)
            again = time.perf_counter() - started
            unchanged = (report.unchanged, report.removed, report.bytes_read)
            assert unchanged == (count, 0, 0), f"(unchanged, removed, bytes read): {unchanged}"
    return {
        "pictures": count,
        "fill_s": round(filled, 1),
        "first_search_s": round(first, 2),
        **hybrid,
        "unchanged_reindex_s": round(again, 2),
        "load_average": round(os.getloadavg()[0], 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    result = measure(arguments.pictures)
    print(json.dumps(result) if arguments.json else "\n".join(f"{k:22} {v:g}" for k, v in result.items()))


if __name__ == "__main__":
    main()
