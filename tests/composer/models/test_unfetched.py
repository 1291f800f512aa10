"""Models whose files are not there yet, cloned without git-lfs or only begun: called what they are, by every engine."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from composer.errors import ModelFilesBroken, ModelFilesMissing
from composer.models import load_model
from composer.models.gguf import GgufModel
from tests.composer.models.gguf_standins import write_file

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a21\nsize 4711000000\n"


def transformers_folder(folder: Path, pointer: str) -> Path:
    (folder / "config.json").write_text(json.dumps({"model_type": "llama"}))
    (folder / pointer).write_text(POINTER)
    return folder


def xcomposer_folder(folder: Path) -> Path:
    (folder / "config.json").write_text(json.dumps({"model_type": "InternLMXComposer"}))
    (folder / "pytorch_model-00001-of-00002.bin").write_text(POINTER)
    return folder


def gguf_file(folder: Path) -> Path:
    (folder / "model.gguf").write_text(POINTER)
    return folder / "model.gguf"


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda folder: transformers_folder(folder, "model.safetensors"), "model.safetensors"),
        (lambda folder: transformers_folder(folder, "model-00001-of-00002.safetensors"), "model-00001-of"),
        (lambda folder: transformers_folder(folder, "pytorch_model.bin"), "pytorch_model.bin"),
        (lambda folder: transformers_folder(folder, "tokenizer.json"), "tokenizer.json"),
        (lambda folder: transformers_folder(folder, "config.json"), "config.json"),
        (xcomposer_folder, "pytorch_model-00001-of-00002.bin"),
        (gguf_file, "model.gguf"),
        (lambda folder: gguf_file(folder).parent, "model.gguf"),
    ],
)
def test_a_pointer_is_called_one_and_the_way_out_is_said(
    tmp_path: Path, make: Callable[[Path], Path], name: str
) -> None:
    place = make(tmp_path)
    with pytest.raises(ModelFilesBroken, match=name) as caught:
        load_model(place, num_gpus=0)
    assert "it is a pointer of Git LFS; the file itself has 4,711,000,000 bytes" in str(caught.value)
    assert "git lfs pull" in str(caught.value)
    assert "Git LFS 的指针文件" in caught.value.text("zh")


def test_a_pointer_in_the_place_of_a_picture_part(tmp_path: Path) -> None:
    model = write_file(tmp_path / "model.gguf")
    (tmp_path / "mmproj-model.gguf").write_text(POINTER)
    with pytest.raises(ModelFilesBroken, match=r"mmproj-model.gguf.*pointer of Git LFS"):
        GgufModel(model, mmproj=tmp_path / "mmproj-model.gguf")


def test_pointers_that_nobody_needs_are_no_matter(tmp_path: Path) -> None:
    """The same weights in another form beside them."""
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    (tmp_path / "model.safetensors").write_bytes(b"\2\0\0\0\0\0\0\0{}")
    (tmp_path / "pytorch_model.bin").write_text(POINTER)
    with pytest.raises(Exception) as caught:
        load_model(tmp_path, num_gpus=0)
    assert "Git LFS" not in str(caught.value)


@pytest.mark.parametrize("config", [True, False])
@pytest.mark.parametrize("name", ["model.safetensors.incomplete", "model.gguf.part", "pytorch_model.bin.crdownload"])
def test_a_download_that_was_not_finished(tmp_path: Path, name: str, config: bool) -> None:
    if config:
        (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    (tmp_path / name).write_bytes(b"GGUF")
    with pytest.raises(ModelFilesMissing, match=f"The download of '{name}' was not finished"):
        load_model(tmp_path, num_gpus=0)


def test_a_tokenizer_or_processor_that_is_damaged_is_named_with_the_way_out(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from tests.composer.models.tiny_vlm import make

    folder = make("qwen3_vl", tmp_path / "model")
    whole = (folder / "processor_config.json").read_text()
    (folder / "processor_config.json").write_text('{"processor_class": "Nothing"}')
    model = load_model(folder, num_gpus=0, threads=1)
    assert [limit.text("en") for limit in model.capabilities.limits] == [
        "It sees no pictures: the file processor_config.json names no processor of pictures that is known."
    ]
    model.close()
    (folder / "processor_config.json").write_text(whole)
    (folder / "tokenizer.json").write_text("{")
    with pytest.raises(ModelFilesBroken, match=r"tokenizer.json.*cannot be read.*Copy the model's tokenizer files"):
        load_model(folder, num_gpus=0, threads=1)
