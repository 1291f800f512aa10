"""Puts the parts of the network on their devices, by the plan of composer.models.placement.

Weights go straight to their card. Several cards are joined by accelerate's hooks, which move what passes between them.
"""

import contextlib
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from composer.errors import ModelFilesBroken, SettingsError
from composer.models.cards import too_few
from composer.models.placement import GIB, Plan, out_of_memory, plan, too_small
from composer.models.xcomposer.config import XComposerConfig
from composer.models.xcomposer.gptq import FUSED_GROUP, PackedLinear, fused_works, pack_decoder
from composer.models.xcomposer.names import decoder_linears
from composer.models.xcomposer.weights import Put, assign

HEADROOM = GIB // 4  # of main memory left to the rest of the machine


@dataclass(frozen=True)
class Placing:
    """A plan made true on this machine."""

    plan: Plan
    config: XComposerConfig
    folder: Path
    dtype: torch.dtype

    @classmethod
    def of(
        cls,
        folder: str | Path,
        config: XComposerConfig,
        *,
        num_gpus: int | None,
        dtype: torch.dtype | str | None,
        quantization: str | None,
        offload: bool,
        beams: int = 5,
        name: str | None = None,
    ) -> "Placing":
        """The plan for the cards of this machine. Raises SettingsError for cards that are not there, OutOfMemory."""
        cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if num_gpus is not None and num_gpus > cards:
            raise too_few(num_gpus, cards)
        on_gpu = num_gpus != 0 and cards > 0
        kind = str(dtype or ("float16" if on_gpu else "float32")).removeprefix("torch.")
        if quantization == "nf4":
            _needs_bitsandbytes()
        free = _free(cards if on_gpu else 0)
        # without a number: as few cards as hold it
        counts = [num_gpus] if num_gpus is not None else list(range(1, cards + 1)) or [0]
        made = None
        # room for five beams over a whole context if there is that much; answers that need less still run with less
        for rows in range(beams if on_gpu else 1, 0, -1):
            for count in counts:
                made = plan(
                    folder,
                    num_gpus=count,
                    memory=free,
                    dtype=kind,
                    quantization=quantization,
                    offload=offload and count == counts[-1],
                    beams=rows,
                )
                made = replace(made, name=name or made.name)
                if made.fits:
                    return cls(made, config, Path(folder), getattr(torch, kind))
        assert made is not None  # neither range is empty
        raise too_small(made)

    @property
    def first(self) -> torch.device:
        """Where token ids go in."""
        return self.device_of("language.model.embed_tokens.weight")

    @property
    def devices(self) -> tuple[str, ...]:
        return tuple(str(_device(device)) for device in dict.fromkeys(self.plan.device_map.values()))

    @property
    def captures(self) -> bool:
        """Whether decoding steps can be captured: everything on one CUDA card."""
        return len(self.devices) == 1 and self.first.type == "cuda"

    def device_of(self, name: str) -> torch.device:
        """The device of a parameter or buffer."""
        place = name
        while place not in self.plan.device_map:
            place = place.rpartition(".")[0]
        return _device(self.plan.device_map[place])

    def prepare(self, network: Any) -> None:
        """Exchanges the decoder's linears for packed ones where the plan says so; `network` is on the meta device."""
        with torch.device("meta"):
            if self.config.gptq:
                pack_decoder(network.language, self.config)
            elif self.plan.quantization == "nf4":
                for name in decoder_linears(self.config):
                    network.language.set_submodule(name, self._nf4(network.language.get_submodule(name)))

    def _nf4(self, linear: Any) -> nn.Module:
        from bitsandbytes.nn import Linear4bit

        packed: nn.Module = Linear4bit(
            linear.in_features,
            linear.out_features,
            bias=linear.bias is not None,
            compute_dtype=self.dtype,
            compress_statistics=True,
            quant_type="nf4",
        )
        return packed

    def put(self, network: nn.Module) -> Put:
        """How a finished tensor gets into the network."""
        if self.plan.quantization != "nf4":
            return lambda name, tensor: assign(network, name, tensor)
        from bitsandbytes.nn import Params4bit

        packed = {f"language.{name}.weight" for name in decoder_linears(self.config)}

        def put(name: str, tensor: torch.Tensor) -> None:
            if name not in packed:
                assign(network, name, tensor)
                return
            linear: Any = network.get_submodule(name.removesuffix(".weight"))
            weight = Params4bit(tensor, requires_grad=False, compress_statistics=True, quant_type="nf4", module=linear)
            linear.weight = weight.to(self.device_of(name))

        return put

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Turns running out of memory into a sentence with the plan; what was allocated for the call is given back."""
        try:
            yield
        except torch.OutOfMemoryError as error:
            traceback.clear_frames(error.__traceback__)  # an error that is kept would keep their tensors
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            raise memory_sentence(self.plan) from error

    def connect(self, network: Any) -> None:
        """Checks packed weights, chooses their product, and joins several devices."""
        for module in network.language.modules():
            if not isinstance(module, PackedLinear):
                continue
            if not module.in_order:
                raise ModelFilesBroken(
                    path=str(self.folder),
                    reason_en="its 4-bit groups are not in order (g_idx), though quantize_config.json says so",
                    reason_zh="其 4 位分组未按顺序排列（g_idx），与 quantize_config.json 不符",
                )
            module.fused = module.qweight.is_cuda and module.group % FUSED_GROUP == 0 and fused_works()
        if len(self.devices) > 1:
            join(network, self.plan.device_map)


def join(network: Any, device_map: dict[str, int | str]) -> None:
    """Lets what passes between parts on different devices follow; keys and values stay with their layer."""
    from accelerate import dispatch_model  # type: ignore[import-untyped]  # ships no types

    devices = {place: str(_device(device)) for place, device in device_map.items()}
    devices["language.model.rotary_emb"] = devices["language.model.embed_tokens"]
    dispatch_model(
        network,
        devices,
        main_device=next((device for device in devices.values() if device != "cpu"), "cpu"),
        skip_keys=["past_key_values"],
        force_hooks=True,
    )


def _device(device: int | str) -> torch.device:
    return torch.device("cpu") if device == "cpu" else torch.device("cuda", int(device))


def memory_sentence(made: Plan) -> Exception:
    """The error for a device that ran full: the plan, and what is free now."""
    if made.cards[0].device == "cpu":
        return out_of_memory(made, "the CPU", made.cards[0].total, _free(0)[0])
    frees = _free(len([card for card in made.cards if card.device != "cpu"]))
    tight = min(range(len(frees)), key=lambda number: frees[number])
    return out_of_memory(made, f"GPU {tight}", made.cards[tight].total, frees[tight])


def _free(cards: int) -> list[int]:
    """Free bytes of the first `cards` cards, or of main memory for 0."""
    if cards:
        return [torch.cuda.mem_get_info(number)[0] for number in range(cards)]
    import psutil

    return [max(0, psutil.virtual_memory().available - HEADROOM)]


def _needs_bitsandbytes() -> None:
    import importlib.util

    if "bitsandbytes" not in sys.modules and importlib.util.find_spec("bitsandbytes") is None:
        raise SettingsError(
            name="quantization",
            value="nf4",
            reason_en="it needs the package bitsandbytes: pip install bitsandbytes. "
            "Or take the folder of internlm/internlm-xcomposer-7b-4bit, which needs nothing more.",
            reason_zh="需要安装 bitsandbytes：pip install bitsandbytes。或使用 internlm/internlm-xcomposer-7b-4bit。",
        )
