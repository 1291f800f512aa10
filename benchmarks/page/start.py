"""How long from starting `python app.py` until the page answers, and until the model is ready.

    python -m benchmarks.page.start [--runs 5]

Each run is a process of its own; the clock starts before it does. The first run may read files that are not in memory
yet and is reported apart. The model is loaded in the background in every run, as in daily use.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def one_start(port: int) -> float:
    """Seconds until the first answer of status 200."""
    began = time.perf_counter()
    command = [sys.executable, str(ROOT / "app.py"), "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while time.perf_counter() - began < 60:
            if process.poll() is not None:
                raise SystemExit(f"app.py ended with status {process.returncode}")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                    if answer.status == 200:
                        return time.perf_counter() - began
            except OSError:
                time.sleep(0.01)
        raise SystemExit("no answer within 60 s")
    finally:
        process.terminate()
        process.wait(30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    known = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known.add_argument("--runs", type=int, default=5)
    runs = known.parse_args().runs
    first, *others = [one_start(free_port()) for _ in range(runs + 1)]
    figures = {
        "first_s": round(first, 2),
        "median_s": round(statistics.median(others), 2),
        "worst_s": round(max(others), 2),
        "runs": runs,
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
