"""InternLM-XComposer with random weights of the true sizes, for speed and memory; nothing is read but the clock.

--size 7b (needs a GPU with 24 GB) or --size tiny (seconds on any machine: shows that the benchmark runs)
"""

import argparse
import json
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from composer.models.xcomposer import XComposer, XComposerModel
from composer.models.xcomposer.checkpoint import XComposerConfig, XComposerTokenizer, assign, weight_mappings
from composer.models.xcomposer.decoding import GraphSteps
from composer.models.xcomposer.devices import Placement
from composer.models.xcomposer.network import set_rotary
from tests.composer.xcomposer.tiny import PUBLISHED, config_values, train_tokenizer

ROOT = Path(__file__).resolve().parents[1]  # of the checkout, where the modules are found


def arguments(description: str, *, size: str | None = None, **more: dict[str, Any]) -> argparse.Namespace:
    """--size, --dtype, --gptq, --compile and what the benchmark adds."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--size", choices=("7b", "tiny"), default=size or ("7b" if torch.cuda.is_available() else "tiny")
    )
    parser.add_argument("--dtype", choices=("float16", "bfloat16", "float32"), default="float16")
    parser.add_argument("--gptq", action="store_true", help="4-bit weights in the published packing")
    parser.add_argument("--compile", action="store_true", help="fuse small operations with torch.compile")
    for name, options in more.items():
        parser.add_argument(f"--{name}", **options)
    return parser.parse_args()


def random_model(options: argparse.Namespace, *, num_gpus: int = 1, **sizes: Any) -> XComposerModel:
    """The model on the first cards, or on the CPU where there is none or `num_gpus` is 0 (in float32). sizes: entries
    of config.json to change."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        tokenizer = XComposerTokenizer(train_tokenizer(folder))
        values = PUBLISHED if options.size == "7b" else config_values(len(tokenizer))
        (folder / "config.json").write_text(json.dumps({**values, **sizes, "internlm_lora": None}), "utf-8")
        if options.gptq:
            packing = {"bits": 4, "group_size": 128 if options.size == "7b" else 16, "desc_act": False}
            (folder / "quantize_config.json").write_text(json.dumps(packing), "utf-8")
        config = XComposerConfig.read(folder)
        on_gpu = torch.cuda.is_available() and num_gpus > 0
        placement = Placement.for_machine(
            folder,
            config,
            num_gpus=num_gpus if on_gpu else 0,
            dtype=getattr(torch, options.dtype) if on_gpu else torch.float32,
            quantization=None,
            offload=False,
            name=f"random {options.size}",
        )
    with torch.device("meta"):
        network = XComposer(config, tokenizer)
    placement.replace_linears(network)
    fill(network, config, placement)
    set_rotary(network.language, config, "shipped", placement.input_device)
    placement.connect(network)
    network.placement = placement
    if placement.can_capture:
        network.engine.fast = GraphSteps(network.engine, compiled=options.compile)
    return XComposerModel(network.eval(), f"random {options.size}")


def fill(network: XComposer, config: XComposerConfig, placement: Placement) -> None:
    """Random values of the scale of trained ones for every parameter."""
    for mapping in weight_mappings(config):
        name = mapping.target
        owner = network.get_submodule(name.rpartition(".")[0])
        like = getattr(owner, name.rpartition(".")[2])
        if like is None:  # a bias that only some packers write
            continue
        device = placement.device_of(name)
        if name.endswith(".g_idx"):
            value = torch.arange(like.shape[0], dtype=torch.int32, device=device) // owner.group
        elif mapping.integer:
            value = torch.randint(-(2**31), 2**31 - 1, like.shape, dtype=torch.int32, device=device)
        else:
            one = "norm" in name.lower() and name.endswith("weight")
            value = torch.empty(like.shape, dtype=placement.dtype, device=device).normal_(1.0 if one else 0.0, 0.02)
            value = value.abs_().mul_(0.01) if name.endswith(".scales") else value
        assign(network, name, value)


def synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def seconds(work: Any, repeat: int = 1) -> float:
    """Seconds of one call of `work`, the mean of `repeat` after one that is not counted."""
    work()
    synchronize()
    started = time.perf_counter()
    for _ in range(repeat):
        work()
    synchronize()
    return (time.perf_counter() - started) / repeat


def copy_bandwidth() -> float:
    """Bytes a second that a large copy reads and writes on the device."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    count = 2**30 if device == "cuda" else 2**26
    source, target = (torch.empty(count, dtype=torch.uint8, device=device) for _ in range(2))
    return 2 * count / seconds(lambda: target.copy_(source), repeat=20)


def weights_read(model: XComposerModel) -> int:
    """Bytes of weights that one decoding step reads: all of the decoder, but one row of the embedding."""
    language = model.network.language
    embedding = language.model.embed_tokens.weight
    read = sum(t.numel() * t.element_size() for t in (*language.parameters(), *language.buffers()))
    return int(read - embedding.numel() * embedding.element_size())


def machine() -> str:
    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name(0)}, torch {torch.__version__}"
    return f"CPU {platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}"
