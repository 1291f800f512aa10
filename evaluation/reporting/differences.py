"""A page of the questions that two runs answered differently, with their pictures."""

import io
from collections.abc import Mapping
from contextlib import suppress
from html import escape
from pathlib import Path

from common.errors import ReadableError
from common.messages import _
from composer.models import Picture
from evaluation.benchmarks import benchmark
from evaluation.errors import RunUnusable
from evaluation.questions import Question
from evaluation.reading import read_given
from evaluation.reporting.page import html_page, picture_tag
from evaluation.reporting.runs import Comparison, Run, compare, load_run

MOST = 300  # questions on one page
SIDE = 320  # pixels of a picture


def write_differences(first: Path, second: Path, out: Path, data: Path | None = None) -> Comparison:
    """Writes the page of the flipped questions. data: where the benchmark lies now, if not where it was.

    Raises RunUnusable, DataUnusable.
    """
    before, after = load_run(first), load_run(second)
    found = compare(before, after)
    chosen = benchmark(before.benchmark)
    pictures = before.facts.get("pictures")
    place = data or Path(str(before.facts["data"]))
    questions = {q.id: q for q in chosen.read(place, Path(pictures) if pictures else None)}
    sections, left = [], MOST
    for title, wanted in (("Gained", found.gained), ("Lost", found.lost)):
        ids = [id_ for id_ in before.judgements if _outcome_id(before, id_) in set(wanted) and id_ in questions]
        ids = [id_ for id_ in ids if before.judgements[id_].right != after.judgements[id_].right]
        said = [_predictions(run, ids) for run in (before, after)]
        sections.append(f"<h2>{title}: {len(wanted)}</h2>")
        sections += [_article(questions[id_], (before, after), (said[0][id_], said[1][id_])) for id_ in ids[:left]]
        if len(ids) > left:
            sections.append(f"<p class=note>{len(ids) - left} more are not shown.</p>")
        left = max(0, left - len(ids))
    summary = (
        f"<p>A: {escape(before.model)} ({escape(before.folder.name)}) {escape(before.shown)}<br>"
        f"B: {escape(after.model)} ({escape(after.folder.name)}) {escape(after.shown)}<br>{escape(found.text)}</p>"
    )
    try:
        out.expanduser().write_text(html_page(f"{chosen.title}: what changed", summary, *sections), "utf-8")
    except OSError as error:
        raise RunUnusable(place=out, reason=_("it cannot be written to ({error}).", error=error)) from error
    return found


def _outcome_id(run: Run, id_: str) -> str:
    return run.judgements[id_].unit if run.scores["by_unit"] else id_


def _predictions(run: Run, ids: list[str]) -> Mapping[str, str]:
    """What the run answered, as text; nothing where its predictions are gone."""
    said = dict.fromkeys(ids, "")
    with suppress(ReadableError):
        for given in read_given(run.folder / "predictions.jsonl"):
            if given.id in said:
                scores = {need: [round(score, 3) for score in found] for need, found in given.scores.items()}
                said[given.id] = given.text if given.text is not None else str(scores)
    return said


def _article(question: Question, runs: tuple[Run, Run], said: tuple[str, str]) -> str:
    options = "".join(f"<br>{escape(letter)}. {escape(text)}" for letter, text in question.options)
    answers = escape(" / ".join(question.answers))
    rows = []
    for name, run, text in zip("AB", runs, said, strict=True):
        judged = run.judgements[question.id]
        kind = "right" if judged.right else "wrong"
        read = f"read as {judged.read}" if judged.read else "unparsable"
        rows.append(f"<p class={kind}><b>{name}</b> <pre>{escape(text)}</pre> ({escape(read)})</p>")
    return (
        f"<article><div>{_picture(question)}</div><div><p class=note>{escape(question.id)}</p>"
        f"<p>{escape(question.text)}{options}</p><p>Right: {answers}</p>{''.join(rows)}</div></article>"
    )


def _picture(question: Question) -> str:
    if question.picture is None:
        return ""
    try:
        image = Picture.open(question.picture.read()).image
    except (ReadableError, OSError):
        return "<p class=note>The picture cannot be read.</p>"
    image.thumbnail((SIDE, SIDE))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85)
    return picture_tag(file.getvalue(), "jpeg", question.text)
