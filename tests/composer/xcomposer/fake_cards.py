"""CUDA cards that exist in shape only: the real program on torch's fake tensors, every allocation counted.

For machines without a GPU. Finds tensors that meet on different devices, values that the processor waits for, the peak
of memory and the number of kernels. Nothing is computed: a value that is read back is always the same, and what
libraries allocate for themselves (cuBLAS takes 32 MiB) is not seen. The true sizes take seconds and no memory.
"""

import contextlib
import gc
import warnings
import weakref
from collections import Counter
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from composer.models.xcomposer import devices as assigned_devices
from composer.models.xcomposer.decoding.graphs import GraphSteps

aten = torch.ops.aten
BLOCK = 512  # bytes: what torch's allocator rounds to
TOKEN = 7  # every id that is read back


class FakeCards(TorchDispatchMode):
    """What happens on the cards while it is active."""

    def __init__(self) -> None:
        super().__init__()
        self.live: Counter[int] = Counter()  # card -> bytes
        self.peak: Counter[int] = Counter()
        self.kernels: Counter[str] = Counter()  # operations that write, by name
        self.reads = 0  # values that went back to the processor
        self._known: set[int] = set()

    def reset(self) -> None:
        """Starts counting anew, from what lives now."""
        gc.collect()
        self.peak = Counter(self.live)
        self.kernels.clear()
        self.reads = 0

    def __torch_dispatch__(self, op: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if op in (aten._local_scalar_dense.default, aten.item.default) and args[0].device.type == "cuda":
            self.reads += 1
            return 0.5 if args[0].is_floating_point() else False if args[0].dtype == torch.bool else TOKEN
        if op is aten.equal.default:
            return True
        temporaries = _temporaries(op, args, kwargs or {})
        for each in temporaries:
            self._count(each)
        made = op(*args, **(kwargs or {}))
        fresh = [self._count(t) for t in tree_leaves(made) if isinstance(t, torch.Tensor) and t.device.type == "cuda"]
        if fresh and (any(fresh) or op._schema.is_mutable) and "empty" not in str(op):
            self.kernels[op._schema.name.removeprefix("aten::")] += 1 + len(temporaries)
        return made

    def _count(self, tensor: torch.Tensor) -> bool:
        """Whether the tensor's memory is new."""
        storage, card = tensor.untyped_storage(), tensor.device.index or 0
        key = storage._cdata
        if key in self._known:
            return False
        size = -(-storage.nbytes() // BLOCK) * BLOCK
        self._known.add(key)
        self.live[card] += size
        self.peak[card] = max(self.peak[card], self.live[card])
        weakref.finalize(storage, self._freed, key, card, size)
        return True

    def _freed(self, key: int, card: int, size: int) -> None:
        self._known.discard(key)
        self.live[card] -= size


def _temporaries(op: Any, args: Any, kwargs: Any) -> list[torch.Tensor]:
    """What a composite operation allocates on the way: attention turns truth values into numbers, in three kernels."""
    if op is not aten.scaled_dot_product_attention.default:
        return []
    mask = kwargs.get("attn_mask", args[3] if len(args) > 3 else None)
    return [args[0].new_empty(mask.shape) for _ in range(3)] if mask is not None and mask.dtype == torch.bool else []


class _Mode(FakeTensorMode):
    avoid_device_init = True  # also where torch is told that there are cards


class _WithoutCuda(TorchFunctionMode):
    """Builds of torch without CUDA refuse a few methods of tensors on a card; the same by other names."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if function is torch.tensor and torch.device(kwargs.get("device") or "cpu").type == "cuda":
            like = torch.tensor(*args, **{**kwargs, "device": "cpu"})
            return torch.empty(like.shape, dtype=like.dtype, device=kwargs["device"])
        if not args or not isinstance(args[0], torch.Tensor) or args[0].device.type != "cuda":
            return function(*args, **kwargs)
        if function is torch.Tensor.__getitem__:
            return _indexed(*args)
        if function is torch.Tensor.__setitem__:
            target, index, value = args
            target = _indexed(target, index)
            return aten.copy_(target, value) if isinstance(value, torch.Tensor) else target.fill_(value)
        if function is torch.Tensor.copy_:
            return aten.copy_(*args)
        if function is torch.Tensor.__float__:
            return args[0].item()
        if function is torch.Tensor.contiguous:
            return args[0] if args[0].is_contiguous() else args[0].clone(memory_format=torch.contiguous_format)
        return function(*args, **kwargs)


def _indexed(tensor: torch.Tensor, index: Any) -> torch.Tensor:
    index = index if isinstance(index, tuple) else (index,)
    skipped = tensor.dim() - sum(i is not None and i is not Ellipsis for i in index)
    dim, picked = 0, list[torch.Tensor | None]()
    for i in index:
        if isinstance(i, int):
            tensor = tensor.select(dim, i)
            continue
        if i is None:
            tensor = tensor.unsqueeze(dim)
        elif isinstance(i, slice):
            start, stop, step = i.indices(tensor.shape[dim])
            tensor = aten.slice(tensor, dim, start, max(start, stop), step)
        elif isinstance(i, (list, torch.Tensor)):
            chosen = torch.empty(len(i), dtype=torch.int64, device=tensor.device) if isinstance(i, list) else i
            picked += [None] * (dim - len(picked)) + [chosen]
        dim += skipped if i is Ellipsis else 1
    return aten.index(tensor, picked) if picked else tensor


class _Generator:
    """A random generator of the processor's, whichever card is asked for."""

    def __new__(cls, device: object = None, _real: type[torch.Generator] = torch.Generator) -> Any:
        return _real()


@contextlib.contextmanager
def fake_cards(count: int = 1, memory: int = 141 * 10**9) -> Iterator[FakeCards]:
    """`count` cards of so many bytes each. Steps of decoding are computed as for capturing, not captured."""
    cards = FakeCards()
    with (
        warnings.catch_warnings(action="ignore", category=UserWarning),  # accelerate asks where tensors lie
        patch.multiple(
            torch.cuda,
            is_available=lambda: True,
            device_count=lambda: count,
            mem_get_info=lambda card=0: (memory - cards.live[card], memory),
            synchronize=lambda *_: None,
            empty_cache=lambda: None,
        ),
        patch.object(torch, "Generator", _Generator),
        patch.object(assigned_devices, "fused_works", lambda: True),
        # like a captured graph, the step does not keep its slot alive
        patch.object(GraphSteps, "_capture", lambda steps, slot: steps._forward(weakref.proxy(slot))),
        _Mode(allow_non_fake_inputs=True),
        cards,
        _WithoutCuda(),
    ):
        yield cards
