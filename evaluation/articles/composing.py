"""Makes the articles of a list of titles, one after the other, and keeps each as soon as it is there."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from composer.article import Article, Section
from composer.events import ArticleReady, Event, Notice, StepFinished, StepStarted
from composer.models import Model
from composer.pipeline import Composer, Options
from composer.prompts import Length
from evaluation.articles.records import Cost, known_key, save_made
from evaluation.articles.titles import Title
from evaluation.errors import EvaluationFailed
from retrieval.base import PictureGallery


@dataclass(frozen=True, slots=True)
class Settings:
    """How all articles of a run are made."""

    length: Length = "medium"
    pictures: int | None = None  # None: as many as suit the text
    seed: int = 1


def compose_all(
    model: Model,
    gallery: PictureGallery | None,
    titles: Sequence[Title],
    settings: Settings,
    out: Path,
    *,
    weights: str,
    stop: threading.Event,
    note: Callable[[str], None],
) -> bool:
    """Writes each article into `out`; those that are there with the same key are kept. False where it was stopped.

    weights: the model's fingerprint. Raises EvaluationFailed for a title whose article has no text.
    """
    place = "" if gallery is None else f"{gallery.info().name} {gallery.info().pictures} {gallery.info().encoder}"
    for number, title in enumerate(titles, 1):
        key = _key(title, settings, model.name, weights, place)
        if known_key(out, title.id) == key:
            continue
        note(f"{number}/{len(titles)} {title.title}")
        composer = Composer(model, gallery)
        sampling = composer.sampling.with_choices(seed=settings.seed)
        options = Options(settings.pictures, title.language, sampling, length=settings.length)
        article, cost = _followed(model, _events(composer, title, options, stop), key)
        if stop.is_set():
            return False
        if not article.sections:
            raise EvaluationFailed(
                reason=f"'{title.title}': " + " ".join(cost.notices or ("no text was written.",)), place=out
            )
        save_made(out, title, article, cost)
    return True


def _events(composer: Composer, title: Title, options: Options, stop: threading.Event) -> Iterator[Event]:
    if not title.paragraphs:
        return composer.compose(title.title, options, stop=stop)
    sections = tuple(Section(f"s{number}", text) for number, text in enumerate(title.paragraphs, 1))
    given = Article(title.title, sections, title.language, composer.model.name)
    return composer.illustrate(given, options, stop=stop)


def _followed(model: Model, events: Iterator[Event], key: str) -> tuple[Article, Cost]:
    """The finished article, with seconds and tokens of each step."""
    tokens: dict[str, dict[str, int]] = {}
    notices = []
    before = model.usage
    for event in events:
        match event:
            case StepStarted():
                before = model.usage
            case StepFinished(step=step):
                tokens[step] = asdict(model.usage - before)
            case Notice(problem=problem):
                notices.append(problem.text())
            case ArticleReady(article=article, report=report):
                return article, Cost(key, report.seconds, tokens, tuple(notices))
    raise RuntimeError("a composition ended without ArticleReady")


def _key(title: Title, settings: Settings, model: str, weights: str, gallery: str) -> str:
    what = [title.title, title.language, title.paragraphs, asdict(settings), model, weights, gallery]
    return hashlib.sha256(json.dumps(what, ensure_ascii=False).encode()).hexdigest()[:16]
