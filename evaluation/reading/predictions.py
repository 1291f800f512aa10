"""Predictions that exist already: our JSONL, MME's results folder, tables as VLMEvalKit writes them, lmms-eval logs."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.messages import Text, _
from evaluation.errors import DataUnusable, PredictionsUnusable
from evaluation.reading.tables import columns, read_table


@dataclass(frozen=True, slots=True)
class Given:
    """One prediction as a file gives it. A benchmark finds its question by `id`, or by the other fields."""

    place: Path
    line: int
    text: str | None
    id: str = ""
    fields: dict[str, str] = field(default_factory=dict)  # what the file says of the question
    scores: dict[str, list[float]] = field(default_factory=dict)

    def unusable(self, reason: Text) -> PredictionsUnusable:
        return _unusable(self.place, self.line, reason)


def read_given(place: Path) -> Iterator[Given]:
    """The predictions of a file or folder, in order. Raises PredictionsUnusable, which names file and line."""
    if place.is_dir() and (own := place / "predictions.jsonl").is_file():
        yield from _read_lines(own)
    elif place.is_dir():
        yield from _read_results_folder(place)
    elif place.suffix.lower() in (".tsv", ".csv", ".xlsx"):
        yield from _read_prediction_table(place)
    elif place.is_file():
        yield from _read_lines(place)
    else:
        raise PredictionsUnusable(place=place, reason=_("there is no such file or folder."))


def _unusable(place: Path, line: int, reason: Text) -> PredictionsUnusable:
    return PredictionsUnusable(place=place, reason=_("line {line}: {reason}", line=line, reason=reason))


def _read_prediction_table(path: Path) -> Iterator[Given]:
    try:
        names = columns(path)
        if names and "prediction" not in names:
            reason = _("it has no column 'prediction'; its columns are {found}.", found=names[:16])
            raise PredictionsUnusable(place=path, reason=reason)
        for record in read_table(path):
            fields = dict(record.fields)
            text = fields.pop("prediction", "")
            yield Given(path, record.line, text, fields.get("index", "") or fields.get("id", ""), fields)
    except DataUnusable as error:
        raise PredictionsUnusable(**error.values) from error


def _read_results_folder(folder: Path) -> Iterator[Given]:
    """MME's: a file for each task, with the lines picture, question, answer, prediction."""
    files = sorted(folder.glob("*.txt"))
    if not files:
        reason = _("it holds neither predictions.jsonl nor MME's results (one .txt file for each task).")
        raise PredictionsUnusable(place=folder, reason=reason)
    for path in files:
        for line, text in _text_lines(path):
            parts = text.split("\t", 3)
            if len(parts) < 4:
                reason = _(
                    "it has {count} columns; picture, question, answer and prediction are expected.", count=len(parts)
                )
                raise _unusable(path, line, reason)
            image, question, _answer, prediction = parts
            yield Given(path, line, prediction, fields={"category": path.stem, "image": image, "question": question})


def _text_lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, line.rstrip("\n")
    except UnicodeDecodeError as error:
        raise PredictionsUnusable(place=path, reason=_("the text is not UTF-8 ({error}).", error=error)) from error


def _read_lines(path: Path) -> Iterator[Given]:
    """JSON lines: our own, or the samples that lmms-eval logs."""
    for number, line in _text_lines(path):
        try:
            item = json.loads(line)
        except json.JSONDecodeError as error:
            raise _unusable(path, number, _("it is no JSON ({reason}).", reason=error.msg)) from error
        if not isinstance(item, dict):
            raise _unusable(path, number, _("it is no JSON object."))
        if "resps" in item or "filtered_resps" in item:
            yield _of_lmms_eval(path, number, item)
        elif "id" in item and ("prediction" in item or "scores" in item):
            text = item.get("prediction")
            scores = _scores(path, number, item.get("scores") or {})
            if text is None and not scores:
                raise _unusable(path, number, _('its prediction is null; an empty one is "".'))
            yield Given(path, number, None if text is None else str(text), str(item["id"]), {}, scores)
        else:
            reason = _("""it has no "id" and "prediction", and is no sample of lmms-eval either.""")
            raise _unusable(path, number, reason)


def _scores(path: Path, line: int, found: Any) -> dict[str, list[float]]:
    """Kind of scores -> one number an option. Raises PredictionsUnusable."""
    try:
        scores = {str(kind): [float(value) for value in values] for kind, values in found.items()}
    except (AttributeError, TypeError, ValueError):
        scores = {"": []}
    if not all(values and all(map(math.isfinite, values)) for values in scores.values()):
        raise _unusable(path, line, _('its scores are no lists of numbers, as in "letters": [-0.1, -2.5].'))
    return scores


def _of_lmms_eval(path: Path, number: int, item: dict[str, Any]) -> Given:
    reply: Any = item.get("filtered_resps") or item.get("resps") or ""
    while isinstance(reply, list):
        reply = reply[0] if reply else ""
    document = item.get("doc") if isinstance(item.get("doc"), dict) else {}
    fields = {str(key): str(value) for key, value in (document or {}).items() if isinstance(value, (str, int))}
    known = next((fields[name] for name in ("index", "question_id", "id") if name in fields), "")
    return Given(path, number, str(reply), known, fields)
