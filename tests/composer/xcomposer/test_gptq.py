"""4-bit checkpoints: unpacking to the recorded numbers, the fused product, answers, and packing on load."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from composer.errors import ModelFilesBroken, SettingsError
from composer.models.xcomposer.model import XComposer
from composer.models.xcomposer.network.gptq import PackedLinear, dequantize, fused_works, unpack
from tests.composer.xcomposer.test_goldens import TRIMMED, Recorded
from tests.composer.xcomposer.tiny import write_folder

FOUR_BITS = TRIMMED / "tiny-4bit"
LINEARS = ("layers.0.self_attn.q_proj", "layers.2.mlp.down_proj")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tokenizer_file: Path) -> Path:
    """A 4-bit folder: the packed linears, and every other tensor of the model they were packed from."""
    base, made = TRIMMED / "tiny-nolora", tmp_path_factory.mktemp("packed") / "tiny-4bit"
    made.mkdir()
    packed = load_file(FOUR_BITS / "quantized_linears.safetensors")
    stems = {name.rpartition(".")[0] for name in packed}
    others = {
        name: value
        for name, value in load_file(base / "model.safetensors").items()
        if name.rpartition(".")[0] not in stems
    }
    save_file({**others, **packed}, made / "gptq_model-4bit-16g.safetensors")
    for file in (base / "config.json", base / "golden.json", FOUR_BITS / "quantize_config.json"):
        shutil.copy(file, made)
    shutil.copy(FOUR_BITS / "golden.npz", made)
    shutil.copy(tokenizer_file, made / "tokenizer.model")
    return made


@pytest.fixture(scope="module")
def recorded(folder: Path) -> Recorded:
    return Recorded(folder)


@pytest.mark.parametrize("linear", LINEARS)
def test_unpacks_to_the_recorded_integers_zeros_and_weights(linear: str) -> None:
    packed = load_file(FOUR_BITS / "quantized_linears.safetensors")
    stem = f"internlm_model.model.{linear}"
    with np.load(FOUR_BITS / "golden.npz") as arrays:
        expected = {key: torch.from_numpy(arrays[f"{stem}.{key}"]) for key in ("qint", "zero", "dequantized")}
    parts = [packed[f"{stem}.{key}"] for key in ("qweight", "qzeros", "scales")]
    assert torch.equal(unpack(parts[0], 0).t().short(), expected["qint"])
    assert torch.equal((unpack(parts[1], 1) + 1).t().short(), expected["zero"])
    assert torch.equal(dequantize(*parts, torch.float32), expected["dequantized"])


def test_hidden_states_and_greedy_answers(recorded: Recorded) -> None:
    linear = recorded.model.language.model.layers[0].self_attn.q_proj
    assert isinstance(linear, PackedLinear)
    for kind in ("text", "mixed"):
        embeds = recorded.model.engine.embed(recorded.prompts[kind])[None]
        with torch.inference_mode():
            hidden = recorded.model.language.model(inputs_embeds=embeds).last_hidden_state
        assert recorded.off(hidden, f"{kind}_last_hidden") <= 1e-5
    for key, expected in recorded.values["four_bits"].items():
        options = {"max_new_tokens": len(expected) - 1, "num_beams": 1, "repetition_penalty": 1.0}
        assert recorded.answer(recorded.model, key.split("_")[0], [], **options) == expected[1:]


def test_groups_out_of_order_are_refused(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    file = other / "gptq_model-4bit-16g.safetensors"
    weights = load_file(file)
    name = "internlm_model.model.layers.1.mlp.up_proj.g_idx"
    save_file({**weights, name: weights[name].flip(0)}, file)
    with pytest.raises(ModelFilesBroken, match="g_idx"):
        XComposer.from_folder(other, num_gpus=0)


@pytest.mark.parametrize("changed", [{"bits": 8}, {"desc_act": True}, {"group_size": -1}, {"group_size": 12}])
def test_other_packings_are_refused(folder: Path, tmp_path: Path, changed: dict[str, object]) -> None:
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    path = other / "quantize_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **changed}), "utf-8")
    with pytest.raises(ModelFilesBroken):
        XComposer.from_folder(other, num_gpus=0)


KERNEL_CHECK = """
import torch
from composer.models.xcomposer.network.gptq import dequantize
from composer.models.xcomposer.network import kernels
from composer.models.xcomposer.network.kernels import product
kernels.PROGRAMS = 8  # so that a program has several steps, and the last one fewer
random = torch.Generator().manual_seed(1)
for inputs, outputs, group, rows, dtype, allowed in (
    (128, 32, 128, 1, torch.float32, 1e-5),
    (256, 96, 128, 5, torch.float16, 4e-3),
    (1408, 200, 128, 16, torch.float32, 1e-5),
    (512, 136, 256, 3, torch.float32, 1e-5),
):
    words = lambda *shape: torch.randint(-2**31, 2**31 - 1, shape, dtype=torch.int32, generator=random)
    qweight, qzeros = words(inputs // 8, outputs), words(inputs // group, outputs // 8)
    scales = (torch.rand(inputs // group, outputs, generator=random) * 0.01).to(dtype)
    x, bias = (torch.randn(*s, generator=random).to(dtype) for s in ((rows, inputs), (outputs,)))
    fused = product(x, qweight, qzeros, scales, bias).float()
    weight = dequantize(qweight, qzeros, scales, dtype).float()
    plain = torch.nn.functional.linear(x.float(), weight, bias.float())
    assert (fused - plain).abs().max() <= allowed, (inputs, outputs, group, rows, dtype)
print("same")
"""


def test_the_fused_product_is_the_plain_one() -> None:
    pytest.importorskip("triton", reason="Triton comes with CUDA builds of torch")
    done = subprocess.run(  # Triton reads the switch to its interpreter when it is imported
        [sys.executable, "-c", KERNEL_CHECK],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout == "same\n", done.stderr


@pytest.mark.skipif(torch.cuda.is_available(), reason="the fused product works there")
def test_without_a_working_fused_product_weights_are_unpacked(caplog: pytest.LogCaptureFixture) -> None:
    fused_works.cache_clear()
    with caplog.at_level("WARNING"):
        assert not fused_works()
        assert not fused_works()
    (record,) = caplog.records  # said once, not for every layer
    assert "needs a C compiler" in record.getMessage()
    fused_works.cache_clear()


def test_packing_on_load_needs_its_package(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.delitem(sys.modules, "bitsandbytes", raising=False)
    with pytest.raises(SettingsError, match="pip install bitsandbytes"):
        XComposer.from_folder(tiny_folder, num_gpus=0, quantization="nf4")


@pytest.mark.filterwarnings("ignore")  # bitsandbytes warns about its optional CPU kernels
def test_packing_on_load(tmp_path: Path, tokenizer_file: Path) -> None:
    pytest.importorskip("bitsandbytes")
    wide = write_folder(tmp_path / "wide", tokenizer_file, hidden_size=64, intermediate_size=128)  # blocks of 64
    plain = XComposer.from_folder(wide, num_gpus=0)
    packed = XComposer.from_folder(wide, num_gpus=0, quantization="nf4")
    linear = packed.language.model.layers[0].mlp.up_proj
    assert linear.weight.dtype == torch.uint8
    assert linear.weight.numel() == linear.in_features * linear.out_features // 2
    x = torch.randn(5, linear.in_features, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        one, two = plain.language.model.layers[0].mlp.up_proj(x), linear(x)
    # four bits are coarse; what the layer computes stays (and LoRA is in it)
    assert float(torch.nn.functional.cosine_similarity(one.flatten(), two.flatten(), dim=0)) > 0.98
    assert isinstance(packed.generate("A cat", max_new_tokens=3, num_beams=2), str)
