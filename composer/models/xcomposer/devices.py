"""Puts the parts of the network on the devices that a plan of composer.models.xcomposer.placement gives them.

Weights go straight to their card. Between several cards, accelerate's hooks move the activations.
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

from common.messages import _
from composer.errors import ModelFilesBroken, SettingsError
from composer.models.cards import too_few_cards
from composer.models.xcomposer.checkpoint import PutTensor, XComposerConfig, assign, decoder_linears
from composer.models.xcomposer.network import FUSED_GROUP, PackedLinear, fused_works, pack_decoder
from composer.models.xcomposer.placement import GIB, Plan, does_not_fit, out_of_memory, plan

HEADROOM = GIB // 4  # of main memory left to the rest of the machine


@dataclass(frozen=True)
class Placement:
    """A plan for this machine's devices, and how the network is put there."""

    plan: Plan
    config: XComposerConfig
    folder: Path
    dtype: torch.dtype

    @classmethod
    def for_machine(
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
    ) -> "Placement":
        """Plans for the cards of this machine. Raises SettingsError for cards that are not there, OutOfMemory."""
        cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if num_gpus is not None and num_gpus > cards:
            raise too_few_cards(num_gpus, cards)
        on_gpu = num_gpus != 0 and cards > 0
        kind = str(dtype or ("float16" if on_gpu else "float32")).removeprefix("torch.")
        if quantization == "nf4":
            _require_bitsandbytes()
        free = _free_memory(cards if on_gpu else 0)
        # without a number: as few cards as can hold the model
        counts = [num_gpus] if num_gpus is not None else list(range(1, cards + 1)) or [0]
        planned = None
        # five beams over a whole context if there is room for them, else fewer: most answers need less
        for rows in range(beams if on_gpu else 1, 0, -1):
            for count in counts:
                planned = plan(
                    folder,
                    num_gpus=count,
                    memory=free,
                    dtype=kind,
                    quantization=quantization,
                    offload=offload and count == counts[-1],
                    beams=rows,
                )
                planned = replace(planned, name=name or planned.name)
                if planned.fits:
                    return cls(planned, config, Path(folder), getattr(torch, kind))
        assert planned is not None  # neither range is empty
        raise does_not_fit(planned)

    @property
    def input_device(self) -> torch.device:
        """The device of the token embeddings."""
        return self.device_of("language.model.embed_tokens.weight")

    @property
    def devices(self) -> tuple[str, ...]:
        """Names of the devices in use, e.g. ("cuda:0", "cuda:1")."""
        return tuple(str(_torch_device(device)) for device in dict.fromkeys(self.plan.device_map.values()))

    @property
    def can_capture(self) -> bool:
        """Whether decoding steps can be captured, which needs everything on one CUDA card."""
        return len(self.devices) == 1 and self.input_device.type == "cuda"

    def device_of(self, name: str) -> torch.device:
        """The device of a parameter or buffer."""
        module = name
        while module not in self.plan.device_map:
            module = module.rpartition(".")[0]
        return _torch_device(self.plan.device_map[module])

    def replace_linears(self, network: Any) -> None:
        """Replaces the decoder's linears by packed ones where the plan says so; `network` is on the meta device."""
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

    def tensor_setter(self, network: nn.Module) -> PutTensor:
        """The function that sets a finished tensor in the network, which is where nf4 packs it."""
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
    def readable_memory_errors(self) -> Iterator[None]:
        """Turns running out of memory into an error with the plan; what the call had allocated is freed."""
        try:
            yield
        except torch.OutOfMemoryError as error:
            traceback.clear_frames(error.__traceback__)  # who keeps the error must not keep their tensors
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            raise ran_out_of_memory(self.plan) from error

    def connect(self, network: Any) -> None:
        """Once the weights are loaded: checks packed ones, chooses their product, and connects several devices."""
        for module in network.language.modules():
            if not isinstance(module, PackedLinear):
                continue
            if not module.in_order:
                raise ModelFilesBroken(
                    path=str(self.folder),
                    reason=_("its 4-bit groups are not in order (g_idx), though quantize_config.json says so"),
                )
            module.fused = module.qweight.is_cuda and module.group % FUSED_GROUP == 0 and fused_works()
        if len(self.devices) > 1:
            dispatch(network, self.plan.device_map)


def dispatch(network: Any, device_map: dict[str, int | str]) -> None:
    """Adds hooks that move activations between devices; keys and values stay on their layer's device."""
    from accelerate import dispatch_model  # type: ignore[import-untyped]  # ships no types

    devices = {module: str(_torch_device(device)) for module, device in device_map.items()}
    devices["language.model.rotary_emb"] = devices["language.model.embed_tokens"]
    dispatch_model(
        network,
        devices,
        main_device=next((device for device in devices.values() if device != "cpu"), "cpu"),
        skip_keys=["past_key_values"],
        force_hooks=True,
    )


def _torch_device(device: int | str) -> torch.device:
    return torch.device("cpu") if device == "cpu" else torch.device("cuda", int(device))


def ran_out_of_memory(planned: Plan) -> Exception:
    """The error for a device whose memory ran out: the plan, and what is free now."""
    if planned.cards[0].device == "cpu":
        return out_of_memory(planned, "the CPU", planned.cards[0].total, _free_memory(0)[0])
    frees = _free_memory(len([card for card in planned.cards if card.device != "cpu"]))
    tight = min(range(len(frees)), key=lambda number: frees[number])
    return out_of_memory(planned, f"GPU {tight}", planned.cards[tight].total, frees[tight])


def _free_memory(cards: int) -> list[int]:
    """Free bytes of the first `cards` cards, or of main memory for 0."""
    if cards:
        return [torch.cuda.mem_get_info(number)[0] for number in range(cards)]
    import psutil

    return [max(0, psutil.virtual_memory().available - HEADROOM)]


def _require_bitsandbytes() -> None:
    import importlib.util

    if "bitsandbytes" not in sys.modules and importlib.util.find_spec("bitsandbytes") is None:
        raise SettingsError(
            name="quantization",
            value="nf4",
            reason=_(
                "it needs the package bitsandbytes: pip install bitsandbytes. Or take the folder of "
                "internlm/internlm-xcomposer-7b-4bit, which needs nothing more."
            ),
        )
