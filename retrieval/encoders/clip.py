"""CLIP models of open_clip as encoders: pictures and words in one space, learned from pairs of both.

Names that `OpenClipEncoder` takes:

    clip                                         the default: DEFAULT_MODEL, whose text side reads 100 languages
    xlm-roberta-base-ViT-B-32/laion5b_s13b_b90k  one of open_clip's architectures / one of its published weights
    hf-hub:timm/ViT-B-16-SigLIP2-256             a repository of the Hugging Face hub in open_clip's format
    local-dir:/models/my-clip                    a folder with open_clip_config.json and weights
    ViT-B-32=/models/vit-b-32.safetensors        one of open_clip's architectures = a file of weights

A model without weights is refused: open_clip itself would answer with random numbers.
"""

import functools
import json
import pickle
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.lazy import one_import_at_a_time
from common.messages import Text, _
from retrieval.encoders.base import Preparation, Vectors, file_sha256, free_cores, torch_threads, unit
from retrieval.errors import EncoderUnavailable

# captions are Chinese as often as English: XM3600 Chinese R@1 .537, against .007 for the English ViT-B-32
# (open_clip's table of multilingual retrieval; Flickr30k R@1 .645)
DEFAULT_MODEL = "xlm-roberta-base-ViT-B-32/laion5b_s13b_b90k"
DEFAULT_REPOSITORY = "laion/CLIP-ViT-B-32-xlm-roberta-base-laion5B-s13B-b90k"
WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
HUB_SECONDS = 4.0
_MULTILINGUAL = ("xlm", "siglip2", "i18n", "nllb", "mt5", "multilingual", "m2m", "gemma")


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a model's parts are."""

    name: str  # as the person gave it
    architecture: str  # what open_clip.create_model takes as its name
    weights: Path
    preprocessing: dict[str, Any]  # of published weights; empty where the model's own configuration has it


class OpenClipEncoder:
    """One open_clip model on the CPU or on all CUDA cards. Raises EncoderUnavailable."""

    words_first = False

    def __init__(self, spec: str = DEFAULT_MODEL, *, devices: Sequence[str] | None = None) -> None:
        """`devices` are torch's names; None takes every CUDA card, else the CPU."""
        import torch

        from common.torchvision_compat import prepare_torchvision

        with one_import_at_a_time():
            prepare_torchvision()
            import open_clip

        self.spec = DEFAULT_MODEL if spec == "clip" else spec
        source = _resolve(self.spec)
        self._torch = torch
        cards = [f"cuda:{i}" for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
        self.devices = tuple(devices or cards or ["cpu"])
        precision = _precision(self.devices[0])
        self._input_type = open_clip.get_input_dtype(precision) or torch.float32
        self._replicas = [self._loaded(open_clip, source, device, precision) for device in self.devices]
        try:
            self._tokenizer = open_clip.get_tokenizer(source.architecture)
        except (OSError, ValueError, RuntimeError) as error:
            raise _unavailable(spec, _("its tokenizer cannot be loaded: {error}", error=_first_line(error))) from error
        first = self._replicas[0]
        settings = first.visual.preprocess_cfg
        self.preparation = _preparation(settings)
        self._mean = torch.tensor(settings["mean"]).view(1, 3, 1, 1)
        self._std = torch.tensor(settings["std"]).view(1, 3, 1, 1)
        self.name = self.spec
        self.batch = 16 if self.devices == ("cpu",) else 128 * len(self.devices)
        with torch.inference_mode():
            self.dim = int(first.encode_text(self._tokenizer(["a"]).to(self.devices[0])).shape[-1])
        text = (
            json.dumps(open_clip.get_model_config(source.architecture) or {}) + self.spec + str(type(self._tokenizer))
        )
        self.query_languages: tuple[str, ...] = (
            ("en", "zh") if any(word in text.lower() for word in _MULTILINGUAL) else ("en",)
        )
        self._weights_hash = file_sha256(source.weights)
        self._lock = threading.Lock()

    def _loaded(self, open_clip: Any, source: _Source, device: str, precision: str) -> Any:
        from safetensors import SafetensorError

        schema = source.architecture.partition(":")[0] in ("local-dir", "hf-hub")
        try:
            model = open_clip.create_model(
                source.architecture,
                pretrained=None if schema else str(source.weights),
                precision=precision,
                device=device,
                require_pretrained=True,
                force_preprocess_cfg=source.preprocessing or None,
            )
        except (OSError, ValueError, RuntimeError, KeyError, SafetensorError, pickle.UnpicklingError) as error:
            raise _unavailable(
                source.name,
                _("its weights '{weights}' do not load: {error}", weights=source.weights, error=_first_line(error)),
            ) from error
        return model.eval()

    @property
    def identity(self) -> dict[str, str]:
        return {
            "name": self.name,
            "weights": self._weights_hash,
            "preprocessing": str(self.preparation),
            "dim": str(self.dim),
        }

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.zeros((0, self.dim), dtype=np.float32)
        torch = self._torch
        rows: list[Vectors] = []
        with self._lock, torch.inference_mode(), self._threads():
            for start in range(0, len(texts), 64):
                tokens = self._tokenizer(list(texts[start : start + 64])).to(self.devices[0])  # (B, T)
                rows.append(self._replicas[0].encode_text(tokens).float().cpu().numpy())  # (B, dim)
        return unit(np.concatenate(rows))

    def encode_prepared(self, pixels: NDArray[np.uint8]) -> Vectors:
        if not len(pixels):
            return np.zeros((0, self.dim), dtype=np.float32)
        shares = np.array_split(pixels, min(len(self._replicas), len(pixels)))
        with self._lock:
            if len(shares) == 1:
                return self._encode_on(0, shares[0])
            with ThreadPoolExecutor(len(shares)) as pool:
                return np.concatenate(list(pool.map(self._encode_on, range(len(shares)), shares)))

    def _encode_on(self, replica: int, pixels: NDArray[np.uint8]) -> Vectors:
        torch, model, device = self._torch, self._replicas[replica], self.devices[replica]
        rows: list[Vectors] = []
        step = max(1, self.batch // len(self._replicas))
        with torch.inference_mode(), self._threads():
            for start in range(0, len(pixels), step):
                batch = torch.from_numpy(pixels[start : start + step]).to(device).permute(0, 3, 1, 2)  # (B, 3, S, S)
                batch = (batch.float() / 255 - self._mean.to(device)) / self._std.to(device)
                features = model.encode_image(batch.to(self._input_type))  # (B, dim)
                rows.append(features.float().cpu().numpy())
        return unit(np.concatenate(rows))

    def _threads(self) -> Any:
        return torch_threads(free_cores()) if self.devices == ("cpu",) else nullcontext()


def _precision(device: str) -> str:
    """open_clip's name of the number format that is fastest on a device without losing accuracy that matters."""
    import torch

    if device.startswith("cuda"):
        return "fp16"
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return "bf16" if capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") else "fp32"


def default_is_here() -> bool:
    """Whether DEFAULT_MODEL's weights are on this machine already. Asks no network, loads nothing heavy."""
    from huggingface_hub import try_to_load_from_cache

    return any(isinstance(try_to_load_from_cache(DEFAULT_REPOSITORY, name), str) for name in WEIGHTS)


def _resolve(spec: str) -> _Source:
    """Where the parts of the model are, downloaded where needed and possible. Raises EncoderUnavailable."""
    import open_clip

    if spec.startswith("local-dir:"):
        folder = Path(spec.removeprefix("local-dir:")).expanduser()
        found = next((p for p in _weight_files(folder) if p.is_file()), None)
        if not (folder / "open_clip_config.json").is_file() or found is None:
            raise _unavailable(
                spec,
                _(
                    "'{folder}' must hold open_clip_config.json and {weights}; without weights every answer is chance",
                    folder=folder,
                    weights=WEIGHTS[0],
                ),
            )
        return _Source(spec, f"local-dir:{folder}", found, {})
    if spec.startswith("hf-hub:"):
        return _Source(spec, spec, _from_hub(spec, spec.removeprefix("hf-hub:"), WEIGHTS), {})
    architecture, equals, file = spec.partition("=")
    if not equals:
        architecture, _slash, tag = spec.partition("/")
    if architecture not in open_clip.list_models():
        raise _unavailable(
            spec,
            _(
                "open_clip has no architecture '{architecture}'. It has: {known}",
                architecture=architecture,
                known=open_clip.list_models(),
            ),
        )
    if equals:
        path = Path(file).expanduser()
        if not path.is_file():
            raise _unavailable(spec, _("there is no file '{path}'", path=path))
        return _Source(spec, architecture, path, {})
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    tag = tag or (tags[0] if len(tags) == 1 else "")
    if tag not in tags:
        raise _unavailable(
            spec,
            _(
                "name one of its published weights: {published}",
                published=[f"{architecture}/{one}" for one in tags] or _("there are none"),
            ),
        )
    config = open_clip.get_pretrained_cfg(architecture, tag)
    keys = ("mean", "std", "interpolation", "resize_mode")
    preprocessing = {key: config[key] for key in keys if config.get(key)}
    weights = _cached_weights(architecture, tag)
    if weights is None:
        repository, names = _hub_place(config)
        weights = _from_hub(spec, repository, names)
    elif not hub_reachable():
        _work_offline()
    return _Source(spec, architecture, weights, preprocessing)


def _weight_files(folder: Path) -> list[Path]:
    return [*(folder / name for name in WEIGHTS), *sorted(folder.glob("*.safetensors"))]


def _hub_place(config: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    place = str(config.get("hf_hub", ""))
    repository, _, file = place.rpartition("/")
    return repository, (file,) if file else WEIGHTS


def _cached_weights(architecture: str, tag: str) -> Path | None:
    import open_clip
    from huggingface_hub import try_to_load_from_cache

    config = open_clip.get_pretrained_cfg(architecture, tag)
    repository, names = _hub_place(config)
    for name in names if repository else ():
        found = try_to_load_from_cache(repository, name)
        if isinstance(found, str):
            return Path(found)
    return None


@functools.cache
def hub_reachable() -> bool:
    """Whether the model hub answers within a few seconds; asked once a process."""
    import requests
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    try:
        requests.head(constants.ENDPOINT, timeout=HUB_SECONDS, allow_redirects=False)
    except requests.RequestException:
        return False
    return True


def _work_offline() -> None:
    """Keeps libraries from asking an unreachable hub again and again for files that are in the cache."""
    from huggingface_hub import constants

    constants.HF_HUB_OFFLINE = True


def _from_hub(spec: str, repository: str, names: Sequence[str]) -> Path:
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError

    for name in names:
        try:
            return Path(hf_hub_download(repository, name, local_files_only=True))
        except (LocalEntryNotFoundError, OSError):
            continue
    if not repository or not hub_reachable():
        host = constants.ENDPOINT
        raise _unavailable(
            spec,
            _(
                "its weights are not on this machine and the model hub ({host}) cannot be reached. Choices "
                "without it: --encoder labels (works now), --encoder local-dir:FOLDER (a model copied here), "
                "--encoder ARCHITECTURE=WEIGHTS_FILE",
                host=host,
            ),
        )
    reason = ""
    for name in names:
        try:
            return Path(hf_hub_download(repository, name))
        except EntryNotFoundError:
            continue
        except (HfHubHTTPError, OSError) as error:
            reason = _first_line(error)
            break
    raise _unavailable(
        spec,
        _(
            "no weights came from '{repository}' {reason}",
            repository=repository,
            reason=reason or _("(it holds none in open_clip format)"),
        ),
    )


def _preparation(settings: dict[str, Any]) -> Preparation:
    size = settings["size"]
    side = int(size if isinstance(size, int) else size[0])
    modes: dict[str, Any] = {"shortest": "crop", "squash": "squash", "longest": "pad"}
    fill = settings.get("fill_color", 0)
    return Preparation(
        side=side,
        fit=modes[settings.get("resize_mode", "shortest")],
        bicubic=settings.get("interpolation", "bicubic") != "bilinear",
        fill=int(fill if isinstance(fill, (int, float)) else fill[0]),
    )


def _unavailable(name: str, reason: Text) -> EncoderUnavailable:
    return EncoderUnavailable(name=name, reason=reason)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
