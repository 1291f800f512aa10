"""open_clip models as encoders, with a real one of random weights."""

import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrieval.encoders.base import Preparation, encode_pictures
from retrieval.encoders.clip import OpenClipEncoder, hub_reachable
from retrieval.encoders.factory import load_encoder
from retrieval.errors import EncoderUnavailable, WrongEncoder
from retrieval.gallery import Gallery
from tests.retrieval.conftest import ONE_WORKER
from tests.retrieval.helpers import paint


@pytest.fixture(scope="module")
def encoder(tiny_clip: Path) -> OpenClipEncoder:
    return OpenClipEncoder(f"local-dir:{tiny_clip}", devices=["cpu"])


def photo(seed: int, size: tuple[int, int]) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)


def test_same_vectors_as_open_clips_own_way(encoder: OpenClipEncoder, tiny_clip: Path) -> None:
    import open_clip
    import torch

    model, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{tiny_clip}")
    pictures = [photo(seed, (90 + 13 * seed, 70)) for seed in range(5)]
    with torch.inference_mode():
        theirs = model.encode_image(torch.stack([preprocess(p) for p in pictures]), normalize=True).numpy()
        words = model.encode_text(open_clip.get_tokenizer(f"local-dir:{tiny_clip}")(["a cat"]), normalize=True).numpy()
    ours = encode_pictures(encoder, pictures)
    assert ours.shape == (5, encoder.dim) == (5, 32)
    assert (ours * theirs).sum(axis=1).min() > 0.995  # one resize instead of resize and crop
    assert (encoder.encode_texts(["a cat"]) * words).sum() > 0.999  # processors with bfloat16 round to it


def test_several_devices_share_a_batch(encoder: OpenClipEncoder, tiny_clip: Path) -> None:
    two = OpenClipEncoder(f"local-dir:{tiny_clip}", devices=["cpu", "cpu"])
    pictures = [photo(seed, (40, 40)) for seed in range(7)]
    assert np.allclose(encode_pictures(two, pictures), encode_pictures(encoder, pictures), atol=1e-2)


def test_a_gallery_by_name_opens_again_and_refuses_other_weights(tiny_clip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_clip, folder)
    name = f"local-dir:{folder}"
    for colour in ("red", "blue"):
        paint(tmp_path / "pictures" / f"{colour}.png", colour)
    with Gallery.open(tmp_path / "g", create=True, encoder=name) as gallery:
        assert gallery.add(tmp_path / "pictures", options=ONE_WORKER).added == 2
    with Gallery.open(tmp_path / "g") as again:
        assert again.search(Image.open(tmp_path / "pictures" / "blue.png").convert("RGB"))[0].caption == "blue"
        assert again.info().encoder == name
    (folder / "open_clip_model.safetensors").unlink()
    from safetensors.torch import load_file, save_file

    weights = load_file(tiny_clip / "open_clip_model.safetensors")
    weights["logit_scale"] += 1
    save_file(weights, folder / "open_clip_model.safetensors")
    with Gallery.open(tmp_path / "g") as changed, pytest.raises(WrongEncoder, match="weights"):
        changed.search("blue")


def test_a_model_without_weights_is_refused(tiny_clip: Path, tmp_path: Path) -> None:
    shutil.copy(tiny_clip / "open_clip_config.json", tmp_path)
    with pytest.raises(EncoderUnavailable, match="weights"):
        OpenClipEncoder(f"local-dir:{tmp_path}")
    (tmp_path / "open_clip_model.safetensors").write_bytes(b"not weights")
    with pytest.raises(EncoderUnavailable, match="do not load"):
        OpenClipEncoder(f"local-dir:{tmp_path}")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("ViT-B-99", "ViT-B-32"),
        ("ViT-B-32", "ViT-B-32/openai"),
        ("ViT-B-32/nothing", "laion2b"),
        ("ViT-B-32=/no/such.safetensors", "/no/such.safetensors"),
        ("local-dir:/no/such/folder", "open_clip_config.json"),
    ],
)
def test_unknown_names_are_answered_with_known_ones(name: str, told: str) -> None:
    with pytest.raises(EncoderUnavailable, match=told):
        load_encoder(name)


@pytest.mark.parametrize("name", ["clip", "hf-hub:timm/ViT-B-16-SigLIP2-256"])
def test_unreachable_hub_is_one_sentence_at_once(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # nothing listens there
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    hub_reachable.cache_clear()
    started = time.monotonic()
    with pytest.raises(EncoderUnavailable, match="--encoder labels"):
        load_encoder(name)
    assert time.monotonic() - started < 20
    hub_reachable.cache_clear()


def test_preparations_fit() -> None:
    wide = Image.new("RGB", (200, 100), "red")
    assert Preparation(side=50, fit="pad", fill=255).apply(wide)[0, 0].tolist() == [255, 255, 255]
    assert Preparation(side=50, fit="squash").apply(wide).shape == (50, 50, 3)
    assert Preparation(side=50).apply(wide)[0, 0].tolist() == [255, 0, 0]
