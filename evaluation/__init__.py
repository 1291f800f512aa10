"""Measures models on benchmarks, and galleries on captioned pictures. Knows models through their protocol; no page."""

from typing import TYPE_CHECKING

from common.lazy import lazy_exports

if TYPE_CHECKING:
    from evaluation.benchmarks import BENCHMARKS, benchmark

__all__ = ["BENCHMARKS", "benchmark"]

__getattr__ = lazy_exports(__name__, {"benchmarks": ("BENCHMARKS", "benchmark")})
