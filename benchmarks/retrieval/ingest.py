"""Ingest with a CLIP model, against the plain loop of open_clip's README, in the same run.

    python -m benchmarks.retrieval.ingest [--pictures 240] [--architecture ViT-B-32] [--json]

The model is the named architecture with random weights: its speed does not depend on what they are. Pictures are JPEGs
of 1,600 x 1,200 pixels with detail at all scales. Measured one after another, --rounds times, the best of each:

    plain loop   open each picture, open_clip's own preprocess, encode it alone
    decode       the ingest's decoding alone, in its worker processes
    encode       the ingest's encoding alone, of pictures that are prepared already
    ingest       all of it: scan, read, decode, thumbnail, encode, commit
"""

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.retrieval.one_folder import save_model
from retrieval.encoders import OpenClipEncoder


def make_pictures(folder: Path, count: int) -> None:
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(count):
        layers = [
            np.asarray(
                Image.fromarray(random.integers(0, 256, (side * 3, side * 4, 3), dtype=np.uint8)).resize(
                    (1600, 1200), Image.Resampling.BICUBIC
                ),
                dtype=np.float32,
            )
            for side in (2, 8, 40, 200)
        ]
        mixed = 0.5 * layers[0] + 0.25 * layers[1] + 0.15 * layers[2] + 0.1 * layers[3]
        Image.fromarray(mixed.astype(np.uint8)).save(folder / f"IMG_{number:04d}.jpg", quality=88)


def plain_loop(model_folder: Path, pictures: list[Path]) -> Callable[[], None]:
    import open_clip
    import torch

    model, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{model_folder}")
    model.eval()

    def run() -> None:
        for path in pictures:
            image = preprocess(Image.open(path)).unsqueeze(0)
            with torch.no_grad():
                features = model.encode_image(image)
                features /= features.norm(dim=-1, keepdim=True)

    return run


def seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def measure(count: int, architecture: str, rounds: int) -> dict[str, object]:
    """See the module."""
    # here, not above: on a machine with little more than torch the pictures are made, and galleries cannot be
    from retrieval.gallery import Gallery
    from retrieval.ingest import Decoded, Ingest, IngestOptions, scan_folder

    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        make_pictures(root / "pictures", count)
        save_model(root / "model", architecture)
        encoder = OpenClipEncoder(f"local-dir:{root / 'model'}")
        jobs = scan_folder(root / "pictures").jobs
        loop = plain_loop(root / "model", [Path(job.path) for job in jobs])
        best = {"plain": 1e9, "decode": 1e9, "encode": 1e9, "ingest": 1e9}
        read = 0
        for number in range(rounds):
            best["plain"] = min(best["plain"], seconds(loop))
            with Gallery.open(root / f"d{number}", create=True, encoder=encoder) as gallery:
                alone = Ingest(gallery.catalogue, encoder, gallery.place / "thumbnails", IngestOptions())
                started = time.perf_counter()
                decoded = [one for _, one in alone.decoded(jobs) if isinstance(one, Decoded)]
                best["decode"] = min(best["decode"], time.perf_counter() - started)
            prepared = np.stack([one.pixels for one in decoded if one.pixels is not None])
            best["encode"] = min(best["encode"], seconds(lambda: encoder.encode_prepared(prepared)))  # noqa: B023 - run at once
            with Gallery.open(root / f"g{number}", create=True, encoder=encoder) as gallery:
                started = time.perf_counter()
                report = gallery.add(root / "pictures")
                best["ingest"] = min(best["ingest"], time.perf_counter() - started)
                read = report.bytes_read
            shutil.rmtree(root / f"g{number}")
        size = sum(job.size for job in jobs)
    slower = max(best["decode"], best["encode"])
    return {
        "pictures": count,
        "model": architecture,
        **{f"{stage}_per_s": round(count / value, 1) for stage, value in best.items()},
        "against_plain_loop": round(best["plain"] / best["ingest"], 2),
        "against_slower_stage": round(best["ingest"] / slower, 2),
        "bytes_read_per_byte": round(read / size, 3),
        "load_average": round(os.getloadavg()[0], 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=240)
    parser.add_argument("--architecture", default="ViT-B-32")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    result = measure(arguments.pictures, arguments.architecture, arguments.rounds)
    print(json.dumps(result) if arguments.json else "\n".join(f"{k:22} {v}" for k, v in result.items()))


if __name__ == "__main__":
    main()
