"""Indexing on a Ray cluster of this machine alone, its parts, and the same without Ray, in one run.

    python -m benchmarks.retrieval.cluster [--pictures 120] [--architecture ViT-B-32] [--cpus 2] [--json]

Model and pictures as in benchmarks.retrieval.ingest: random weights, JPEGs of 1,600 x 1,200 pixels.

    read       one reading actor with one process: what each CPU given to reading adds
    encode     one encoding actor on all cores of this machine
    commit     the catalogue alone, which one program fills
    cluster    all of it, actors ready; with their start in brackets
    machine    the same folder by the processes of this machine
"""

import argparse
import json
import logging
import os
import tempfile
import time
from pathlib import Path

from benchmarks.retrieval.ingest import make_pictures
from benchmarks.retrieval.one_folder import save_model
from retrieval.encoders import OpenClipEncoder


def measure(count: int, architecture: str, cpus: int) -> dict[str, object]:
    """Pictures a second, see the module."""
    import ray

    from retrieval.gallery import Gallery
    from retrieval.ingest import IngestOptions, scan_folder
    from retrieval.ingest.cluster import RayReader
    from retrieval.ingest.cluster.stages import Encoding, Reading, packed, unpacked

    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        make_pictures(root / "pictures", count)
        save_model(root / "model", architecture)
        encoder = OpenClipEncoder(f"local-dir:{root / 'model'}")
        jobs = packed(scan_folder(root / "pictures").jobs)
        reading = Reading(encoder.preparation, 1, 30.0)
        reading(packed(unpacked(jobs)[:1]))  # its process is up
        started = time.perf_counter()
        read = reading(jobs)
        took = {"read": time.perf_counter() - started}
        encoding = Encoding(encoder.spec, encoder.identity, encoder.batch)
        started = time.perf_counter()
        encoding(read)
        took["encode"] = time.perf_counter() - started
        reading.close()
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        ray.init("local", num_cpus=cpus, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
        for kind, options in (("cluster", IngestOptions(elsewhere=RayReader())), ("machine", IngestOptions())):
            with Gallery.open(root / kind, create=True, encoder=encoder) as gallery:
                first: list[float] = []
                started = time.perf_counter()
                report = gallery.add(
                    root / "pictures",
                    options=options,
                    progress=lambda step, first=first: first.append(time.perf_counter()) if step.done else None,
                )
                took[f"{kind} with start"] = time.perf_counter() - started
                reads = [at for at in first if at]
                took[kind] = reads[-1] - reads[0]
                took[f"commit of {kind}"] = report.seconds["commit"]
        ray.shutdown()
    rates = {f"{kind}_per_s": round(count / seconds, 1) for kind, seconds in took.items()}
    return {"pictures": count, "model": architecture, "cpus": cpus, **rates, "load": round(os.getloadavg()[0], 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=120)
    parser.add_argument("--architecture", default="ViT-B-32")
    parser.add_argument("--cpus", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = measure(options.pictures, options.architecture, options.cpus)
    print(json.dumps(result) if options.json else "\n".join(f"{k:26} {v}" for k, v in result.items()))


if __name__ == "__main__":
    main()
