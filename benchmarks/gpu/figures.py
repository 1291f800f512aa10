"""What a part of the benchmark of a GPU reports, and what the parts of one process share."""

import argparse
import contextlib
import gc
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from benchmarks.xcomposer_common import random_model
from composer.models.xcomposer import XComposerModel


@dataclass(frozen=True, slots=True)
class Figure:
    """One number, and between which numbers it is wanted to be."""

    what: str
    value: float
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None

    @property
    def met(self) -> bool | None:
        """None where nothing is wanted."""
        if self.at_least is None and self.at_most is None:
            return None
        low = self.at_least is None or self.value >= self.at_least
        return low and (self.at_most is None or self.value <= self.at_most)  # not so for NaN

    @property
    def wanted(self) -> str:
        bounds = ((sign, bound) for sign, bound in (("≥", self.at_least), ("≤", self.at_most)) if bound is not None)
        return ", ".join(f"{sign} {bound:g}" for sign, bound in bounds)

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "met": self.met}


class PartSkipped(Exception):
    """This part cannot be measured here; the message says why."""


@dataclass
class Session:
    """What the parts that run in one process share. The big model is made once and kept while parts ask for it."""

    size: str  # "7b" or "tiny"
    dtype: str = "float16"
    goldens: Path | None = None  # a folder with all recorded goldens
    _models: dict[tuple[bool, bool], XComposerModel] = field(default_factory=dict)

    @property
    def on_gpu(self) -> bool:
        return torch.cuda.is_available()

    @property
    def real(self) -> bool:
        """Whether speeds mean anything: the true size on a card."""
        return self.on_gpu and self.size == "7b"

    def wanted(self, bound: float) -> float | None:
        """The bound where speeds mean anything."""
        return bound if self.real else None

    def options(self, **values: Any) -> argparse.Namespace:
        """Options as the single benchmarks take them."""
        common = {"size": self.size, "dtype": self.dtype, "gptq": False, "compile": False}
        return argparse.Namespace(**{**common, **values})

    def model(self, *, gptq: bool = False, compiled: bool = False) -> XComposerModel:
        """InternLM-XComposer with random weights; another one that is kept is freed first."""
        key = (gptq, compiled)
        if key not in self._models:
            self.release()
            self._models[key] = random_model(self.options(gptq=gptq, compile=compiled))
        return self._models[key]

    def release(self) -> None:
        """Frees what is kept, and counts the peak of a card's memory from here on."""
        self._models.clear()
        free_memory()
        if self.on_gpu:
            torch.cuda.reset_peak_memory_stats()


def free_memory() -> None:
    """Gives back to the card what nothing holds any more."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


@contextlib.contextmanager
def exact_products() -> Iterator[None]:
    """Products and convolutions of float32 in float32, which cards otherwise round to 10 bits (TF32)."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before
