"""The folder of a run over titles: an article each with its pictures and its cost, and the numbers of all.

run.json                 model, gallery, settings
articles/ID/             article.json, article.md, images/ (as `composer write` saves them), cost.json
measures.jsonl           a line an article: id, language, name -> number
scores.json, scores.md   means with intervals
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from common.messages import _
from common.terminal import this_command
from composer.article import Article
from composer.errors import ComposerError
from composer.exporting import write_folder
from evaluation.articles.titles import Title
from evaluation.errors import RunUnusable

RUN, MEASURES = "run.json", "measures.jsonl"


@dataclass(frozen=True, slots=True)
class Cost:
    """What an article cost."""

    key: str  # of title, settings, model and gallery: the same key is not made again
    seconds: Mapping[str, float] = field(default_factory=dict)  # step -> s, and "total"
    tokens: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # step -> prefilled, reused, generated
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """One article of a run. The paths of its pictures are absolute."""

    id: str
    article: Article
    cost: Cost


@dataclass(frozen=True, slots=True)
class ArticleRun:
    """A run as its folder holds it."""

    folder: Path
    facts: Mapping[str, Any]
    measures: Mapping[str, Mapping[str, float | None]]  # id -> name -> number
    languages: Mapping[str, str]  # id -> language

    @property
    def name(self) -> str:
        return f"{self.facts['model']} ({self.folder.name})"

    def article(self, id_: str) -> Article:
        return load_made(self.folder, id_).article


def load_run(folder: Path) -> ArticleRun:
    """The run in a folder. Raises RunUnusable."""
    folder = folder.expanduser().resolve()
    try:
        facts = json.loads((folder / RUN).read_text("utf-8"))
        rows = [json.loads(line) for line in (folder / MEASURES).read_text("utf-8").splitlines()]
        facts["model"]
        return ArticleRun(
            folder,
            facts,
            {str(row["id"]): row["measures"] for row in rows},
            {str(row["id"]): row["language"] for row in rows},
        )
    except FileNotFoundError as error:
        name = Path(str(error.filename)).name
        reason = _(
            "it has no {name}. A run over titles has one: {command} composition --out DIR.",
            name=name,
            command=this_command("evaluation"),
        )
        raise RunUnusable(place=folder, reason=reason) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunUnusable(place=folder, reason=_("its files cannot be read ({error}).", error=error)) from error


def save_made(out: Path, title: Title, article: Article, cost: Cost) -> None:
    """Writes an article's folder; cost.json comes last, so that a folder that has it is whole. Raises ExportError."""
    folder = write_folder(article, out / "articles" / title.id)
    (folder / "cost.json").write_text(json.dumps(asdict(cost), ensure_ascii=False, indent=1), "utf-8")


def load_made(out: Path, id_: str) -> Made:
    """An article of a run. Raises RunUnusable."""
    folder = out / "articles" / id_
    try:
        article = Article.from_json((folder / "article.json").read_text("utf-8"))
        cost = json.loads((folder / "cost.json").read_text("utf-8"))
        found = Cost(str(cost["key"]), cost["seconds"], cost["tokens"], tuple(cost["notices"]))
    except (OSError, ValueError, KeyError, TypeError, ComposerError) as error:
        raise RunUnusable(place=folder, reason=_("its files cannot be read ({error}).", error=error)) from error
    return Made(id_, _placed(article, folder), found)


def known_key(out: Path, id_: str) -> str | None:
    """The key of an article that is there already."""
    try:
        return load_made(out, id_).cost.key
    except RunUnusable:
        return None


def _placed(article: Article, folder: Path) -> Article:
    """The article whose pictures are named by absolute paths again."""
    sections = []
    for section in article:
        illustration = section.illustration
        if illustration is not None and illustration.chosen is not None:
            chosen = replace(illustration.chosen, path=str(folder / illustration.chosen.path))
            illustration = replace(illustration, chosen=chosen)
        sections.append(replace(section, illustration=illustration))
    return replace(article, sections=tuple(sections))
