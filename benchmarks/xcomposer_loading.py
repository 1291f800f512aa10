"""Loading a checkpoint: time against reading its files once, and host memory beside the model.

python -m benchmarks.xcomposer_loading [--folder FOLDER]    without a folder: one with random weights is made first
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.xcomposer_common import arguments, machine
from composer.models.placement import show_bytes

# half the width and a fifth of the layers: 0.6 GB in four shards, so that a machine without a GPU shows it too
MIDDLE: dict[str, Any] = {
    "hidden_size": 2048,
    "intermediate_size": 5504,
    "num_hidden_layers": 6,
    "num_attention_heads": 16,
}

CHILD = """
import gc, json, sys, threading, time
import psutil, torch
from retrieval.torchvision_compat import prepare
prepare()
from transformers import LlamaForCausalLM
from transformers.models.blip_2 import modeling_blip_2
from composer.models.xcomposer import load
resident = lambda: psutil.Process().memory_info().rss
highest, finished = 0, threading.Event()
def watch():
    global highest
    while not finished.wait(0.002):
        highest = max(highest, resident())
gc.collect()
before = resident()
watcher = threading.Thread(target=watch)
watcher.start()
started = time.perf_counter()
model = load(sys.argv[1], dtype=sys.argv[2])
if torch.cuda.is_available():
    torch.cuda.synchronize()
took = time.perf_counter() - started
finished.set()
watcher.join()
on_host = sum(p.numel() * p.element_size() for p in model.network.parameters() if p.device.type == "cpu")
print(json.dumps({"seconds": took, "beside": highest - before - on_host}))
"""


def read_once(files: list[Path]) -> float:
    """Seconds of reading the files from start to end."""
    started = time.perf_counter()
    for path in files:
        with path.open("rb") as file:
            while file.read(16 * 2**20):
                pass
    return time.perf_counter() - started


def forget(files: list[Path]) -> None:
    """Drops the files from the system's cache, so that the next reading is from the disk (where the system can)."""
    if hasattr(os, "posix_fadvise"):
        for path in files:
            with path.open("rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def main() -> None:
    options = arguments(__doc__ or "", folder={"default": None})
    with tempfile.TemporaryDirectory() as place:
        folder = Path(options.folder) if options.folder else made(Path(place))
        files = sorted([*folder.glob("*.safetensors"), *folder.glob("*.bin")])
        forget(files)
        reading = read_once(files)
        forget(files)
        done = subprocess.run(
            [sys.executable, "-c", CHILD, str(folder), options.dtype], capture_output=True, text=True, check=True
        )
        result = json.loads(done.stdout.splitlines()[-1])
        largest = max(path.stat().st_size for path in files)
    print(machine())
    print(f"{sum(1 for _ in files)} files, largest {show_bytes(largest)}; read once from the disk: {reading:.2f} s")
    print(f"loading: {result['seconds']:.2f} s, {result['seconds'] / reading:.2f} times the reading")
    print(
        f"host memory beside the weights: {show_bytes(result['beside'])}, {result['beside'] / largest:.2f} of a shard"
    )


def made(place: Path) -> Path:
    from tests.composer.xcomposer.tiny import train_tokenizer, write_folder

    return write_folder(place / "made", train_tokenizer(place), shards=4, torch_files=True, scattered=False, **MIDDLE)


if __name__ == "__main__":
    main()
