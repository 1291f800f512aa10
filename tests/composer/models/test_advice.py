"""Which models suit a machine."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from composer.cli import app
from composer.errors import ModelFilesBroken
from composer.models import Memory, advise, find_local_model, load_model, memory_wanted
from composer.models.transformers_vlm import placement, plan, read_folder
from tests.composer.models.tiny_vlm import make

GB = 10**9


def test_on_a_card_the_largest_that_fits_comes_first_and_fewer_bits_help() -> None:
    found = [one for one in advise(Memory(12 * GB, 12 * GB, on_cards=True)) if not one.model.available]
    fitting = [one for one in found if one.fits]
    assert [bool(one.fits) for one in found] == sorted([bool(one.fits) for one in found], reverse=True)
    sizes = [max(one.memory.values()) for one in fitting]
    assert sizes == sorted(sizes, reverse=True)
    eight = next(one for one in found if one.short == "qwen3-vl-8b")
    assert eight.fits == (4,)
    assert eight.memory[16] > eight.memory[8] > eight.memory[4]


def test_without_a_card_nothing_is_packed_and_large_models_are_called_slow() -> None:
    found = {one.short: one for one in advise(Memory(24 * GB, 20 * GB, on_cards=False))}
    assert found["qwen3-vl-2b"].fits == (16,)
    assert not found["qwen3-vl-8b"].quick
    assert found["qwen3.5-0.8b"].quick
    assert found["xcomposer-7b"].fits == (), "it computes in 32 bits there"
    small = [one.short for one in advise(Memory(24 * GB, 20 * GB, on_cards=False)) if one.fits and not one.quick]
    assert small.index("qwen3-vl-4b") < small.index("qwen3-vl-8b")


def test_memory_of_a_file_a_folder_and_a_name(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"0" * 1_000_000)
    assert memory_wanted(str(tmp_path / "model.gguf")) == memory_wanted(str(tmp_path)) > 1_300_000
    (tmp_path / "model.safetensors").write_bytes(b"0" * 1_000_000)
    assert memory_wanted(str(tmp_path)) == memory_wanted(str(tmp_path / "model.gguf")), "one of both is loaded"
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "model.safetensors").symlink_to(tmp_path / "gone")
    assert memory_wanted(str(tmp_path)) == 0
    parts = [tmp_path / f"big-0000{number}-of-00003.gguf" for number in (1, 2, 3)]
    for part in parts:
        part.write_bytes(b"0" * 1_000_000)
    whole = memory_wanted(str(parts[0])) - memory_wanted(str(tmp_path / "model.gguf"))
    assert whole == pytest.approx(2 * 1_300_000, abs=2)
    assert memory_wanted("qwen3-vl-8b", 4) < memory_wanted("qwen3-vl-8b")
    assert memory_wanted(str(tmp_path / "nothing")) == 0


def test_a_folder_of_transformers_takes_the_same_wherever_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "hub" / "models--somebody--tiny"
    folder = make("qwen3_vl", cache / "snapshots" / "one", hidden_size=64)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    answer = CliRunner().invoke(app, ["plan", "--folder", str(folder)])
    assert answer.exit_code == 0, answer.stderr
    rows = [line.split() for line in answer.stdout.splitlines()[1:]]
    assert [row[:2] for row in rows] == [["16", "bits"], ["8", "bits"], ["4", "bits"]]
    by_bits = {int(row[0]): row[2] for row in rows}
    found = read_folder(folder)
    for bits, kind in ((16, None), (8, "int8"), (4, "nf4")):
        monkeypatch.setattr(placement, "package_is_here", lambda name: True)
        monkeypatch.setattr(placement, "free_bytes", lambda cards: (24 * GB,))
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
        loaded = plan(found, name="tiny", num_gpus=1, quantization=kind, dtype="bfloat16")
        assert memory_wanted(str(folder), bits) == memory_wanted("somebody/tiny", bits) == loaded.needed
        assert by_bits[bits] == f"{loaded.needed / 1e9:.1f}"
    assert find_local_model("hf:somebody/tiny").memory == memory_wanted(str(folder))
    named = CliRunner().invoke(app, ["plan", "--folder", "somebody/tiny"])
    assert named.stdout.splitlines()[1:] == answer.stdout.splitlines()[1:]


@pytest.mark.parametrize("on_cards", [True, False])
def test_nothing_fits_into_nothing(on_cards: bool) -> None:
    assert not any(one.fits for one in advise(Memory(0, 0, on_cards=on_cards)))


@pytest.mark.parametrize("typed", ["x" * 3000, "/tmp/" + "x" * 3000, "~nobody-of-this-name/model"])
@pytest.mark.parametrize("look", [memory_wanted, load_model])
def test_what_cannot_be_a_path_is_a_sentence(typed: str, look: Callable[[str], object]) -> None:
    with pytest.raises(ModelFilesBroken, match="it cannot be read") as caught:
        look(typed)
    assert len(str(caught.value)) < 400
