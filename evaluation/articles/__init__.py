"""Articles over a list of titles: made, measured, judged, and two runs compared.

Knows the composer and its articles; no benchmark of questions and no command line.
"""

from evaluation.articles.blind import Verdicts, sum_verdicts, write_blind_page
from evaluation.articles.composing import Settings, compose_all
from evaluation.articles.judging import judge, prompt_shown
from evaluation.articles.placing import Labels, picture_measures, read_labels
from evaluation.articles.records import ArticleRun, Made, load_made, load_run
from evaluation.articles.similarity import Judge, similarity_measures
from evaluation.articles.summary import (
    Change,
    as_data,
    changes_markdown,
    compare_runs,
    cost_measures,
    summarize,
    summary_markdown,
)
from evaluation.articles.text import text_measures
from evaluation.articles.titles import Title, first_of_each, read_titles, shipped_titles

__all__ = [
    "ArticleRun",
    "Change",
    "Judge",
    "Labels",
    "Made",
    "Settings",
    "Title",
    "Verdicts",
    "as_data",
    "changes_markdown",
    "compare_runs",
    "compose_all",
    "cost_measures",
    "first_of_each",
    "judge",
    "load_made",
    "load_run",
    "picture_measures",
    "prompt_shown",
    "read_labels",
    "read_titles",
    "shipped_titles",
    "similarity_measures",
    "sum_verdicts",
    "summarize",
    "summary_markdown",
    "text_measures",
    "write_blind_page",
]
