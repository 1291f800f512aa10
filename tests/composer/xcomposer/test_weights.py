"""Loading: shards in both formats, LoRA whose parts lie apart, and every way in which a folder can be wrong."""

import json
import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from composer.errors import ModelFilesBroken, ModelFilesMissing
from composer.models.base import LoadProgress
from composer.models.xcomposer.adapter import load as load_model
from composer.models.xcomposer.checkpoint.config import XComposerConfig, tensor_specs
from composer.models.xcomposer.checkpoint.tokenizer import XComposerTokenizer
from composer.models.xcomposer.model import XComposer
from tests.composer.xcomposer.tiny import config_values, random_weights, write_folder


def load(folder: Path) -> XComposer:
    return XComposer.from_folder(folder, num_gpus=0)


def state(model: XComposer) -> dict[str, torch.Tensor]:
    return dict(model.state_dict().items())


@pytest.mark.parametrize(("shards", "torch_files"), [(4, False), (4, True), (0, True)])
def test_shards_and_formats_give_the_same_network(
    tiny_folder: Path, tmp_path: Path, tokenizer_file: Path, shards: int, torch_files: bool
) -> None:
    other = write_folder(tmp_path / "other", tokenizer_file, shards=shards, torch_files=torch_files)
    one, two = state(load(tiny_folder)), state(load(other))
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_lora_is_merged_in_float32_and_the_keys_of_the_tower_have_no_bias(tiny_folder: Path) -> None:
    weights = random_weights(XComposerConfig.read(tiny_folder))
    model = load(tiny_folder)
    stem = "internlm_model.model.layers.1.mlp.up_proj"
    a, b = (weights[f"{stem}.lora_{letter}.weight"].float() for letter in "AB")
    expected = weights[f"{stem}.weight"].float() + 2.0 * b @ a  # alpha 8 over rank 4
    assert torch.allclose(model.language.model.layers[1].mlp.up_proj.weight, expected, atol=1e-6)
    gate = model.language.model.layers[1].mlp.gate_proj.weight
    assert torch.equal(gate, weights["internlm_model.model.layers.1.mlp.gate_proj.weight"].float())
    q, k, v = model.vision.tower.encoder.layers[0].self_attn.qkv.bias.chunk(3)
    assert torch.equal(q, weights["visual_encoder.blocks.0.attn.q_bias"].float())
    assert torch.equal(v, weights["visual_encoder.blocks.0.attn.v_bias"].float())
    assert not k.any()


def test_nothing_is_left_on_the_meta_device_and_progress_reaches_the_end(tiny_folder: Path) -> None:
    seen: list[LoadProgress] = []
    model = XComposer.from_folder(tiny_folder, num_gpus=0, progress=seen.append)
    tensors_of_all = [*model.parameters(), *model.buffers()]
    assert {tensor.device.type for tensor in tensors_of_all} == {"cpu"}
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert {step.stage for step in seen} == {"load"}
    done = [step.done for step in seen]
    assert done == sorted(done)
    assert len(done) > 20  # a bar that moves, also within a file
    assert seen[-1].done == seen[-1].total == (tiny_folder / "model.safetensors").stat().st_size


@pytest.mark.parametrize("name", ["internlm-xcomposer", "internlm-xcomposer-vl"])
def test_names_are_those_of_the_published_index(reference: Path, name: str) -> None:
    folder = reference / "checkpoints" / name
    index = json.loads((folder / "pytorch_model.bin.index.json").read_text("utf-8"))
    assert set(tensor_specs(XComposerConfig.read(folder))) == set(index["weight_map"])
    assert len(index["weight_map"]) == 1480


def test_the_published_format_has_1480_tensors(published: Path) -> None:
    assert len(tensor_specs(XComposerConfig.read(published / "internlm-xcomposer"))) == 1480


def test_folder_without_config(tmp_path: Path) -> None:
    with pytest.raises(ModelFilesMissing, match=r"config\.json"):
        load(tmp_path)


def test_config_that_is_no_json(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{", "utf-8")
    with pytest.raises(ModelFilesBroken, match="no readable JSON"):
        load(tmp_path)


def test_config_with_an_entry_missing(tmp_path: Path) -> None:
    values = config_values(100)
    del values["hidden_size"]
    (tmp_path / "config.json").write_text(json.dumps(values), "utf-8")
    with pytest.raises(ModelFilesBroken, match="hidden_size"):
        load(tmp_path)


def test_another_model_is_named_with_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "qwen2"}', "utf-8")
    with pytest.raises(ModelFilesBroken, match=r"'qwen2'.*internlm/internlm-xcomposer-7b"):
        load(tmp_path)


def test_folder_without_tokenizer_is_a_network_but_no_model(tmp_path: Path, tokenizer_file: Path) -> None:
    folder = write_folder(tmp_path / "x", tokenizer_file)
    (folder / "tokenizer.model").unlink()
    network = XComposer.from_folder(folder, dtype="float32", num_gpus=0)
    assert network(input_ids=torch.tensor([[1, 20, 30]])).logits.shape[:2] == (1, 3)
    with pytest.raises(ValueError, match="no tokenizer"):
        network.generate("Hello")
    network.tokenizer = XComposerTokenizer(tokenizer_file)
    assert isinstance(network.generate("Hello", max_new_tokens=2, num_beams=1), str)
    with pytest.raises(ModelFilesMissing, match=r"tokenizer\.model"):
        load_model(folder)


def test_folder_without_weights(tmp_path: Path, tokenizer_file: Path) -> None:
    folder = write_folder(tmp_path / "x", tokenizer_file)
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelFilesMissing, match="weights"):
        load(folder)


def test_missing_shard_is_named(tmp_path: Path, tokenizer_file: Path) -> None:
    folder = write_folder(tmp_path / "x", tokenizer_file, shards=3)
    (folder / "model-00002-of-00003.safetensors").unlink()
    with pytest.raises(ModelFilesMissing, match="model-00002-of-00003"):
        load(folder)


def test_index_that_names_a_file_elsewhere(tmp_path: Path, tokenizer_file: Path) -> None:
    folder = write_folder(tmp_path / "x", tokenizer_file, shards=2)
    index = folder / "model.safetensors.index.json"
    values = json.loads(index.read_text("utf-8"))
    values["weight_map"]["query_tokens"] = "../elsewhere.safetensors"
    index.write_text(json.dumps(values), "utf-8")
    with pytest.raises(ModelFilesBroken, match="outside the folder"):
        load(folder)


@pytest.mark.parametrize("torch_files", [False, True])
def test_truncated_shard(tmp_path: Path, tokenizer_file: Path, torch_files: bool) -> None:
    folder = write_folder(tmp_path / "x", tokenizer_file, torch_files=torch_files)
    path = folder / ("pytorch_model.bin" if torch_files else "model.safetensors")
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(ModelFilesBroken, match="damaged or incomplete"):
        load(folder)


def test_wrong_shape_missing_and_surplus_tensors(tmp_path: Path, tokenizer_file: Path) -> None:
    folder = write_folder(tmp_path / "x", tokenizer_file)
    path = folder / "model.safetensors"
    weights = load_file(path)
    save_file({**weights, "ln_vision.weight": torch.ones(5)}, path)
    with pytest.raises(ModelFilesBroken, match=r"'ln_vision.weight' has the shape \[5\].*\[32\]"):
        load(folder)
    save_file({name: value for name, value in weights.items() if name != "ln_vision.weight"}, path)
    with pytest.raises(ModelFilesMissing, match=r"ln_vision\.weight"):
        load(folder)
    save_file({**weights, "surplus.weight": torch.ones(5)}, path)
    with pytest.raises(ModelFilesBroken, match=r"surplus\.weight"):
        load(folder)


class Dangerous:
    """Pickles to a call."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.trace,)


@pytest.mark.parametrize("zipped", [False, True])
def test_pickle_with_code_is_refused_and_not_run(tmp_path: Path, tokenizer_file: Path, zipped: bool) -> None:
    folder = write_folder(tmp_path / "x", tokenizer_file, torch_files=True)
    trace, path = tmp_path / "ran", folder / "pytorch_model.bin"
    if zipped:
        torch.save({"query_tokens": Dangerous(trace)}, path)
    else:
        path.write_bytes(pickle.dumps({"query_tokens": Dangerous(trace)}, protocol=2))
    with pytest.raises(ModelFilesBroken, match="refused"):
        load(folder)
    assert not trace.exists()


def test_file_that_is_no_table(tmp_path: Path, tokenizer_file: Path) -> None:
    folder = write_folder(tmp_path / "x", tokenizer_file, torch_files=True)
    torch.save([torch.ones(2)], folder / "pytorch_model.bin")
    with pytest.raises(ModelFilesBroken, match="no table of named tensors"):
        load(folder)
