"""Converted checkpoints: stock transformers loads them, reads text the same way and computes the same."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import typer
from PIL import Image
from typer.testing import CliRunner

from common.torchvision_compat import prepare_torchvision
from composer.commands import convert as convert_command
from composer.errors import ConvertError, ModelFilesMissing, SettingsError
from composer.models.base import Picture, system, user
from composer.models.xcomposer import XComposer
from composer.models.xcomposer.checkpoint.fast_tokenizer import build_fast_tokenizer
from composer.models.xcomposer.checkpoint.tokenizer import XComposerTokenizer
from composer.models.xcomposer.convert import FLAG_END, FLAG_START, PLACEHOLDER, convert_checkpoint
from composer.models.xcomposer.network.vision import pixel_values
from composer.models.xcomposer.template import META, render
from tests.composer.xcomposer.tiny import write_folder


@pytest.fixture(scope="module")
def converted(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return convert_checkpoint(tiny_folder, tmp_path_factory.mktemp("converted") / "stock", dtype="float32")


@pytest.fixture(scope="module")
def stock(converted: Path) -> Any:
    prepare_torchvision()
    from transformers import AutoModelForImageTextToText

    model, report = AutoModelForImageTextToText.from_pretrained(converted, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    return model.eval()


@pytest.fixture(scope="module")
def processor(converted: Path) -> Any:
    prepare_torchvision()
    from transformers import AutoProcessor

    return AutoProcessor.from_pretrained(converted)


def a_picture() -> Image.Image:
    values = np.random.default_rng(3).integers(0, 255, (60, 90, 3), dtype=np.uint8)
    return Image.fromarray(values)


def test_the_folder_holds_no_code(converted: Path) -> None:
    names = {path.name for path in converted.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "processor_config.json"} <= names
    assert not [name for name in names if name.endswith((".py", ".bin"))]
    assert "auto_map" not in json.loads((converted / "config.json").read_text("utf-8"))


def test_same_scores_as_the_native_model(stock: Any, processor: Any, tiny_folder: Path) -> None:
    native = XComposer.from_folder(tiny_folder, num_gpus=0, rotary="exact")
    tokenizer = processor.tokenizer
    asked = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is this?"}]}]
    text = tokenizer.apply_chat_template(asked, add_generation_prompt=True, tokenize=False)
    inputs = processor(text=text, images=a_picture(), add_special_tokens=False, return_tensors="pt")
    pixels = pixel_values([a_picture()])
    # the stock processor resizes with torchvision where it is installed: a grey level off here and there
    assert float((inputs["pixel_values"] - pixels).abs().mean()) < 0.01
    inputs["pixel_values"] = pixels
    with torch.inference_mode():
        scores = stock(**inputs).logits[0, -1, : native.config.vocabulary]
    seen = native.encode_pictures(pixels)[0]
    parts = render(
        [system("x"), user(Picture(a_picture()), "What is this?")],
        1,
        native.required_tokenizer.encode,
        lambda picture: seen,
    )
    expected = native.engine.prefill([native.engine.prompt(parts)], room=0).logits[0, -1]
    assert float((scores - expected).abs().max()) < 1e-3  # the tower's last epsilon is another: see convert
    assert scores.argmax() == expected.argmax()


def test_pictures_are_the_three_new_tokens_and_never_an_answer(stock: Any, processor: Any, converted: Path) -> None:
    vocabulary = stock.config.text_config.vocab_size
    new = processor.tokenizer.convert_tokens_to_ids([FLAG_START, FLAG_END, PLACEHOLDER])
    assert new == [vocabulary - 3, vocabulary - 2, vocabulary - 1]
    assert stock.config.image_token_id == new[2]
    settings = json.loads((converted / "generation_config.json").read_text("utf-8"))
    assert settings["suppress_tokens"] == new
    text = processor.tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hi"}], add_generation_prompt=True, tokenize=False
    )
    assert text == f"<s>{META} <|User|>: Hi<TOKENS_UNUSED_0> <|Bot|>:"


def test_text_is_read_as_by_the_published_tokenizer(reference: Path) -> None:
    published = XComposerTokenizer.from_folder(reference / "checkpoints/internlm-xcomposer-4bit")
    fast = build_fast_tokenizer(published, (FLAG_START, FLAG_END, PLACEHOLDER), "")
    recorded = json.loads((reference / "golden/tokenizer/internlm-xcomposer.json").read_text("utf-8"))
    for entry in recorded["encode"]:
        assert fast(entry["text"], add_special_tokens=False)["input_ids"] == entry["ids"], entry["text"]
        assert fast.decode(entry["ids"], skip_special_tokens=True) == entry["decode_skip"], entry["text"]
    assert len(fast) == 103171


def test_shards_of_the_converted_checkpoint(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from composer.models.xcomposer import convert as module

    monkeypatch.setattr(module, "SHARD_BYTES", 100_000)
    made = convert_checkpoint(tiny_folder, tmp_path / "made")
    index = json.loads((made / "model.safetensors.index.json").read_text("utf-8"))
    files = {path.name for path in made.glob("model-*.safetensors")}
    assert len(files) > 1
    assert set(index["weight_map"].values()) == files
    assert index["metadata"]["total_size"] > 0


def test_what_cannot_be_converted(tiny_folder: Path, tmp_path: Path, tokenizer_file: Path) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "mine.txt").write_text("mine", "utf-8")
    with pytest.raises(ConvertError, match="not an empty folder"):
        convert_checkpoint(tiny_folder, taken)
    assert (taken / "mine.txt").exists()
    with pytest.raises(SettingsError, match="float8"):
        convert_checkpoint(tiny_folder, tmp_path / "a", dtype="float8")
    broken = write_folder(tmp_path / "broken", tokenizer_file, shards=2)
    (broken / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(ModelFilesMissing):
        convert_checkpoint(broken, tmp_path / "b")
    assert not (tmp_path / "b").exists()
    packed = write_folder(tmp_path / "packed", tokenizer_file)
    (packed / "quantize_config.json").write_text('{"bits": 4, "group_size": 16, "desc_act": false}', "utf-8")
    with pytest.raises(SettingsError, match="4 bits"):
        convert_checkpoint(packed, tmp_path / "c")


def test_the_command(tiny_folder: Path, tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(convert_command)
    run = CliRunner()
    assert run.invoke(app, [str(tiny_folder), str(tmp_path / "made")]).exit_code == 0
    assert (tmp_path / "made" / "config.json").is_file()
    again = run.invoke(app, [str(tiny_folder), str(tmp_path / "made")])
    assert again.exit_code == 1
    assert "not an empty folder" in again.output
