"""Ollama's store: manifests/HOST/NAMESPACE/MODEL/TAG name the blobs of a model, blobs/sha256-HEX hold them.

Its folder: OLLAMA_MODELS, ~/.ollama/models, and that of the service on Linux. Sources: server/modelpath.go,
types/model/name.go, envconfig/config.go of ollama/ollama. A model of an engine of Ollama's own (Qwen3-VL, Gemma 3 …)
has language model and picture part in one file, which llama.cpp does not read; Ollama's server does.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common.messages import _
from composer.models.discovery.found import Entry, read_json
from composer.models.discovery.places import home, named

PORT = 11434
_LAYER = "application/vnd.ollama.image."
_DIGEST = re.compile(r"sha256[:-]([0-9a-f]{64})")
_DEFAULT_HOST, _DEFAULT_NAMESPACE = "registry.ollama.ai", "library"


def folders() -> list[Path]:
    chosen = named("OLLAMA_MODELS")
    service = Path("/usr/share/ollama/.ollama/models")  # of the service that its installer makes on Linux
    return [chosen] if chosen else [home() / ".ollama" / "models", service]


def entries() -> Iterator[Entry]:
    seen: set[str] = set()
    for store in folders():
        for manifest in _manifests(store / "manifests"):
            name = _short_name(*manifest.parts[-4:])
            if name not in seen:
                seen.add(name)
                yield _entry(store, name, manifest)


def full_name(name: str) -> str:
    """As a person may write it: without a tag it is the latest."""
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def _manifests(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.glob("*/*/*/*") if path.is_file() and not path.name.startswith("."))
    except OSError:
        return []


def _short_name(host: str, namespace: str, model: str, tag: str) -> str:
    """As `ollama list` shows it: "qwen3-vl:4b", "somebody/model:tag", "hf.co/owner/model:tag"."""
    if host != _DEFAULT_HOST:
        return f"{host}/{namespace}/{model}:{tag}"
    return f"{model}:{tag}" if namespace == _DEFAULT_NAMESPACE else f"{namespace}/{model}:{tag}"


def _entry(store: Path, name: str, manifest: Path) -> Entry:
    served = f"{_address()}#{name}"
    content = read_json(manifest)
    layers = content.get("layers") if content is not None else None
    if not isinstance(layers, list) or not all(isinstance(layer, dict) for layer in layers):
        return Entry(
            name,
            manifest,
            problem=_(
                "Its manifest '{path}' cannot be read. Fetch it again with: ollama pull {name}",
                path=manifest,
                name=name,
            ),
        )
    models, projectors = _blobs(store, layers, "model"), _blobs(store, layers, "projector")
    adapters = _blobs(store, layers, "adapter")
    size = sum(layer["size"] for layer in layers if isinstance(layer.get("size"), int))
    if not models:
        if any(str(layer.get("mediaType", "")).startswith(f"{_LAYER}tensor") for layer in layers):
            reason = _(
                "Its weights are in a form of Ollama's own engine. Use it through Ollama's server: --model {served}",
                served=served,
            )
        else:
            reason = _("It has no weights on this machine: Ollama runs it elsewhere.")
        return Entry(name, manifest, problem=reason, size=size)
    problem = next(
        (each for each in (_problem(name, *blob) for blob in (*models, *projectors, *adapters)) if each), None
    )
    path = models[0][0]
    lora = tuple(adapter for adapter, _size in adapters)
    return Entry(name, path, projectors[0][0] if projectors else None, problem, size, lora, served)


def _problem(name: str, path: Path, size: int | None) -> Any:
    """What is wrong with a blob of that size, or None."""
    try:
        here = path.stat().st_size
    except OSError:
        here = -1
    if here < 0 and any(path.parent.glob(f"{path.name}-partial*")):
        return _("Its download was not finished. Go on with: ollama pull {name}", name=name)
    if here < 0:
        return _(
            "Its file '{file}' is missing from the store. Fetch it again with: ollama pull {name}",
            file=path.name,
            name=name,
        )
    if size is not None and here != size:
        return _(
            "Its file '{file}' has {here:,} bytes instead of {size:,}. Fetch it again with: ollama pull {name}",
            file=path.name,
            here=here,
            size=size,
            name=name,
        )
    return None


def _blobs(store: Path, layers: list[dict[str, Any]], kind: str) -> list[tuple[Path, int | None]]:
    """Path and size of the blobs of a kind; a digest that is none names no file."""
    found = []
    for layer in layers:
        digest = _DIGEST.fullmatch(str(layer.get("digest", "")))
        if digest and str(layer.get("mediaType", "")) == _LAYER + kind:
            size = layer.get("size")
            found.append((store / "blobs" / f"sha256-{digest[1]}", size if isinstance(size, int) else None))
    return found


def _address() -> str:
    """Where Ollama's server listens on this machine, by OLLAMA_HOST."""
    port = re.search(r":(\d{1,5})/?$", os.environ.get("OLLAMA_HOST", ""))
    return f"http://127.0.0.1:{port[1] if port else PORT}/v1"
