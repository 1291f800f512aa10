"""The fused product of few rows with a weight packed in 4 bits, which is unpacked on the fly: two Triton kernels.

A decoding step reads every weight once, and that takes the time; packed weights take a quarter of it. Each packed word
is read once, and its eight nibbles are multiplied by the eight inputs that they belong to. The arithmetic is that of
gptq.dequantize and a matrix product, with float32 sums. Imported only on CUDA (or with Triton's interpreter).
"""

import torch
import triton  # type: ignore[import-not-found, unused-ignore]  # comes with CUDA builds of torch only
import triton.language as tl  # type: ignore[import-not-found, unused-ignore]  # see above

ROWS = 16  # the smallest tile of a tensor core; fewer rows are padded by masking
DEPTH = 128  # inputs per step: 16 words, which is the least depth of a tensor core's tile for each nibble
COLUMNS = 64
# To fill the bus, bandwidth times latency must be in flight: 4.8 TB/s * 0.6 us = 2.9 MB on the largest cards. A program
# has about 4 KB * 2 in flight, so that four programs per multiprocessor are about enough.
PROGRAMS = 528
SUMMED = 1024  # values that one program of the second kernel adds up


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]  # Triton has no types
def _product(  # type: ignore[no-untyped-def]  # the arguments are Triton's
    x, qweight, qzeros, scales, partial, rows, inputs, outputs, steps,
    group_size: tl.constexpr, depth: tl.constexpr, tile_rows: tl.constexpr, tile_columns: tl.constexpr,
):  # fmt: skip
    """partial[split, row, column] = sum of x * weight over the split's inputs. One program: some columns, one split."""
    columns = tl.program_id(0) * tile_columns + tl.arange(0, tile_columns)
    split = tl.program_id(1)
    row = tl.arange(0, tile_rows)
    word = tl.arange(0, depth // 8)
    inside = columns < outputs
    total = tl.zeros((tile_rows, tile_columns), dtype=tl.float32)
    for step in range(steps):
        first = (split * steps + step) * depth
        there = first + word * 8 < inputs  # the last split may have fewer steps
        words = tl.load(
            qweight + (first // 8 + word)[:, None] * outputs + columns[None, :],
            mask=there[:, None] & inside[None, :],
            other=0,
        )  # (depth / 8, tile_columns)
        group = tl.minimum(first, inputs - 1) // group_size  # past the end x is 0, whatever the weight
        packed = tl.load(qzeros + group * (outputs // 8) + columns // 8, mask=inside, other=0)
        zeros = ((packed >> ((columns % 8) * 4)) & 15) + 1
        scale = tl.load(scales + group * outputs + columns, mask=inside, other=0.0)
        summed = tl.zeros((tile_rows, tile_columns), dtype=tl.float32)
        for nibble in tl.static_range(8):
            k = first + word * 8 + nibble
            some = (row < rows)[:, None] & there[None, :]
            part = tl.load(x + row[:, None] * inputs + k[None, :], mask=some, other=0.0)
            steps_from_zero = ((words >> (4 * nibble)) & 15) - zeros[None, :]
            summed = tl.dot(part, steps_from_zero.to(part.dtype), summed, input_precision="ieee")
        total += summed * scale.to(tl.float32)[None, :]
    where = partial + split * rows * outputs + row[:, None] * outputs + columns[None, :]
    tl.store(where, total, mask=(row < rows)[:, None] & inside[None, :])


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]  # see above
def _sum(  # type: ignore[no-untyped-def]  # see above
    partial, bias, out, count, outputs, splits: tl.constexpr, has_bias: tl.constexpr, block: tl.constexpr
):  # fmt: skip
    """out = the sum of the splits in a fixed order, plus bias. count: values in a split."""
    at = tl.program_id(0) * block + tl.arange(0, block)
    inside = at < count
    total = tl.zeros((block,), dtype=tl.float32)
    for split in tl.static_range(splits):
        total += tl.load(partial + split * count + at, mask=inside, other=0.0)
    if has_bias:
        total += tl.load(bias + at % outputs, mask=inside, other=0.0).to(tl.float32)
    tl.store(out + at, total.to(out.dtype.element_ty), mask=inside)


def product(
    x: torch.Tensor, qweight: torch.Tensor, qzeros: torch.Tensor, scales: torch.Tensor, bias: torch.Tensor | None
) -> torch.Tensor:
    """x [rows <= 16, in] times the packed weight, plus bias -> [rows, out].

    Shapes as in gptq.PackedLinear; groups of 128 inputs or a multiple of that.
    """
    rows, inputs = x.shape
    outputs = qweight.shape[1]
    group = inputs // scales.shape[0]
    if group % DEPTH or rows > ROWS:
        raise ValueError(f"{rows} rows and groups of {group} do not fit the tile")
    blocks, tiles = triton.cdiv(outputs, COLUMNS), inputs // DEPTH
    # the inputs are split so that narrow layers fill the card too
    steps = triton.cdiv(tiles, max(1, min(tiles, PROGRAMS // blocks)))
    splits = triton.cdiv(tiles, steps)
    partial = torch.empty(splits, rows, outputs, dtype=torch.float32, device=x.device)
    _product[(blocks, splits)](
        x.contiguous(), qweight, qzeros, scales, partial, rows, inputs, outputs, steps,
        group_size=group, depth=DEPTH, tile_rows=ROWS, tile_columns=COLUMNS,
    )  # fmt: skip
    out = torch.empty(rows, outputs, dtype=x.dtype, device=x.device)
    _sum[(triton.cdiv(rows * outputs, SUMMED),)](
        partial, bias, out, rows * outputs, outputs, splits=splits, has_bias=bias is not None, block=SUMMED
    )
    return out
