"""How well chosen pictures fit, on paragraphs whose fitting pictures a careful reader has listed, now and before.

    python -m benchmarks.illustrating_fit [--photographs FOLDER] [--evidence FILE] [--now] [--fit] [--model NAME]
                                          [--judge NAME|URL]

Drawings (`benchmarks/illustrating/fitting_drawings.jsonl`): 154 paragraphs, English and Chinese, by the embedded model
and by hand, some of ideas only, each with the drawings of OpenMoji that fit beside it, possibly none. Titles are in two
halves by turns: `--fit` reads the first and fits the coefficients of `configs/fit.json` on it; the figures come from
the second. `--photographs` measures 51 other paragraphs (`fitting_photographs.jsonl`) with a gallery of the photographs
in FOLDER that `benchmarks.retrieval.captioned` names, found by labels alone; nothing is fitted on them.

In one run the program chooses, and the way of before: a letter for one of four; `--now` leaves that out. `--judge`
adds what the program chooses where another model, which may see, says whether a picture fits. `--evidence`
keeps what was chosen: a run that was interrupted goes on, and a finished one is only counted.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.illustrating.figures import Chosen, at_equal_coverage, figures
from benchmarks.illustrating.labelled import Labelled, beside_drawings, beside_photographs, drawings, photographs
from benchmarks.illustrating.ways import Known, choose_all
from composer import load_model
from composer.article import Evidence
from composer.illustrating import FEATURES, FITS, fit

WEIGHTS = Path(__file__).parents[1] / "configs" / "fit.json"
COSTS = ("seconds", "tokens read", "tokens written")


def evidence_of(candidate: dict[str, Any]) -> Evidence:
    known = {name: value for name, value in candidate.items() if name not in ("name", "caption")}
    return Evidence(**{**known, "words": tuple(known["words"])})


def fit_weights(rows: list[Labelled], known: list[Known]) -> dict[str, float]:
    """Coefficients of `composer.illustrating.fit`."""
    from sklearn.linear_model import LogisticRegression

    pairs = [(row, c) for row, each in zip(rows, known, strict=True) for c in each["now"]["candidates"]]
    features = np.array([[feature(evidence_of(c)) for feature in FEATURES.values()] for _, c in pairs])
    model = LogisticRegression(max_iter=1000).fit(features, [c["name"] in row.fitting for row, c in pairs])
    weights = dict(zip(FEATURES, (round(float(w), 3) for w in model.coef_[0]), strict=True))
    return {"intercept": round(float(model.intercept_[0]), 3), **weights}


def chosen_now(known: Known, way: str = "now") -> Chosen:
    """The best candidate, where it fits well enough to be shown unasked. way: "now", or "judged" by another model."""
    rated = [Chosen(c["name"], fit(evidence_of(c)), c["caption"]) for c in known[way]["candidates"]]
    best = max(rated, key=lambda each: each.sure, default=Chosen(None))
    return best if best.sure >= FITS else Chosen(None)


def chosen_before(known: Known) -> Chosen:
    before = known["before"]
    return Chosen(before["name"], before["sure"], before["caption"])


def report(rows: list[Labelled], known: list[Known]) -> dict[str, Any]:
    """The figures of each language and what a paragraph costs, for each way."""
    told: dict[str, Any] = {}
    before, judged = (all(way in each for each in known) for way in ("before", "judged"))
    for language in ("en", "zh"):
        own = [(row, each) for row, each in zip(rows, known, strict=True) if row.language == language]
        half = [row for row, _ in own]
        ways = {"now": [chosen_now(each) for _, each in own]}
        if judged:
            ways["judged"] = [chosen_now(each, "judged") for _, each in own]
        if before:
            ways["before"] = [chosen_before(each) for _, each in own]
        told[language] = {"paragraphs": len(half), **{way: figures(half, chosen) for way, chosen in ways.items()}}
        if len(ways) > 1:
            told[language]["fit at equal coverage"] = at_equal_coverage(half, ways)
    told["a paragraph"] = {
        way: {cost: round(float(np.mean([each[way][cost] for each in known])), 1) for cost in COSTS}
        for way in ("now", "judged", "before")
        if way in known[0]
    }
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photographs", type=Path, metavar="FOLDER", help="measure with these instead of the drawings")
    parser.add_argument("--evidence", type=Path, metavar="FILE", help="keep what was chosen in this file, or read it")
    parser.add_argument("--now", action="store_true", help="leave out the way of before")
    parser.add_argument("--fit", action="store_true", help="write configs/fit.json")
    parser.add_argument("--model", help="name or folder of a model; the embedded one if left out")
    parser.add_argument("--judge", metavar="NAME|URL", help="a model that chooses in its place, as a further way")
    parser.add_argument("--threads", type=int, help="of a GGUF model; chosen by what is free if left out")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rows = beside_photographs() if asked.photographs else [r for r in beside_drawings() if r.fitted == asked.fit]
    with photographs(asked.photographs) if asked.photographs else drawings() as (gallery, name_of):
        known = choose_all(
            rows,
            lambda: load_model(asked.model, threads=asked.threads),
            gallery,
            name_of,
            before=not (asked.now or asked.fit),
            kept=asked.evidence,
            load_judge=(lambda: load_model(asked.judge)) if asked.judge else None,
        )
    if asked.fit:
        WEIGHTS.write_text(json.dumps(fit_weights(rows, known), indent=1) + "\n", encoding="utf-8")
        return
    print(json.dumps(report(rows, known), ensure_ascii=False, indent=None if asked.json else 1))


if __name__ == "__main__":
    main()
