"""CCBench: 510 questions about Chinese culture with four rotations each; MMBench's rules (Liu et al. 2023)."""

from typing import ClassVar

from evaluation.benchmarks.mmbench import MmBench
from evaluation.prompting import Kind


class CcBench(MmBench):
    name, title = "ccbench", "CCBench"
    kind: ClassVar[Kind] = "choice_zh"
