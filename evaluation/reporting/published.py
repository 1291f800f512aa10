"""Published scores, as data: configs/evaluation/published.yaml."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

import yaml

from common.resources import resource_folder


@dataclass(frozen=True, slots=True)
class Published:
    """The published table of one benchmark."""

    title: str
    maximum: float
    rows: Mapping[str, float]  # model -> score
    parts: Mapping[str, str] = field(default_factory=dict)  # model -> further numbers


@cache
def published() -> tuple[str, dict[str, Published]]:
    """Where the scores come from, and the tables by benchmark."""
    content = yaml.safe_load((resource_folder("configs") / "evaluation" / "published.yaml").read_text("utf-8"))
    return content["source"], {name: Published(**table) for name, table in content["benchmarks"].items()}
