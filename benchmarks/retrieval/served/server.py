"""What HTTP adds to a search: the embedded gallery asked directly, and through the server on a loopback port.

python -m benchmarks.retrieval.served.server [--requests 200]
"""

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import requests

from retrieval import RetrievalError, open_gallery
from retrieval.serve import serve
from retrieval.sources import RemoteGallery

PORT = 7806
CAPTIONS = (
    "a cat asleep",
    "bowl of noodles",
    "train in the mountains",
    "dog on a beach",
    "birthday cake",
    "old castle",
)


def milliseconds(act: Callable[[str], object], count: int) -> str:
    taken = []
    for number in range(count):
        start = time.perf_counter()
        act(CAPTIONS[number % len(CAPTIONS)])
        taken.append((time.perf_counter() - start) * 1000)
    taken.sort()
    return f"p50 {statistics.median(taken):7.2f} ms   p95 {taken[int(len(taken) * 0.95)]:7.2f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=200)
    count = parser.parse_args().requests
    gallery = open_gallery(None)
    threading.Thread(target=serve, args=(gallery,), kwargs={"port": PORT}, daemon=True).start()
    base = f"http://127.0.0.1:{PORT}"
    with tempfile.TemporaryDirectory() as folder:
        while True:
            try:
                remote = RemoteGallery(base, folder=Path(folder))
                break
            except RetrievalError:
                time.sleep(0.2)
        session = requests.Session()
        known = gallery.search("a cat", k=1)[0].id
        thumbnail = f"{base}/v1/images/{known}/thumbnail"
        etag = session.get(thumbnail, timeout=30).headers["ETag"]
        for caption in CAPTIONS:
            remote.search(caption)  # fetches the pictures once
        print("gallery.search, in process      ", milliseconds(gallery.search, count))
        asked = f"{base}/v1/search"
        print(
            "POST /v1/search                 ",
            milliseconds(lambda c: session.post(asked, json={"queries": [c]}), count),
        )
        print("RemoteGallery.search, kept files", milliseconds(remote.search, count))
        print("GET thumbnail                   ", milliseconds(lambda _: session.get(thumbnail), count))
        unchanged = {"If-None-Match": etag}
        print(
            "GET thumbnail, 304              ", milliseconds(lambda _: session.get(thumbnail, headers=unchanged), count)
        )


if __name__ == "__main__":
    main()
