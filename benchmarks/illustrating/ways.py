"""Has the program, and the way of before, choose a picture for each paragraph; what each costs.

Kept one by one, so that a run that was interrupted goes on.
"""

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.illustrating.labelled import Labelled, NameOf
from benchmarks.illustrating.letters import choose_by_letter
from composer.article import Article, Language, Section
from composer.illustrating import ParagraphReader, plain_caption
from composer.models import KeepsBeginnings, Model
from composer.prompts.general import GeneralPrompts
from retrieval.base import PictureGallery

Known = dict[str, Any]  # of a paragraph: "now" and, where asked, "before", each with what was chosen and its cost


def choose_all(
    rows: Sequence[Labelled],
    load: Callable[[], Model],
    gallery: PictureGallery,
    name_of: NameOf,
    before: bool,
    kept: Path | None,
    load_judge: Callable[[], Model] | None = None,
) -> list[Known]:
    """What each way chooses for each paragraph, in their order. What stands in `kept` is taken from there.

    load_judge: a model that chooses in the other one's place, as a further way, "judged".
    """
    lines = kept.read_text(encoding="utf-8").splitlines() if kept and kept.is_file() else []
    known: list[Known] = [json.loads(line) for line in lines]
    left = rows[len(known) :]
    if not left:
        return known
    model, judge = load(), load_judge() if load_judge is not None else None
    if isinstance(model, KeepsBeginnings):
        model.begin_with(GeneralPrompts().things("")[:-1])  # as the program does when it starts
    try:
        for row in tqdm(left, initial=len(known), total=len(rows), unit=" paragraphs"):
            known.append(_choose(row, model, gallery, name_of, before, judge))
            if kept:
                with kept.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(known[-1], ensure_ascii=False) + "\n")
    finally:
        model.close()
        if judge is not None:
            judge.close()
    return known


def _choose(
    row: Labelled, model: Model, gallery: PictureGallery, name_of: NameOf, before: bool, judge: Model | None
) -> Known:
    language: Language = "zh" if row.language == "zh" else "en"
    known: Known = {"now": _now(row, language, model, gallery, name_of)}
    if judge is not None:
        known["judged"] = _now(row, language, model, gallery, name_of, judge)
    if before:
        known["before"] = _before(row.text, language, model, gallery, name_of)
    return known


def _now(
    row: Labelled,
    language: Language,
    model: Model,
    gallery: PictureGallery,
    name_of: NameOf,
    judge: Model | None = None,
) -> Known:
    """Each paragraph by itself: within an article nothing is asked about that another paragraph shows."""
    start, used = time.perf_counter(), model.usage
    section = Section("s1", row.text)
    reader = ParagraphReader(
        model, gallery, GeneralPrompts(), Article(row.title, (section,), language), threading.Event(), judge=judge
    )
    reading = reader.read(reader.search(section))
    cost = _cost(model, start, used)
    candidates = [
        {
            **asdict(c.evidence),
            "words": [*c.evidence.words],
            "name": name_of(c),
            "caption": plain_caption(c, language, row.text),
        }
        for c in reading.candidates
        if c.evidence
    ]
    return {**cost, "candidates": candidates}


def _before(text: str, language: Language, model: Model, gallery: PictureGallery, name_of: NameOf) -> Known:
    start, used = time.perf_counter(), model.usage
    chosen = choose_by_letter(model, gallery, text, language)
    cost = _cost(model, start, used)
    name = name_of(chosen.picture) if chosen.picture else None
    return {**cost, "name": name, "sure": chosen.place, "caption": chosen.caption}


def _cost(model: Model, start: float, used: Any) -> Known:
    cost = model.usage - used
    return {
        "seconds": time.perf_counter() - start,
        "tokens read": cost.prefilled,
        "tokens written": cost.generated,
    }
