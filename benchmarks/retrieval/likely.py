"""How well a search tells likely pictures from the rest, and where the thresholds of `configs/likely.json` come from.

    python -m benchmarks.retrieval.likely [--photographs FOLDER] [--fit] [--json]

Queries in English and Chinese (likely.json): things that a collection has, with the pictures that a careful reader
accepts, and things that it does not have, many of them next to something it has (a walrus, a hot-air balloon). They are
asked of three collections:

    drawings      the embedded gallery; a right picture has an accepted word in its English name
    captioned     the photographs of captioned.py with their English captions, in a gallery with the encoder `labels`
    photographs   the same without a word: found by what a classifier sees in them

Every second query tunes, the others measure. The first twelve pictures of a search are judged: precision and recall
of "likely" among them, of how many things that are there a right one is likely, and after how many things that are
not there no picture is. Rows "unmeasured" treat the encoder as one without thresholds of its own.
"""

import argparse
import itertools
import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.retrieval.captioned import PHOTOGRAPHS
from retrieval.encoders import Encoder, shared_label_encoder, shared_text_encoder
from retrieval.gallery import Gallery
from retrieval.index import Catalogue
from retrieval.index.likely import OTHER, Evidence, Thresholds, evidence, reread, thresholds
from retrieval.ingest import IngestOptions
from retrieval.sources import OpenMojiGallery

CASES: dict[str, list[dict[str, Any]]] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
DATA = Path(__file__).parents[2] / "configs" / "likely.json"
K = 12
COSINES = [-1.0, *(step / 20 for step in range(4, 19))]
DEVIATIONS = [-9.0, *(step / 2 for step in range(21))]


@dataclass(frozen=True)
class Judged:
    """One picture found."""

    collection: str
    language: str
    query: int
    present: bool  # the collection has what is asked for
    right: bool
    facts: Evidence

    @property
    def tuning(self) -> bool:
        return self.query % 2 == 0


class Unmeasured:
    """An encoder under a name that has no thresholds."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder, self.name = encoder, "unmeasured"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)


def judged(
    collection: str, cases: Sequence[dict[str, Any]], gallery: Any, catalogue: Catalogue, encoder: Any, right: Any
) -> Iterator[Judged]:
    for number, case in enumerate(cases):
        for language in ("en", "zh"):
            hits = gallery.search(case[language], k=K)
            pictures = [catalogue.by_id(hit.id) for hit in hits]
            own = catalogue.vectors_of([picture.number for picture in pictures], encoder.dim)
            facts = evidence(catalogue.connection, pictures, own, [case[language]], encoder)
            for picture in pictures:
                accepted = right(picture, case["accepted"])
                yield Judged(collection, language, number, bool(case["accepted"]), accepted, facts[picture.number])


def drawings(encoder: Any) -> list[Judged]:
    def right(picture: Any, accepted: list[str]) -> bool:
        return any(re.search(rf"\b{re.escape(word)}\b", picture.caption) for word in accepted)

    with closing(OpenMojiGallery()) as gallery:
        catalogue = gallery._catalogue  # its pictures' numbers and vectors are nobody else's business
        return list(judged("drawings", CASES["drawings"], gallery, catalogue, encoder, right))


def photographs(source: Path, encoder: Any, captions: bool) -> list[Judged]:
    name = "captioned" if captions else "photographs"
    with tempfile.TemporaryDirectory() as place:
        folder, names = Path(place) / "pictures", {}
        folder.mkdir()
        for number, file in enumerate(sorted(file for file in source.iterdir() if file.stem in PHOTOGRAPHS)):
            new = folder / f"IMG_{2000 + number}.jpg"  # without the words of its name and of its metadata
            with Image.open(file) as picture:
                picture.convert("RGB").save(new, quality=95)
            if captions:
                new.with_suffix(".txt").write_text(PHOTOGRAPHS[file.stem][0], encoding="utf-8")
            names[new.name] = file.stem
        with Gallery.open(Path(place) / "gallery", create=True, encoder="labels") as gallery:
            gallery.add(folder, options=IngestOptions(workers=1))

            def right(picture: Any, accepted: list[str]) -> bool:
                return names[Path(picture.path).name] in accepted

            return list(judged(name, CASES["photographs"], gallery, gallery.catalogue, encoder, right))


# -- figures ---------------------------------------------------------------------------------------


def figures(found: Sequence[Judged], limits: dict[bool, Thresholds]) -> dict[str, float]:
    """What comes of these thresholds, by whether a picture is placed by its pixels."""
    likely = [one for one in found if limits[one.facts.pixels].passed_by(one.facts)]
    searches: dict[tuple[str, str, int], list[Judged]] = {}
    for one in found:
        searches.setdefault((one.collection, one.language, one.query), []).append(one)
    there = [group for group in searches.values() if any(one.right for one in group)]
    absent = [group for group in searches.values() if not group[0].present]
    chosen = set(map(id, likely))
    right = sum(one.right for one in likely)
    return {
        "precision": right / max(1, len(likely)),
        "recall": right / max(1, sum(one.right for one in found)),
        "there": len(there),
        "answered": sum(any(one.right and id(one) in chosen for one in group) for group in there),
        "absent": len(absent),
        "silent": sum(all(id(one) not in chosen for one in group) for group in absent),
    }


def tuned(found: Sequence[Judged], steps: Sequence[float], met: Sequence[float] = ()) -> Thresholds:
    """Thresholds with the largest sum of F1, the share of things there that are answered and of absent ones that are
    not; of equal ones the lowest, but for uncertain words the highest."""

    def worth(limits: Thresholds) -> float:
        result = figures(found, {False: limits, True: limits})
        precision, recall = result["precision"], result["recall"]
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        answered, silent = result["answered"] / max(1, result["there"]), result["silent"] / max(1, result["absent"])
        return round(f1 + answered + silent, 6)

    choices = (Thresholds(*one) for one in itertools.product(met or steps[:10], reversed(steps), steps))
    return max((limits for limits in choices if limits.met <= limits.perhaps <= limits.alone), key=worth)


def fit(worded: list[Judged], seen: list[Judged], unmeasured: list[Judged]) -> dict[str, Any]:
    """The thresholds that the tuning halves give: encoder -> what its vector was made of -> values."""
    by_drawings = [one for one in worded if one.collection == "drawings"]
    kinds = {
        shared_text_encoder().name: {"words": tuned(by_drawings, COSINES)},
        # a person's own words need no vector's consent: tags and names of people are not in the vector of a caption
        shared_label_encoder().name: {
            "words": tuned(worded, COSINES, met=[-1.0]),
            "pixels": tuned(seen, COSINES, met=[-1.0]),
        },
        OTHER: {"pixels": tuned(unmeasured, DEVIATIONS, met=[-9.0])},
    }
    return {name: {kind: asdict(limits) for kind, limits in each.items()} for name, each in kinds.items()}


def write(encoders: dict[str, Any]) -> None:
    """Into configs/likely.json, whose other entries stay."""
    text = DATA.read_text(encoding="utf-8")
    known = json.loads(text)["encoders"] | encoders
    lines = ",\n".join(f"    {json.dumps(name)}: {json.dumps(kinds)}" for name, kinds in known.items())
    start, end = text.index("{", 1) + 1, text.index('\n  },\n  "everyday"')
    DATA.write_text(text[:start] + "\n" + lines + text[end:], encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=Path, help="as for benchmarks.retrieval.captioned")
    parser.add_argument("--fit", action="store_true", help="write configs/likely.json; needs --photographs")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.fit and not arguments.photographs:
        parser.error("--fit needs --photographs")
    text, labels = shared_text_encoder(), shared_label_encoder()
    found = {"drawings": drawings(text), "drawings, unmeasured": drawings(Unmeasured(text))}
    if arguments.photographs:
        for name, captions in (("captioned", True), ("photographs", False)):
            found[name] = photographs(arguments.photographs, labels, captions)
            found[f"{name}, unmeasured"] = photographs(arguments.photographs, Unmeasured(labels), captions)
    if arguments.fit:
        tuning = {name: [one for one in rows if one.tuning] for name, rows in found.items()}
        words = [*tuning["drawings"], *tuning["captioned"]]
        write(fit(words, tuning["photographs"], tuning["photographs, unmeasured"]))
        reread()
    for name, rows in found.items():
        encoder = "" if "unmeasured" in name else text.name if name == "drawings" else labels.name
        limits = {pixels: thresholds(encoder, pixels) for pixels in (False, True)}
        for language in ("en", "zh"):
            result = figures([one for one in rows if one.language == language and not one.tuning], limits)
            row = {"collection": name, "language": language} | {key: round(value, 2) for key, value in result.items()}
            if arguments.json:
                print(json.dumps(row))
            else:
                print(
                    f"{name:24} {language}  precision {row['precision']:.2f}, recall {row['recall']:.2f}; answered "
                    f"{row['answered']} of {row['there']}; silent after {row['silent']} of {row['absent']}"
                )


if __name__ == "__main__":
    main()
