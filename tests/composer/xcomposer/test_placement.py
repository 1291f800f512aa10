"""Plans: arithmetic that agrees with the published sizes, balance, what does not fit, and the command."""

from pathlib import Path

import pytest
import torch
import typer
from typer.testing import CliRunner

from composer.commands import plan as plan_command
from composer.errors import ModelFilesMissing, OutOfMemory, SettingsError
from composer.models.xcomposer import XComposer, placement
from composer.models.xcomposer.devices import Placement
from composer.models.xcomposer.placement import GIB, does_not_fit, parse_bytes, plan

PARAMETERS_WITHOUT_LORA = 8_416_190_336  # of the 7B format, as published


def test_weights_of_the_real_sizes_are_counted_to_the_byte(published: Path) -> None:
    folder = published / "internlm-xcomposer"
    made = plan(folder)
    zeros_of_key_biases = 39 * 1408
    assert made.cards[0].weights == 2 * (PARAMETERS_WITHOUT_LORA + zeros_of_key_biases)
    # keys and values: 2 * width * 2 bytes a layer and token
    assert made.cards[0].cache == 2 * 4096 * 2 * 32 * 2048 * 5
    four_bits = plan(published / "internlm-xcomposer-4bit")
    assert four_bits.quantization == "gptq-4bit"
    assert four_bits.cards[0].weights < 0.45 * made.cards[0].weights


def test_the_tiny_plan_is_what_is_loaded(tiny_folder: Path) -> None:
    made = plan(tiny_folder, num_gpus=0, dtype="float32", beams=1)
    model = XComposer.from_folder(tiny_folder, num_gpus=0)
    loaded = sum(value.numel() * value.element_size() for value in model.parameters())
    assert made.cards[0].weights == loaded


def test_two_cards_of_24_hold_the_full_model_evenly(published: Path) -> None:
    made = plan(published / "internlm-xcomposer", num_gpus=2, memory="24GiB")
    assert made.fits
    loads = [card.weights + card.cache for card in made.cards]
    layer = next(unit for unit in made.units if unit.module.endswith(".layers.0"))
    assert abs(loads[0] - loads[1]) <= 2 * (layer.weights + layer.cache)
    devices = [unit.device for unit in made.units]
    assert devices == sorted(devices, key=str)  # consecutive: one hand-over between the cards
    assert made.device_map["vision"] == 0
    assert made.device_map["language.lm_head"] == 1
    assert sum(loads) == sum(unit.weights + unit.cache for unit in made.units)


def test_four_bits_article_and_pictures_within_12_gb(published: Path) -> None:
    # a 1,000-token article, four pictures of 66 positions and the questions about them
    for folder, quantization in (("internlm-xcomposer-4bit", None), ("internlm-xcomposer", "nf4")):
        made = plan(published / folder, memory="12GB", quantization=quantization, context_tokens=1400, beams=5)
        assert made.fits, made.text()


def test_what_does_not_fit_is_said_with_the_plan_and_the_way_out(published: Path) -> None:
    made = plan(published / "internlm-xcomposer", memory="16GiB")
    assert not made.fits
    error = does_not_fit(made)
    assert "GPU 0" in str(error)
    assert "--quantization nf4" in str(error)
    assert "16.00 GiB" in str(error)
    assert "TOO LITTLE" in made.text()


def test_offload_leaves_the_rest_in_main_memory(published: Path) -> None:
    made = plan(published / "internlm-xcomposer", memory="12GiB", offload=True)
    assert made.fits
    assert {unit.device for unit in made.units} == {0, "cpu"}
    assert made.device_map["vision"] == 0
    assert made.device_map["language.lm_head"] == "cpu"


@pytest.mark.parametrize(
    ("text", "count"),
    [("24GiB", 24 * GIB), ("12 GB", 12 * 10**9), ("512MiB", 512 * 2**20), (77, 77), ("1.5g", 3 * GIB // 2)],
)
def test_memory_is_read_in_usual_units(text: str | int, count: int) -> None:
    assert parse_bytes(text) == count


@pytest.mark.parametrize("text", ["much", "24XB", "", "-3GiB"])
def test_other_amounts_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="amount of memory"):
        parse_bytes(text)


def test_bad_options_are_refused(tiny_folder: Path, tmp_path: Path) -> None:
    for options in ({"num_gpus": -1}, {"dtype": "int3"}, {"quantization": "int3"}, {"beams": 0}, {"context_tokens": 0}):
        with pytest.raises(SettingsError):
            plan(tiny_folder, **options)  # type: ignore[arg-type]  # bad on purpose
    with pytest.raises(ModelFilesMissing):
        plan(tmp_path)


def test_more_cards_than_there_are(tiny_folder: Path) -> None:
    with pytest.raises(SettingsError, match="usable GPU"):
        XComposer.from_folder(tiny_folder, num_gpus=99)


def test_too_little_main_memory_is_said_before_loading(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from composer.models.xcomposer import devices

    monkeypatch.setattr(devices, "_free_memory", lambda cards: [1000])
    with pytest.raises(OutOfMemory, match="the CPU"):
        XComposer.from_folder(tiny_folder, num_gpus=0)


def test_running_full_while_loading_is_a_sentence(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> None:
        raise torch.OutOfMemoryError("no room")

    monkeypatch.setattr(Placement, "tensor_setter", lambda self, network: full)
    with pytest.raises(OutOfMemory, match="The plan: "):
        XComposer.from_folder(tiny_folder, num_gpus=0)


def test_as_few_cards_as_hold_it(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from composer.models.xcomposer import devices
    from composer.models.xcomposer.checkpoint.config import XComposerConfig

    folder = published / "internlm-xcomposer"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(devices, "_free_memory", lambda cards: [14 * GIB] * max(cards, 1))
    made = Placement.for_machine(
        folder, XComposerConfig.read(folder), num_gpus=None, dtype=None, quantization=None, offload=False
    )
    assert len(made.plan.cards) == 2
    assert made.devices == ("cuda:0", "cuda:1")
    assert made.dtype == torch.float16
    assert made.device_of("language.model.layers.31.mlp.up_proj.weight") == torch.device("cuda", 1)
    assert not made.can_capture
    monkeypatch.setattr(devices, "_free_memory", lambda cards: [19 * GIB] * max(cards, 1))
    one = Placement.for_machine(
        folder, XComposerConfig.read(folder), num_gpus=1, dtype=None, quantization=None, offload=False
    )
    assert one.plan.rows == 2  # room for fewer beams is still room
    assert one.can_capture
    monkeypatch.setattr(devices, "_free_memory", lambda cards: [14 * GIB] * max(cards, 1))
    with pytest.raises(OutOfMemory):
        Placement.for_machine(
            folder, XComposerConfig.read(folder), num_gpus=1, dtype=None, quantization=None, offload=False
        )


def test_the_map_covers_every_part_of_the_network(tiny_folder: Path) -> None:
    from accelerate.utils import check_device_map

    from composer.models.xcomposer.checkpoint.config import XComposerConfig
    from composer.models.xcomposer.network.language import set_rotary

    config = XComposerConfig.read(tiny_folder)
    with torch.device("meta"):
        network = XComposer(config)
    set_rotary(network.language, config, "shipped", torch.device("cpu"))
    made = plan(tiny_folder, num_gpus=2)
    check_device_map(network, {**made.device_map, "language.model.rotary_emb": 0})
    with pytest.raises(ValueError, match="lm_head"):
        check_device_map(network, {place: 0 for place in made.device_map if "lm_head" not in place})


def test_the_hooks_between_devices_change_nothing(tiny_folder: Path) -> None:
    from composer.models.xcomposer.decoding.generation import GenerationOptions, generate
    from composer.models.xcomposer.devices import dispatch

    network = XComposer.from_folder(tiny_folder, num_gpus=0)
    pixels = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    seen = network.encode_pictures(pixels)
    prompts = [network.engine.prompt([[20, 21, 22], seen[0], [23]]), network.engine.prompt([[30, 31]])]
    choices = [GenerationOptions(max_new_tokens=6, num_beams=beams) for beams in (1, 3)]
    expected = [generate(network.engine, prompts, choice) for choice in choices]
    # every part is fetched from main memory for each pass: the same hooks as between cards
    dispatch(network, dict.fromkeys(plan(tiny_folder, num_gpus=2).device_map, "cpu"))
    assert hasattr(network.language.model.layers[0], "_hf_hook")
    assert torch.equal(network.encode_pictures(pixels), seen)
    assert [generate(network.engine, prompts, choice) for choice in choices] == expected


def test_the_command_prints_the_map_and_the_memory(published: Path, tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(plan_command)
    run = CliRunner()
    folder = str(published / "internlm-xcomposer")
    shown = run.invoke(app, ["--folder", folder, "--num_gpus", "2", "--memory", "24GiB"])
    assert shown.exit_code == 0
    assert "GPU 0: weights" in shown.output
    assert "language.model.layers.0-13" in shown.output
    assert "of 24.00 GiB" in shown.output
    small = run.invoke(app, ["--folder", folder, "--memory", "8GiB"])
    assert small.exit_code == 1
    assert "4 bits" in small.output
    assert run.invoke(app, ["--folder", str(tmp_path)]).exit_code == 2
    assert placement.show_bytes(3 * 2**20) == "3.0 MiB"
