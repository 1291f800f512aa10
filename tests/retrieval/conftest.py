"""Fixtures of the gallery's tests."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from retrieval.gallery import Gallery
from retrieval.ingest.report import IngestOptions
from tests.retrieval.helpers import ColourEncoder

ONE_WORKER = IngestOptions(workers=1)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    return folder


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[Gallery]:
    """An empty gallery with the encoder of colours."""
    with Gallery.open(tmp_path / "g", create=True, encoder=ColourEncoder()) as opened:
        yield opened


@pytest.fixture(scope="session")
def tiny_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a real open_clip model of random weights, as `local-dir:` takes it."""
    from common.torchvision_compat import prepare_torchvision

    prepare_torchvision()
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("clip")
    config = {
        "embed_dim": 32,
        "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8, "head_width": 16},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 4, "layers": 2},
    }
    torch.manual_seed(0)
    model = open_clip.CLIP(**config)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    preprocessing = {"mean": [0.48, 0.46, 0.41], "std": [0.27, 0.26, 0.28]}
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": preprocessing}))
    return folder
