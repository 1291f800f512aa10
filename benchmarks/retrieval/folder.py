"""A folder of 5,000 pictures from the command line: index, search, index again, verify.

    python -m benchmarks.retrieval.folder [--pictures 5000] [--photographs FOLDER] [--into FOLDER] [--json]

Pictures are scenes of one to three OpenMoji drawings on grained grounds, 800 x 600 pixels, as JPEG, PNG and WebP in 50
folders. Half are named after what they show ("cat and bus.jpg"); every hundredth is damaged, empty or no picture. With
--photographs, every tenth is a part of a photograph of that folder instead, under the photograph's name. A search for a
picture's name counts as right where that picture is among the first four. --into keeps the pictures and the gallery.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.retrieval.one_folder import run
from retrieval.pictures import load_picture
from retrieval.sources import OpenMojiGallery

BAD = (b"", b"no picture", b"\xff\xd8\xff\xe0 damaged", b"\x89PNG\r\n\x1a\n cut")
SEARCHES = 200


NAMES = (
    *("cat", "bus", "rocket", "umbrella", "camel", "castle", "pizza", "bicycle", "lion", "teapot", "tree", "ship"),
    *("dog", "horse", "house", "mountain", "bridge at night", "violin", "banana", "elephant", "hospital", "book"),
)


def make(folder: Path, count: int, photographs: Path | None = None) -> dict[str, str]:
    """Paints the folder; returns name -> path of the pictures that are named after what they show."""
    random = np.random.default_rng(0)
    gallery = OpenMojiGallery()
    drawings = {name: Image.open(gallery.search(name, k=1)[0].path).convert("RGBA") for name in NAMES}
    photos = [load_picture(file) for file in sorted(photographs.iterdir())] if photographs else []
    titles = [file.stem.replace("_", " ") for file in sorted(photographs.iterdir())] if photographs else []
    named: dict[str, str] = {}
    for number in range(count):
        place = folder / f"{number % 50:02d}"
        place.mkdir(parents=True, exist_ok=True)
        if number % 100 == 99:
            (place / f"bad {number}.jpg").write_bytes(BAD[number // 100 % len(BAD)])
            continue
        if photos and number % 10 == 5:
            which = number // 10 % len(photos)
            title = f"{titles[which]} {number}x"
            path = place / f"{title}.jpg"
            part_of(photos[which], random).save(path, quality=88)
            named[title] = str(path)
            continue
        chosen = [str(name) for name in random.choice(NAMES, random.integers(1, 4), replace=False)]
        scene = Image.fromarray(random.integers(120, 255, (30, 40, 3), dtype=np.uint8)).resize((800, 600))
        for position, name in enumerate(chosen):
            drawing = drawings[name].resize((260, 260))
            scene.paste(drawing, (20 + 260 * position, int(random.integers(0, 340))), drawing)
        title = " and ".join(chosen)
        word = f"{title} {number}x" if number % 2 else f"IMG_{number:05d}"
        suffix = (".jpg", ".png", ".webp", ".jpg")[number % 4]
        path = place / f"{word}{suffix}"
        scene.save(path, **({"compress_level": 1} if suffix == ".png" else {"quality": 80}))
        if number % 2:
            named[f"{title} {number}x"] = str(path)
    gallery.close()
    return named


def part_of(photograph: Image.Image, random: np.random.Generator) -> Image.Image:
    """A part of a photograph, at least half of each side."""
    width, height = (int(random.integers(side // 2, side + 1)) for side in photograph.size)
    left, top = (
        int(random.integers(0, side - part + 1)) for side, part in zip(photograph.size, (width, height), strict=True)
    )
    return photograph.crop((left, top, left + width, top + height))


def measure(count: int, photographs: Path | None = None, into: Path | None = None) -> dict[str, object]:
    """See the module."""
    from retrieval import Gallery

    with tempfile.TemporaryDirectory() as name:
        root = into or Path(name)
        folder, place = root / "pictures", root / "g"
        named = make(folder, count, photographs)
        first, first_s, first_gb = run("index", folder, "--gallery", place, "--encoder", "labels", "--json")
        again, again_s, _ = run("index", folder, "--gallery", place, "--json")
        whole, *_ = run("verify", "--gallery", place)
        report, second = json.loads(first), json.loads(again)
        with Gallery.open(place) as gallery:
            asked = list(named)[:: max(1, len(named) // SEARCHES)]
            started = time.perf_counter()
            right = sum(named[one] in [hit.path for hit in gallery.search(one, k=4)] for one in asked)
            seconds = time.perf_counter() - started
    assert second["bytes_read"] == 0, second
    return {
        "files": count,
        "pictures": report["pictures"],
        "left_out": len(report["skipped"]),
        "index_s": round(first_s, 1),
        "index_gb": round(first_gb, 2),
        "stages_s": {stage: round(value, 1) for stage, value in report["seconds"].items()},
        "index_again_s": round(again_s, 1),
        "verify": whole.strip(),
        "found_among_four": f"{right} of {len(asked)}",
        "search_ms": round(1000 * seconds / len(asked), 1),
        "load_average": round(os.getloadavg()[0], 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=5000)
    parser.add_argument("--photographs", type=Path)
    parser.add_argument("--into", type=Path)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    result = measure(arguments.pictures, arguments.photographs, arguments.into)
    print(json.dumps(result) if arguments.json else "\n".join(f"{k:18} {v}" for k, v in result.items()))


if __name__ == "__main__":
    main()
