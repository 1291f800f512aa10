"""The product with a weight packed in 4 bits, unpacked on the way: one Triton kernel, for few rows.

A row of decoding reads every weight once, so the time is that of reading: packed, a quarter of it. The arithmetic is
that of gptq.dequantize followed by a matrix product with float32 sums. Imported only on CUDA (or Triton's interpreter).
"""

from typing import Any

import torch
import triton  # type: ignore[import-not-found, unused-ignore]  # comes with CUDA builds of torch only
import triton.language as tl  # type: ignore[import-not-found, unused-ignore]  # see above

ROWS = 16  # the smallest tile of a tensor core; fewer rows are padded by masking
COLUMNS = 64
PROGRAMS = 264  # about two a multiprocessor on the largest cards: enough loads in flight


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]  # Triton has no types
def _kernel(  # type: ignore[no-untyped-def]  # the arguments are Triton's
    x, qweight, qzeros, scales, out, rows, inputs, outputs, steps,
    group_size: tl.constexpr, tile_depth: tl.constexpr, tile_rows: tl.constexpr, tile_columns: tl.constexpr,
):  # fmt: skip
    """out[split, row, column] = sum over this split's inputs of x * weight. One program: some columns, one split."""
    columns = tl.program_id(0) * tile_columns + tl.arange(0, tile_columns)
    split = tl.program_id(1)
    row = tl.arange(0, tile_rows)
    depth = tl.arange(0, tile_depth)
    inside = columns < outputs
    total = tl.zeros((tile_rows, tile_columns), dtype=tl.float32)
    for step in range(steps):
        first = (split * steps + step) * tile_depth
        k = first + depth
        there = k < inputs
        words = tl.load(
            qweight + (k // 8)[:, None] * outputs + columns[None, :], mask=there[:, None] & inside[None, :], other=0
        )
        values = (words >> ((k % 8) * 4)[:, None]) & 15  # (tile_depth, tile_columns)
        group = tl.minimum(first, inputs - 1) // group_size  # past the end x is 0, whatever the weight
        packed = tl.load(qzeros + group * (outputs // 8) + columns // 8, mask=inside, other=0)
        zeros = ((packed >> ((columns % 8) * 4)) & 15) + 1
        scale = tl.load(scales + group * outputs + columns, mask=inside, other=0.0)
        tile = tl.load(x + row[:, None] * inputs + k[None, :], mask=(row < rows)[:, None] & there[None, :], other=0.0)
        weight = (values - zeros[None, :]).to(tile.dtype) * scale.to(tile.dtype)[None, :]
        total += tl.dot(tile, weight, input_precision="ieee")
    where = out + split * rows * outputs + row[:, None] * outputs + columns[None, :]
    tl.store(where, total, mask=(row < rows)[:, None] & inside[None, :])


def packed_matmul(
    x: torch.Tensor, qweight: torch.Tensor, qzeros: torch.Tensor, scales: torch.Tensor, bias: torch.Tensor | None
) -> Any:
    """x [rows <= 16, in] times the packed weight -> [rows, out], plus bias. Shapes as in gptq.PackedLinear."""
    rows, inputs = x.shape
    outputs = qweight.shape[1]
    group = inputs // scales.shape[0]
    depth = next(size for size in (128, 64, 32, 16, 8) if group % size == 0)
    if depth < 16 or rows > ROWS:
        raise ValueError(f"{rows} rows and groups of {group} do not fit the tile")
    blocks, tiles = triton.cdiv(outputs, COLUMNS), inputs // depth
    # the inputs are split so that narrow layers too fill the card; partial sums are added in a fixed order
    splits = max(1, min(tiles, PROGRAMS // blocks))
    steps = triton.cdiv(tiles, splits)
    splits = triton.cdiv(tiles, steps)
    partial = torch.empty(splits, rows, outputs, dtype=torch.float32, device=x.device)
    _kernel[(blocks, splits)](
        x.contiguous(), qweight, qzeros, scales, partial, rows, inputs, outputs, steps,
        group_size=group, tile_depth=depth, tile_rows=ROWS, tile_columns=COLUMNS,
    )  # fmt: skip
    product = partial.sum(0)
    return (product if bias is None else product + bias).to(x.dtype)
