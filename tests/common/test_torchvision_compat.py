"""torchvision's Python parts import beside a torch its compiled library was not built for."""

import subprocess
import sys
from pathlib import Path

import pytest

from common.torchvision_compat import missing_operators


def test_vision_libraries_import_in_a_fresh_process() -> None:
    code = (
        "from common.torchvision_compat import prepare_torchvision\n"
        "first, second = prepare_torchvision(), prepare_torchvision()\n"
        "assert first == second\n"
        "import timm, open_clip\n"
        "from transformers import BertModel, CLIPModel, AutoImageProcessor\n"
        "from torchvision.transforms import Compose\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_reads_the_operators_from_torchvisions_source(tmp_path: Path) -> None:
    (tmp_path / "_meta_registrations.py").write_text(
        "import torch\n"
        "@register_meta('roi_align')\ndef a(input, rois): ...\n"
        "@torch.library.register_fake('torchvision::nms')\ndef b(dets, scores, iou_threshold): ...\n"
        "@torch.library.register_fake('torchvision::future_op')\ndef c(dets): ...\n"
    )
    assert missing_operators(tmp_path) == {
        "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
        "future_op": "future_op(Tensor dets) -> Tensor",
    }
    assert missing_operators(tmp_path / "nothing") == {}


def test_the_installed_torchvision_names_operators() -> None:
    torchvision = pytest.importorskip("importlib.util").find_spec("torchvision")
    assert "nms" in missing_operators(Path(torchvision.submodule_search_locations[0]))
