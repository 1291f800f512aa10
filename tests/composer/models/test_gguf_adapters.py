"""Adapters (LoRA) of a model in Ollama's store: applied, or said not to be."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import pytest

from composer.errors import ModelFilesMissing
from composer.models import find_local_model, load_model, user
from tests.composer.models import tiny_qwen
from tests.composer.models.tiny_qwen import WIDTH

OPTIONS = ["Yes", "No", "a"]
Store = Callable[[Path | None], str]


def write_adapter(path: Path, *, width: int = WIDTH, strength: float = 1.0) -> Path:
    """A LoRA of rank 4 on the queries of the first layer."""
    writer = gguf.GGUFWriter(path, "qwen2vl")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 4.0)
    rng = np.random.default_rng(1)
    for side, shape in (("a", (4, width)), ("b", (width, 4))):
        values = rng.normal(0, strength if side == "b" else 1.0, shape).astype(np.float32)
        writer.add_tensor(f"blk.0.attn_q.weight.lora_{side}", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_qwen.write_files(tmp_path_factory.mktemp("base"))[0]


@pytest.fixture
def store(tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Puts the model with an adapter into a store of Ollama's; gives its name."""
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "store"))

    def put(adapter: Path | None) -> str:
        layers = []
        for kind, path in (("model", base), ("adapter", adapter)):
            if path is not None:
                content = path.read_bytes()
                digest = hashlib.sha256(content).hexdigest()
                blob = tmp_path / "store" / "blobs" / f"sha256-{digest}"
                blob.parent.mkdir(parents=True, exist_ok=True)
                blob.write_bytes(content)
                layer = {"mediaType": f"application/vnd.ollama.image.{kind}", "digest": f"sha256:{digest}"}
                layers.append({**layer, "size": len(content)})
        manifest = tmp_path / "store" / "manifests" / "registry.ollama.ai" / "library" / "tiny" / "latest"
        manifest.parent.mkdir(parents=True, exist_ok=True)
        manifest.write_text(json.dumps({"layers": layers}))
        return "ollama:tiny"

    return put


def scores(name: str) -> tuple[list[float], str]:
    """The model's scores of the options, and its limits."""
    model = load_model(name, num_gpus=0, context_tokens=512, mmproj="none")
    try:
        limits = " ".join(limit.text() for limit in model.capabilities.limits)
        return model.score([user("Is it?")], OPTIONS), limits
    finally:
        model.close()


def test_an_adapter_is_applied(store: Store, tmp_path: Path) -> None:
    alone, _limits = scores(store(None))
    idle, _limits = scores(store(write_adapter(tmp_path / "idle.gguf", strength=0.0)))
    changed, limits = scores(store(write_adapter(tmp_path / "adapter.gguf")))
    assert idle == pytest.approx(alone, abs=1e-5)
    assert max(abs(one - other) for one, other in zip(changed, alone, strict=True)) > 0.01
    assert "adapter" not in limits


def test_an_adapter_of_another_model_is_said_not_to_be_applied(store: Store, tmp_path: Path) -> None:
    alone, _limits = scores(store(None))
    other, limits = scores(store(write_adapter(tmp_path / "other.gguf", width=WIDTH // 2)))
    assert other == pytest.approx(alone, abs=1e-5)
    assert "(LoRA) is not applied" in limits


def test_an_adapter_that_is_not_here_is_said(store: Store, tmp_path: Path) -> None:
    adapter = write_adapter(tmp_path / "adapter.gguf")
    name = store(adapter)
    size = find_local_model(name).size
    assert size == find_local_model(store(None)).size + adapter.stat().st_size
    store(adapter)
    digest = hashlib.sha256(adapter.read_bytes()).hexdigest()
    (tmp_path / "store" / "blobs" / f"sha256-{digest}").unlink()
    with pytest.raises(ModelFilesMissing, match=f"'sha256-{digest}' is missing from the store"):
        load_model(name)
