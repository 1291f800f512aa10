"""Loading a checkpoint: time against reading its files once, and host memory beside the model.

python -m benchmarks.xcomposer_loading [--size 7b] [--folder FOLDER] [--rank 256] [--repeat 5]

Without a folder one with random weights is made first, with LoRA of that rank (0: without): of the true size with a
GPU (20 GB in TMPDIR and as much main memory, some minutes), 0.7 GB elsewhere. Says apart what merging LoRA takes: on a
GPU that is done there. Every loading is a process of its own; the best of `--repeat` counts, of the reading too, as
other programs disturb both.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.xcomposer_common import ROOT, arguments, machine
from composer.models.xcomposer import show_bytes
from composer.models.xcomposer.checkpoint import XComposerConfig

SIZES: dict[str, dict[str, Any]] = {
    "7b": {
        "tiny_overrides": {},
        "vocab_size": 103168,
        "hidden_size": 4096,
        "intermediate_size": 11008,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
    },
    # the true widths with few layers: made in half a minute
    "short": {
        "tiny_overrides": {"vision": {"depth": 8}},
        "vocab_size": 103168,
        "hidden_size": 4096,
        "intermediate_size": 11008,
        "num_hidden_layers": 4,
        "num_attention_heads": 32,
    },
    # half the width and few layers: in four shards too, so that a machine without a GPU shows it
    "tiniest": {},  # shows that the benchmark runs; its times say nothing
    "tiny": {"hidden_size": 2048, "intermediate_size": 5504, "num_hidden_layers": 6, "num_attention_heads": 16},
}

CHILD = """
import dataclasses, gc, json, sys, threading, time
import psutil, torch
from common.torchvision_compat import prepare_torchvision
prepare_torchvision()
from transformers import LlamaForCausalLM
from transformers.models.blip_2 import modeling_blip_2
from composer.models.xcomposer import load
from composer.models.xcomposer.checkpoint import weights
if torch.cuda.is_available():
    torch.cuda.init()
    torch.empty(1, device="cuda") @ torch.empty(1, device="cuda")
ready = torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
spent = {"merge": 0.0, "copy": 0.0, "disk": 0.0}
def timed(kind, work):
    def run(*args):
        started = time.perf_counter()
        done = work(*args)
        ready()
        spent[kind] += time.perf_counter() - started
        return done
    return run
if sys.argv[3] == "parts":
    plain = weights.weight_mappings
    kind = lambda mapping: "merge" if len(mapping.sources) == 3 else "copy"
    weights.weight_mappings = lambda config: [
        dataclasses.replace(mapping, combine=timed(kind(mapping), mapping.combine)) for mapping in plain(config)
    ]
    weights.ReadAhead.wait = timed("disk", weights.ReadAhead.wait)
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
ready()
took = time.perf_counter() - started
finished.set()
watcher.join()
on_host = sum(p.numel() * p.element_size() for p in model.network.parameters() if p.device.type == "cpu")
print(json.dumps({"seconds": took, "beside": highest - before - on_host, **spent}))
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


def load_once(folder: Path, files: list[Path], dtype: str, *, parts: bool = False) -> dict[str, float]:
    """A loading from the disk in a process of its own. parts: its seconds by kind of work, at the cost of waiting for
    the GPU after each tensor."""
    forget(files)
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder), dtype, "parts" if parts else "whole"],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    if done.returncode:
        raise RuntimeError(f"loading '{folder}' failed: {done.stderr.strip().splitlines()[-1]}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def merging_operations(config: XComposerConfig) -> int:
    """Multiplications and additions of B A for all matrices."""
    if config.lora is None:
        return 0
    shapes = [config.linear_shape(linear) for linear in config.lora.linears]
    return 2 * config.layers * config.lora.rank * sum(rows * columns for rows, columns in shapes)


def main() -> None:
    rank = {"type": int, "default": 256, "help": "of LoRA in the made checkpoint; 0 leaves it out"}
    repeat = {"type": int, "default": 5}
    options = arguments(__doc__ or "", folder={"default": None}, rank=rank, repeat=repeat)
    measure(options)


def measure(options: argparse.Namespace) -> dict[str, float]:
    """Best seconds of reading and loading, of merging LoRA, and bytes beside the weights; prints all of it.

    options: size (also "short"), folder, rank, repeat, dtype.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = (
            Path(options.folder).expanduser().resolve()
            if options.folder
            else made(Path(place), options.size, options.rank)
        )
        files = sorted([*folder.glob("*.safetensors"), *folder.glob("*.bin")])
        readings, loadings = [], []
        for _ in range(options.repeat):
            forget(files)
            readings.append(read_once(files))
            if options.repeat > 1:
                loadings.append(load_once(folder, files, options.dtype))
        parts = min(
            (load_once(folder, files, options.dtype, parts=True) for _ in range(min(2, options.repeat))),
            key=lambda p: p["seconds"],
        )
        loadings = loadings or [parts]
        largest = max(path.stat().st_size for path in files)
        total = sum(path.stat().st_size for path in files)
        operations = merging_operations(XComposerConfig.read(folder))
    print(machine())
    reading, loading = min(readings), min(loading["seconds"] for loading in loadings)
    beside = min(loading["beside"] for loading in loadings)
    print(f"{len(files)} files, {show_bytes(total)}, largest {show_bytes(largest)}")
    print(f"read once from the disk: {reading:.2f} s ({total / reading / 1e9:.2f} GB/s); all: {_list(readings)}")
    print(f"loading: {loading:.2f} s, {loading / reading:.2f} times; all: {_list([x['seconds'] for x in loadings])}")
    without = parts["seconds"] - parts["merge"]
    print(f"  merging LoRA: {parts['merge']:.2f} s ({operations / max(parts['merge'], 1e-9) / 1e9:.0f} GFLOP/s)")
    print(f"  without it: {without:.2f} s, {without / reading:.2f} times the reading", end="; ")
    print(f"copying and casting {parts['copy']:.2f} s, waiting for the disk {parts['disk']:.2f} s")
    print(f"host memory beside the weights: {show_bytes(int(beside))}, {beside / largest:.2f} of the largest shard")
    return {
        "reading": reading,
        "loading": loading,
        "without_merging": without,
        "beside_of_largest": beside / largest,
        "bytes": float(total),
    }


def _list(seconds: list[float]) -> str:
    return ", ".join(f"{each:.2f}" for each in seconds)


def made(place: Path, size: str, rank: int) -> Path:
    from tests.composer.xcomposer.tiny import train_tokenizer, write_folder

    lora = {"learn_param": ["q", "v", "ffn"], "lora_alpha": rank, "lora_r": rank} if rank else None
    return write_folder(
        place / "made",
        train_tokenizer(place),
        shards=4,
        torch_files=True,
        scattered=False,
        wide_lora=True,
        **SIZES[size],
        internlm_lora=lora,
    )


if __name__ == "__main__":
    main()
