"""Many people searching at once: a gallery's server on a loopback port, asked by threads with distinct queries.

    python -m benchmarks.retrieval.served.clients [--clients 20] [--seconds 10] [--gallery own|embedded] [--json]

Each client has a connection of its own and sends its next search when the last is answered; no query is asked twice, so
that nothing is found in a cache of queries. The gallery of one's own holds 1,000 pictures with captions in English or
Chinese, by the offline default encoder. The clients are threads of another process.
"""

import argparse
import itertools
import json
import multiprocessing
import os
import statistics
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import requests

from benchmarks.retrieval.catalogue import ADJECTIVES, NOUNS, ZH, fill
from retrieval import PictureGallery, open_gallery
from retrieval.encoders import shared_label_encoder
from retrieval.gallery import Gallery
from retrieval.serve import serve

PORT = 7807
PICTURES = 1_000


def queries() -> list[str]:
    """More than ten thousand different searches, every fourth in Chinese, in a drawn order."""
    english = [f"a {one} {noun} and a {other}" for one, noun, other in itertools.product(ADJECTIVES, NOUNS, NOUNS[:20])]
    chinese = [f"{one}旁边的{other}和{third}" for one, other, third in itertools.product(ZH, ZH, ZH)]
    random = np.random.default_rng(1)
    mixed = [*random.permutation(english)[:9_000], *random.permutation(chinese)[:3_000]]
    return [str(query) for query in random.permutation(mixed)]


def own_gallery(folder: Path) -> Gallery:
    gallery = Gallery.open(folder / "g", create=True, encoder=shared_label_encoder())
    fill(gallery, folder / "pictures", PICTURES)
    return gallery


def ask(port: int, clients: int, seconds: float, out: "multiprocessing.Queue[list[float]]") -> None:
    """The clients' process: milliseconds of each search."""
    remaining, lock, taken = iter(queries()), threading.Lock(), []

    def client() -> None:
        session = requests.Session()
        while time.perf_counter() < end:
            with lock:
                query = next(remaining)
            started = time.perf_counter()
            reply = session.post(f"http://127.0.0.1:{port}/v1/search", json={"queries": [query]}, timeout=60)
            reply.raise_for_status()
            taken.append(1000 * (time.perf_counter() - started))

    out.put([])  # it has started: from here on the server's time is that of searches
    end = time.perf_counter() + seconds
    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    out.put(taken)


def measure(gallery: PictureGallery, clients: int, seconds: float) -> dict[str, float]:
    """Searches a second, and milliseconds of one: until it is answered, and of the server's processor time."""
    threading.Thread(target=serve, args=(gallery,), kwargs={"port": PORT}, daemon=True).start()
    for _ in range(300):
        try:
            requests.get(f"http://127.0.0.1:{PORT}/health", timeout=5)
            break
        except requests.RequestException:
            time.sleep(0.1)
    for query in ("a first search", queries()[-1]):
        gallery.search(query, k=1)
    context = multiprocessing.get_context("spawn")
    out: multiprocessing.Queue[list[float]] = context.Queue()
    process = context.Process(target=ask, args=(PORT, clients, seconds, out))
    process.start()
    out.get()
    spent = time.process_time()
    taken = out.get()
    spent = time.process_time() - spent
    process.join()
    cuts = statistics.quantiles(taken, n=100)
    return {
        "clients": clients,
        "searches": len(taken),
        "a_second": round(len(taken) / seconds, 1),
        "p50_ms": round(cuts[49]),
        "p95_ms": round(cuts[94]),
        "max_ms": round(max(taken)),
        "processor_ms": round(1000 * spent / len(taken), 1),
        "load_average": round(os.getloadavg()[0], 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--gallery", choices=("own", "embedded"), default="own")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        gallery = own_gallery(Path(folder)) if arguments.gallery == "own" else open_gallery(None)
        result = measure(gallery, arguments.clients, arguments.seconds)
    print(json.dumps(result) if arguments.json else "\n".join(f"{name:14} {value:g}" for name, value in result.items()))


if __name__ == "__main__":
    main()
