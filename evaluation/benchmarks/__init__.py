"""The nine benchmarks, one file each on a common base.

Knows their files, rules and official forms of handing in; not how a model is run.
"""

from common.messages import _
from composer.errors import InputError
from evaluation.benchmarks.base import Benchmark, Matched, Rule, lacks
from evaluation.benchmarks.ccbench import CcBench
from evaluation.benchmarks.mmbench import MmBench, MmBenchCn
from evaluation.benchmarks.mme import Mme
from evaluation.benchmarks.qbench import QBenchA1, QBenchA2, QBenchA3
from evaluation.benchmarks.seed import SeedBench
from evaluation.benchmarks.tiny_lvlm import TinyLvlm

__all__ = ["BENCHMARKS", "Benchmark", "Matched", "Rule", "benchmark", "lacks"]

_ALL = (Mme(), MmBench(), MmBenchCn(), CcBench(), SeedBench(), QBenchA1(), QBenchA2(), QBenchA3(), TinyLvlm())
BENCHMARKS: dict[str, Benchmark] = {one.name: one for one in _ALL}


def benchmark(name: str) -> Benchmark:
    """The benchmark of that name. Raises InputError with the known ones."""
    if name not in BENCHMARKS:
        raise InputError(_("There is no benchmark '{name}'. Known: {known}.", name=name, known=[*BENCHMARKS]))
    return BENCHMARKS[name]
