"""A benchmark for illustrating that needs no network: articles whose pictures were taken out.

Knows the composer's reading of paragraphs and its encoders; writes no articles and no pages.
"""

from evaluation.illustrating.items import Item, ItemPicture, shipped_articles
from evaluation.illustrating.measures import ItemResult, assigned, auroc, measure_item, placement_f1
from evaluation.illustrating.methods import AsTheStudio, BySimilarity, Method
from evaluation.illustrating.published import read_articles
from evaluation.illustrating.results import MethodResult, measure_method, results_markdown, summarize

__all__ = [
    "AsTheStudio",
    "BySimilarity",
    "Item",
    "ItemPicture",
    "ItemResult",
    "Method",
    "MethodResult",
    "assigned",
    "auroc",
    "measure_item",
    "measure_method",
    "placement_f1",
    "read_articles",
    "results_markdown",
    "shipped_articles",
    "summarize",
]
