"""How well chosen pictures fit, on paragraphs whose fitting drawings a careful reader has listed.

    python -m benchmarks.illustrating_fit [--old] [--evidence FILE] [--fit] [--model NAME_OR_FOLDER] [--json]

The set (`benchmarks/illustrating/fitting_drawings.jsonl`): 154 paragraphs, English and Chinese, by the embedded model
and by hand, some of ideas only, each with the drawings of OpenMoji that fit beside it, possibly none. Titles are in two
halves by turns: `--fit` reads the first and fits the coefficients of `configs/fit.json` on it; the figures come from
the second. `--old` asks the way of before, a letter for one of four, in the same run. `--evidence` keeps what the model
said, and reads it where it is.
"""

import argparse
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.illustrating.letters import choose_by_letter
from composer import load_model
from composer.article import Article, Evidence, Section
from composer.illustrating import FEATURES, FITS, ParagraphReader, fit, name_in
from composer.prompts import prompts_for
from retrieval import open_gallery

LABELLED = Path(__file__).parent / "illustrating" / "fitting_drawings.jsonl"
WEIGHTS = Path(__file__).parents[1] / "configs" / "fit.json"


@dataclass(frozen=True, slots=True)
class Labelled:
    """A paragraph with the names of the drawings that fit beside it."""

    language: str
    title: str
    text: str
    fitting: frozenset[str]
    fitted: bool  # of the half that coefficients are fitted on


def labelled() -> list[Labelled]:
    rows = [json.loads(line) for line in LABELLED.read_text(encoding="utf-8").splitlines()]
    titles = {title: number for number, title in enumerate(dict.fromkeys(row["title"] for row in rows))}
    return [
        Labelled(r["language"], r["title"], r["text"], frozenset(r["fitting"]), titles[r["title"]] % 2 == 0)
        for r in rows
    ]


def read_all(rows: list[Labelled], model_name: str | None, old: bool) -> Iterator[dict[str, Any]]:
    """For each paragraph: the candidates that the model was asked about, with their evidence; seconds and tokens."""
    model, gallery, stop = load_model(model_name), open_gallery(None), threading.Event()
    articles: dict[str, list[Labelled]] = {}
    for row in rows:
        articles.setdefault(row.title, []).append(row)
    with tqdm(total=len(rows), unit=" paragraphs") as bar:
        for title, own in articles.items():
            language = "zh" if own[0].language == "zh" else "en"
            sections = tuple(Section(f"s{number}", row.text) for number, row in enumerate(own))
            article = Article(title, sections, language)
            reader = ParagraphReader(model, gallery, prompts_for("general"), article, stop)
            for section, row in zip(sections, own, strict=True):
                before, start = model.usage, time.perf_counter()
                reading = reader.read(reader.search(section))
                seconds, cost = time.perf_counter() - start, model.usage - before
                letter = choose_by_letter(model, gallery, row.text) if old else None
                yield {
                    "candidates": [
                        {"name": name_in(c.caption, "en"), **asdict(c.evidence)}
                        for c in reading.candidates
                        if c.evidence
                    ],
                    "letter": name_in(gallery.get(letter).caption, "en") if letter else None,
                    "seconds": seconds,
                    "prefilled": cost.prefilled,
                    "generated": cost.generated,
                }
                bar.update()
    model.close()


def evidence_of(candidate: dict[str, Any]) -> Evidence:
    known = {name: value for name, value in candidate.items() if name != "name"}
    return Evidence(**{**known, "words": tuple(known["words"])})


def fit_weights(rows: list[Labelled], read: list[dict[str, Any]]) -> dict[str, float]:
    """Coefficients of `composer.illustrating.fit`."""
    from sklearn.linear_model import LogisticRegression

    pairs = [(row, c) for row, known in zip(rows, read, strict=True) for c in known["candidates"]]
    features = np.array([[feature(evidence_of(c)) for feature in FEATURES.values()] for _, c in pairs])
    model = LogisticRegression(max_iter=1000).fit(features, [c["name"] in row.fitting for row, c in pairs])
    weights = dict(zip(FEATURES, (round(float(w), 3) for w in model.coef_[0]), strict=True))
    return {"intercept": round(float(model.intercept_[0]), 3), **weights}


def figures(rows: list[Labelled], shown: list[str | None]) -> dict[str, Any]:
    """Precision: of the pictures shown, how many fit. Coverage: of the paragraphs that can be shown, how many are."""
    pairs = list(zip(rows, shown, strict=True))
    right = sum(name in row.fitting for row, name in pairs if name)
    placed, can = sum(name is not None for _, name in pairs), [name for row, name in pairs if row.fitting]
    covered = sum(name is not None for name in can)
    return {
        "fit": f"{right} of {placed} ({right / max(placed, 1):.0%})",
        "coverage": f"{covered} of {len(can)} ({covered / max(len(can), 1):.0%})",
        "shown where nothing fits": sum(name is not None for row, name in pairs if not row.fitting),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--old", action="store_true", help="also choose by letter, as before")
    parser.add_argument("--evidence", type=Path, help="keep what was found in this file, or read it")
    parser.add_argument("--fit", action="store_true", help="write configs/fit.json")
    parser.add_argument("--model", help="name or folder of a model; the embedded one if left out")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rows = [row for row in labelled() if row.fitted == asked.fit]
    if asked.evidence and asked.evidence.is_file():
        read = json.loads(asked.evidence.read_text(encoding="utf-8"))
    else:
        read = list(read_all(rows, asked.model, asked.old))
        if asked.evidence:
            asked.evidence.write_text(json.dumps(read, ensure_ascii=False), encoding="utf-8")
    if asked.fit:
        WEIGHTS.write_text(json.dumps(fit_weights(rows, read), indent=1) + "\n", encoding="utf-8")
        return
    report: dict[str, Any] = {}
    for language in ("en", "zh"):
        half = [(row, known) for row, known in zip(rows, read, strict=True) if row.language == language]
        chosen = [best_name(known) for _, known in half]
        report[language] = {"paragraphs": len(half), "now": figures([row for row, _ in half], chosen)}
        if any(known["letter"] for _, known in half):
            report[language]["before"] = figures([row for row, _ in half], [known["letter"] for _, known in half])
    mean = {unit: np.mean([known[unit] for known in read]) for unit in ("seconds", "prefilled", "generated")}
    report["a paragraph"] = {unit: round(float(value), 1) for unit, value in mean.items()}
    print(json.dumps(report, ensure_ascii=False, indent=None if asked.json else 1))


def best_name(known: dict[str, Any]) -> str | None:
    """The name of the best candidate, where it fits well enough to be shown unasked."""
    rated = [(fit(evidence_of(c)), c["name"]) for c in known["candidates"]]
    best = max(rated, default=(0.0, ""))
    return best[1] if best[0] >= FITS else None


if __name__ == "__main__":
    main()
