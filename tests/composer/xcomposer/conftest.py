"""Fixtures of the native model: the recorded goldens (trimmed, or all of them beside the checkout) and tiny folders."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TRIMMED = ROOT / "tests" / "data" / "xcomposer"
REFERENCE = ROOT.parent / "shared" / "reference"


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)  # recorded with one thread; and the machine has others to serve
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of all goldens and of the tokenizer; tests that need it are skipped where it is absent."""
    if not (REFERENCE / "golden").is_dir():
        pytest.skip("needs ../shared/reference (the full goldens and the published tokenizer)")
    return REFERENCE


@pytest.fixture(scope="session")
def tokenizer_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small SentencePiece model trained on the spot, with the special pieces of the published one."""
    from tests.composer.xcomposer.tiny import train_tokenizer

    return train_tokenizer(tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory, tokenizer_file: Path) -> Path:
    """A checkpoint in the published format with random weights of tiny sizes."""
    from tests.composer.xcomposer.tiny import write_folder

    return write_folder(tmp_path_factory.mktemp("tiny") / "xcomposer", tokenizer_file)


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders with the configurations of the published 16-bit and 4-bit checkpoints, for what needs no weights."""
    from tests.composer.xcomposer.tiny import PUBLISHED

    place = tmp_path_factory.mktemp("published")
    for name, changed in (("internlm-xcomposer", {}), ("internlm-xcomposer-4bit", {"internlm_lora": None})):
        (place / name).mkdir()
        (place / name / "config.json").write_text(json.dumps({**PUBLISHED, **changed}), "utf-8")
    packing = {"bits": 4, "group_size": 128, "desc_act": False}
    (place / "internlm-xcomposer-4bit" / "quantize_config.json").write_text(json.dumps(packing), "utf-8")
    return place


@pytest.fixture(scope="session", params=["tiny-lora", "tiny-nolora"])
def trimmed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tokenizer_file: Path) -> Path:
    """A folder with a trimmed golden model, loadable."""
    folder = tmp_path_factory.mktemp("golden") / str(request.param)
    shutil.copytree(TRIMMED / str(request.param), folder)
    shutil.copy(tokenizer_file, folder / "tokenizer.model")
    return folder


@pytest.fixture(scope="session", params=["tiny-lora", "tiny-nolora"])
def golden(request: pytest.FixtureRequest, reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a whole golden model and the published tokenizer."""
    folder = tmp_path_factory.mktemp("whole") / str(request.param)
    folder.mkdir()
    for file in (reference / "golden" / str(request.param)).iterdir():
        (folder / file.name).symlink_to(file)
    (folder / "tokenizer.model").symlink_to(reference / "checkpoints/internlm-xcomposer-4bit/tokenizer.model")
    return folder


@pytest.fixture(scope="session")
def parity(reference: Path) -> dict[str, dict[str, dict[str, object]]]:
    """transformers5_generate_parity.json: which runs transformers 5 answers as the original did."""
    found: dict[str, dict[str, dict[str, object]]] = json.loads(
        (reference / "golden/transformers5_generate_parity.json").read_text("utf-8")
    )
    return found
