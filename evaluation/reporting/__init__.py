"""Reports: tables beside published scores, the radar chart, what changed between two runs.

Knows the folders that runs leave, and the benchmarks for their questions' pictures; runs no model.
"""

from evaluation.reporting.differences import write_differences
from evaluation.reporting.published import published
from evaluation.reporting.report import write_report
from evaluation.reporting.runs import Comparison, Run, compare, load_run

__all__ = ["Comparison", "Run", "compare", "load_run", "published", "write_differences", "write_report"]
