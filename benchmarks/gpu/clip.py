"""Pictures into a CLIP model's space in half precision: encoding alone, and with reading and decoding JPEGs."""

import importlib.util
import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch

from benchmarks.gpu.figures import Figure, PartSkipped, Session
from benchmarks.xcomposer_common import seconds
from common.torchvision_compat import prepare_torchvision

ARCHITECTURE = "ViT-B-32"
READERS = 16  # threads: Pillow decodes and resizes without Python's lock


def clip(session: Session) -> Iterator[Figure]:
    """Random weights: their speed is that of any. Reading is by threads here, by processes in the gallery."""
    if importlib.util.find_spec("open_clip") is None:
        raise PartSkipped("the package open_clip is not installed")
    session.release()
    prepare_torchvision()
    from benchmarks.retrieval.ingest import make_pictures
    from benchmarks.retrieval.one_folder import save_model
    from retrieval.encoders import OpenClipEncoder

    count = 512 if session.real else 4
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        torch.manual_seed(0)
        save_model(root / "model", ARCHITECTURE if session.size == "7b" else "")
        encoder = OpenClipEncoder(f"local-dir:{root / 'model'}")
        with patch("retrieval.encoders.clip._precision", lambda device: "fp32"):
            exact = OpenClipEncoder(f"local-dir:{root / 'model'}", devices=["cpu"])
        make_pictures(root / "pictures", count)
        files = sorted((root / "pictures").iterdir())
        prepared = np.stack(list(decoded(files[:12], encoder.preparation)))
        likeness = (encoder.encode_prepared(prepared) * exact.encode_prepared(prepared)).sum(-1).min()
        many = np.concatenate([prepared] * (1024 // len(prepared) if session.real else 1))
        encoded = len(many) / seconds(lambda: encoder.encode_prepared(many), repeat=3)
        started = time.perf_counter()
        for start in range(0, count, encoder.batch):
            batch = list(decoded(files[start : start + encoder.batch], encoder.preparation))
            encoder.encode_prepared(np.stack(batch))
        both = count / (time.perf_counter() - started)
    cores = os.cpu_count() or 1
    yield Figure("least cosine to the vectors in float32", float(likeness), at_least=0.999 if session.on_gpu else 0.99)
    yield Figure("pictures encoded a second", encoded)
    yield Figure(f"read, decoded and encoded a second, {cores} cores", both)


def decoded(files: list[Path], preparation: object) -> Iterator[np.ndarray]:
    """What the ingest makes of each file for the encoder, (side, side, 3)."""
    from retrieval.encoders import Preparation
    from retrieval.pictures import load_picture

    assert isinstance(preparation, Preparation)
    side = round(1.25 * preparation.side)
    with ThreadPoolExecutor(READERS) as pool:
        yield from pool.map(lambda file: preparation.apply(load_picture(file, enough=side)), files)
