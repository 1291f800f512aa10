"""Linears packed in 4 bits by GPTQ: unpacking, the plain product, and when the fused one is used on CUDA.

Packing (auto-gptq's first format): eight nibbles in each 32-bit word, lowest bits first. `qweight` packs eight
consecutive inputs; `qzeros` packs eight consecutive outputs and stores zero - 1.
weight[out, in] = scale[group, out] * (q - zero).
"""

import logging
from functools import cache

import torch
from torch import nn

from composer.models.xcomposer.checkpoint import ATTENTION_LINEARS, MLP_LINEARS, XComposerConfig

log = logging.getLogger(__name__)

FUSED_ROWS = 16  # up to so many rows, reading the weights limits the product; for more, unpacking first is faster
FUSED_GROUP = 128  # the fused product takes groups that are multiples of this, the published size


def unpack(words: torch.Tensor, dim: int) -> torch.Tensor:
    """The nibbles of int32 `words` [r, c] as uint8; `dim` (0 or 1) becomes eight times as long."""
    shifts = torch.arange(0, 32, 4, dtype=torch.int32, device=words.device)
    # an arithmetic shift fills the top with the sign; the mask keeps the four bits only
    shifts = shifts[None, :, None] if dim == 0 else shifts[None, None, :]
    nibbles = (words.unsqueeze(dim + 1) >> shifts) & 15
    rows, columns = words.shape
    return nibbles.reshape((rows * 8, columns) if dim == 0 else (rows, columns * 8)).to(torch.uint8)


def dequantize(qweight: torch.Tensor, qzeros: torch.Tensor, scales: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """The weight [out, in] in `dtype`. qweight [in/8, out], qzeros [groups, out/8], scales [groups, out]."""
    groups, outputs = scales.shape
    values = unpack(qweight, 0).to(dtype).view(groups, -1, outputs)  # [groups, inputs a group, out]
    zeros = (unpack(qzeros, 1) + 1).to(dtype)  # 16 is possible, so this is not masked to four bits
    values.sub_(zeros[:, None]).mul_(scales.to(dtype)[:, None])
    return values.view(-1, outputs).t()


@torch.library.custom_op("xcomposer::packed_product", mutates_args=(), device_types="cuda")
def packed_product(
    x: torch.Tensor, qweight: torch.Tensor, qzeros: torch.Tensor, scales: torch.Tensor, bias: torch.Tensor | None
) -> torch.Tensor:
    """kernels.product as one operation that torch.compile does not look into."""
    from composer.models.xcomposer.network.kernels import product

    with torch.cuda.device(x.device):  # Triton launches on the current card, which need not be that of x
        return product(x, qweight, qzeros, scales, bias)


@packed_product.register_fake
def _shape(
    x: torch.Tensor, qweight: torch.Tensor, qzeros: torch.Tensor, scales: torch.Tensor, bias: torch.Tensor | None
) -> torch.Tensor:
    return x.new_empty(x.shape[0], qweight.shape[1])


@cache
def fused_works() -> bool:
    """Whether the fused product works here. It is tried once, as Triton compiles it with the tools of this machine."""
    try:
        zeros = torch.zeros(16, 8, dtype=torch.int32, device="cuda")
        scales = torch.zeros(1, 8, dtype=torch.float16, device="cuda")
        packed_product(scales.new_zeros(1, 128), zeros, zeros[:1, :1].contiguous(), scales, None)
    except Exception as error:  # noqa: BLE001  (whatever Triton and its compilers raise; the plain product remains)
        log.warning(
            "4-bit weights are unpacked before every product, which is slower: Triton cannot compile here (%s). "
            "It comes with PyTorch for CUDA on Linux and needs a C compiler and Python's headers.",
            str(error).splitlines()[0] if str(error) else type(error).__name__,
        )
        return False
    return True


class PackedLinear(nn.Module):
    """A linear whose weight stays packed; it replaces an nn.Linear of the Llama decoder."""

    qweight: torch.Tensor
    qzeros: torch.Tensor
    scales: torch.Tensor
    g_idx: torch.Tensor
    bias: torch.Tensor | None

    def __init__(self, inputs: int, outputs: int, group: int, bias: bool) -> None:
        super().__init__()
        self.in_features, self.out_features, self.group = inputs, outputs, group
        self.fused = False  # whether the fused product is used for few rows; set once the weights are loaded
        groups = -(-inputs // group)
        self.register_buffer("qweight", torch.empty(inputs // 8, outputs, dtype=torch.int32))
        self.register_buffer("qzeros", torch.empty(groups, outputs // 8, dtype=torch.int32))
        self.register_buffer("scales", torch.empty(groups, outputs))
        self.register_buffer("g_idx", torch.arange(inputs, dtype=torch.int32) // group)
        self.register_buffer("bias", torch.empty(outputs) if bias else None)

    def weight_in(self, dtype: torch.dtype) -> torch.Tensor:
        """The unpacked weight [out, in]."""
        return dequantize(self.qweight, self.qzeros, self.scales, dtype)

    @property
    def in_order(self) -> bool:
        """Whether input k belongs to group k // size, which both products rely on."""
        return torch.equal(self.g_idx.cpu(), torch.arange(self.in_features, dtype=torch.int32) // self.group)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[..., in] -> [..., out]"""
        if self.fused and x.numel() <= FUSED_ROWS * self.in_features:
            rows = x.reshape(-1, self.in_features)
            product: torch.Tensor = packed_product(rows, self.qweight, self.qzeros, self.scales, self.bias)
            return product.view(*x.shape[:-1], self.out_features)
        return nn.functional.linear(x, self.weight_in(x.dtype), self.bias)


def pack_decoder(language: nn.Module, config: XComposerConfig) -> None:
    """Replaces the seven linears of every decoder layer by empty PackedLinears."""
    if config.gptq is None:
        raise ValueError("the configuration names no 4-bit packing")
    for i in range(config.layers):
        for linear in ATTENTION_LINEARS + MLP_LINEARS:
            outputs, inputs = config.linear_shape(linear)
            bias = linear in ATTENTION_LINEARS and config.attention_bias
            language.set_submodule(f"model.layers.{i}.{linear}", PackedLinear(inputs, outputs, config.gptq.group, bias))
