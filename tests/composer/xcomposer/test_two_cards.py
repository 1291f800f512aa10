"""Streaming the weights to two cards, without cards: the plan, the loader and the files are real, the devices are not.

One "card" is the meta device, which takes a tensor's shape and drops its bytes, the other one the CPU or meta too.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from composer.errors import SettingsError
from composer.models.xcomposer import XComposer, devices
from composer.models.xcomposer.checkpoint.config import XComposerConfig
from composer.models.xcomposer.checkpoint.weights import load_weights
from composer.models.xcomposer.devices import Placement
from composer.models.xcomposer.placement import GIB
from tests.composer.xcomposer.tiny import write_folder

ROOT = Path(__file__).parents[3]


@pytest.fixture
def two_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(devices, "_free_memory", lambda cards: [GIB] * max(cards, 1))
    monkeypatch.setattr(devices, "_torch_device", lambda device: torch.device("meta" if device == 1 else "cpu"))


@pytest.mark.usefixtures("two_cards")
@pytest.mark.parametrize("scattered", [False, True])
def test_every_tensor_goes_to_its_card_and_nowhere_else(tmp_path: Path, tokenizer_file: Path, scattered: bool) -> None:
    folder = write_folder(tmp_path / "x", tokenizer_file, shards=4, scattered=scattered, num_hidden_layers=6)
    config = XComposerConfig.read(folder)
    made = Placement.for_machine(folder, config, num_gpus=2, dtype="float32", quantization=None, offload=False)
    with torch.device("meta"):
        network = XComposer(config)
    arrived: list[tuple[str, torch.device]] = []
    put = made.tensor_setter(network)

    def seen(name: str, tensor: torch.Tensor) -> None:
        arrived.append((name, tensor.device))
        put(name, tensor)

    load_weights(network, config, folder, device_of=made.device_of, dtype=made.dtype, put=seen)
    cards = {0: "cpu", 1: "meta"}
    wanted = {
        name: next(
            cards[int(card)] for place, card in made.plan.device_map.items() if f"{name}.".startswith(f"{place}.")
        )
        for name, _ in network.named_parameters()
    }
    assert {name: device.type for name, device in arrived} == wanted
    assert len(arrived) == len(wanted)  # each once
    # both cards have a share, the layers are whole, and the order is that of computation
    layers = [wanted[f"language.model.layers.{i}.mlp.up_proj.weight"] for i in range(6)]
    assert layers == sorted(layers)  # "cpu" < "meta"
    assert {wanted["language.model.embed_tokens.weight"], wanted["language.lm_head.weight"]} == {"cpu", "meta"}
    for i in range(6):
        assert len({device for name, device in wanted.items() if f".layers.{i}." in name and "language" in name}) == 1
    # what has arrived on the card with memory is what one card alone would have
    alone = dict(XComposer.from_folder(folder, num_gpus=0, dtype="float32").named_parameters())
    on_first = {name: value for name, value in network.named_parameters() if wanted[name] == "cpu"}
    assert on_first
    assert all(torch.equal(value, alone[name]) for name, value in on_first.items())


@pytest.mark.usefixtures("two_cards")
def test_the_cards_are_joined_where_they_meet(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    joined: list[dict[str, int | str]] = []
    monkeypatch.setattr(devices, "dispatch", lambda network, device_map: joined.append(device_map))
    network = XComposer.from_folder(tiny_folder, num_gpus=2)
    assert network.placement.devices == ("cpu", "meta")
    assert joined == [network.placement.plan.device_map]
    assert network.language.model.rotary_emb.cos.device.type == "cpu"  # with the embeddings
    assert network.engine.device.type == "cpu"
    assert network.engine.fast is None  # steps over two cards cannot be captured


MEASURE = """
import json, sys, threading
import psutil, torch
from composer.models.xcomposer import XComposer, devices
from composer.models.xcomposer.checkpoint.config import XComposerConfig
from composer.models.xcomposer.devices import Placement
from composer.models.xcomposer.checkpoint.weights import load_weights
folder = sys.argv[1]
torch.cuda.is_available = lambda: True
torch.cuda.device_count = lambda: 2
devices._free_memory = lambda cards: [2**30] * 2
devices._torch_device = lambda device: torch.device("meta")
config = XComposerConfig.read(folder)
made = Placement.for_machine(folder, config, num_gpus=2, dtype="float16", quantization=None, offload=False)
with torch.device("meta"):
    network = XComposer(config)
process, highest, finished = psutil.Process(), 0, threading.Event()
def watch():
    global highest
    while not finished.wait(0.001):
        highest = max(highest, process.memory_info().rss)
before = process.memory_info().rss
watcher = threading.Thread(target=watch)
watcher.start()
load_weights(network, config, folder, device_of=made.device_of, dtype=made.dtype, put=made.tensor_setter(network))
finished.set()
watcher.join()
print(json.dumps(highest - before))
"""


def test_the_host_holds_no_more_than_a_shard_on_the_way(tmp_path: Path, tokenizer_file: Path) -> None:
    folder = write_folder(
        tmp_path / "x",
        tokenizer_file,
        shards=4,
        torch_files=True,
        scattered=False,
        hidden_size=1024,
        intermediate_size=2752,
        num_hidden_layers=12,
        num_attention_heads=16,
    )
    largest = max(path.stat().st_size for path in folder.glob("*.bin"))
    assert largest > 60e6  # large against what an interpreter needs for itself
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(folder)], capture_output=True, text=True, cwd=ROOT, timeout=120, check=True
    )
    assert json.loads(done.stdout) <= 1.3 * largest


def test_two_cards_where_there_is_none_are_refused(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SettingsError) as caught:
        XComposer.from_folder(tiny_folder, num_gpus=2)
    assert caught.value.text("en").endswith("this machine has 0 usable GPUs. Use --num_gpus 0 for the CPU.")
    assert caught.value.text("zh").endswith("本机可用显卡为 0 块。用 CPU 请填 0。")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(SettingsError, match=r"this machine has 1 usable GPU\. Ask for at most 1"):
        XComposer.from_folder(tiny_folder, num_gpus=2)
