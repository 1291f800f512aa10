"""50,000 pictures in one folder, from the command line: index, index again with nothing changed, verify.

    python -m benchmarks.retrieval.one_folder [--pictures 50000] [--json]

Pictures are JPEGs of 160 x 120 pixels, each different. The encoder is a small open_clip model with random weights (32 x
32 pixels, 2 layers), so that every picture is decoded and encoded, and the rest of the work is what is measured. Memory
is the sum over the command's processes of what each has for itself, looked at ten times a second.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

CONFIG = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8, "head_width": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 4, "layers": 2},
}


def make_pictures(folder: Path, count: int) -> None:
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(count):
        small = Image.fromarray(random.integers(0, 256, (9, 12, 3), dtype=np.uint8))
        small.resize((160, 120), Image.Resampling.BICUBIC).save(folder / f"IMG_{number:05d}.jpg", quality=80)


def save_model(folder: Path, architecture: str = "") -> None:
    """An open_clip model of random weights in the form of `local-dir:`: the named one, or the small one of CONFIG."""
    from common.torchvision_compat import prepare_torchvision

    prepare_torchvision()
    import open_clip
    from safetensors.torch import save_file

    config = open_clip.get_model_config(architecture) if architecture else CONFIG
    model = open_clip.create_model(architecture) if architecture else open_clip.CLIP(**CONFIG)
    folder.mkdir()
    weights = {name: value.contiguous() for name, value in model.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": {}}))


def run(*arguments: object) -> tuple[str, float, float]:
    """(output, seconds, most memory in GB) of `python -m retrieval …`. Raises CalledProcessError."""
    command = [sys.executable, "-m", "retrieval", *map(str, arguments)]
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        most = 0
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            most = max(most, own_memory(watched))
            time.sleep(0.1)
        output = process.stdout.read() if process.stdout else ""
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, output)
    return output, time.perf_counter() - started, most / 1e9


def own_memory(process: psutil.Process) -> int:
    """Bytes that a process and its children do not share with others."""
    total = 0
    for one in [process, *process.children(recursive=True)]:
        try:
            total += one.memory_full_info().uss
        except psutil.Error:  # it has ended meanwhile
            continue
    return total


def measure(count: int) -> dict[str, object]:
    """See the module."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        make_pictures(root / "pictures", count)
        save_model(root / "model")
        chosen = ("--gallery", root / "g", "--json")
        first, first_s, first_gb = run("index", root / "pictures", *chosen, "--encoder", f"local-dir:{root / 'model'}")
        again, again_s, again_gb = run("index", root / "pictures", *chosen)
        problems, verify_s, verify_gb = run("verify", *chosen)
        report, second = json.loads(first), json.loads(again)
        size = sum(file.stat().st_size for file in (root / "g").glob("gallery.sqlite*"))
    assert (second["unchanged"], second["bytes_read"]) == (count, 0), second
    return {
        "pictures": report["pictures"],
        "index_s": round(first_s, 1),
        "per_s": round(count / first_s, 1),
        "stages_s": {stage: round(value, 1) for stage, value in report["seconds"].items()},
        "index_gb": round(first_gb, 2),
        "again_s": round(again_s, 1),
        "again_gb": round(again_gb, 2),
        "verify_s": round(verify_s, 1),
        "verify_gb": round(verify_gb, 2),
        "problems": json.loads(problems),
        "catalogue_mb": round(size / 1e6, 1),
        "load_average": round(os.getloadavg()[0], 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=50_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    result = measure(arguments.pictures)
    print(json.dumps(result) if arguments.json else "\n".join(f"{k:14} {v}" for k, v in result.items()))


if __name__ == "__main__":
    main()
