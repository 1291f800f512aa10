"""What the text reader finds and misses on 30 made pictures, and how long one takes.

    python -m benchmarks.retrieval.reading_text [--font FILE] [--out FOLDER] [--json]

English and Chinese, letters of 6, 8, 12, 24 and 64 pixels, upright, leaning by 15 degrees and lying on the side: three
lines each on a background with the grain and the shades of a photo (1000 x 700 pixels, ink and paper drawn at random).
Counted are lines read letter by letter (blanks aside, in any order), and characters: those of each line that are in the
most similar line of what was read, in order. "wrong" are the other characters that were read.
"""

import argparse
import json
import time
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from itertools import product
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from retrieval.pictures import TextReader

FONT = "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"  # Debian's fonts-noto-cjk; it has both scripts
SIZES = (6, 8, 12, 24, 64)  # pixels
ANGLES = (0, 15, 90)  # degrees, anticlockwise
LINES = {
    "en": (
        *("Fresh fish daily", "Open 9 to 17:30", "Platform 4", "Mind the gap", "Second-hand books", "No parking"),
        *("Botanical garden", "Tickets: 12.50", "Harbour tour", "Chapter Three", "Error 404", "Lost property"),
    ),
    "zh": (
        *("新鲜水果", "营业时间九点", "小心台阶", "敦煌莫高窟", "二手书店", "禁止停车"),
        *("植物园入口", "票价12.50元", "港口游船", "第三章", "系统错误404", "失物招领处"),
    ),
}


@dataclass
class Row:
    """Sums over the pictures of one kind."""

    kind: str
    pictures: int = 0
    lines: int = 0
    lines_read: int = 0
    characters: int = 0
    characters_read: int = 0
    wrong: int = 0
    seconds: float = 0.0


def picture(lines: list[str], font: ImageFont.FreeTypeFont, angle: int, chance: np.random.Generator) -> Image.Image:
    """1000 x 700 pixels with the lines on it."""
    coarse = chance.integers(150, 250, (5, 7, 3)).astype(np.uint8)
    paper = np.asarray(Image.fromarray(coarse).resize((1000, 700), Image.Resampling.BICUBIC), dtype=np.int16)
    paper = np.clip(paper + chance.normal(0, 6, paper.shape), 0, 255).astype(np.uint8)
    ink = tuple(int(value) for value in chance.integers(0, 70, 3))
    mask = Image.new("L", (1000, 700))
    text = "\n".join(lines)
    ImageDraw.Draw(mask).multiline_text((500, 350), text, font=font, fill=255, anchor="mm", spacing=font.size // 2)
    page = Image.fromarray(paper)
    page.paste(ink, mask=mask.rotate(angle, Image.Resampling.BICUBIC))
    return page


def common(wanted: str, read: str) -> int:
    """How many characters of the one are in the other, in order."""
    return sum(block.size for block in SequenceMatcher(None, wanted, read, autojunk=False).get_matching_blocks())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--font", default=FONT)
    parser.add_argument("--out", type=Path, help="folder to keep the pictures in")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    chance = np.random.default_rng(30)
    started = time.perf_counter()
    reader = TextReader()
    reader.lines(Image.new("RGB", (640, 480), "white"))
    loading = time.perf_counter() - started
    kinds = (*LINES, *(f"{size} px" for size in SIZES), *(f"{angle} degrees" for angle in ANGLES), "all")
    rows = {kind: Row(kind) for kind in kinds}
    for language, size, angle in product(LINES, SIZES, ANGLES):
        wanted = [str(line) for line in chance.choice(LINES[language], 3, replace=False)]
        image = picture(wanted, ImageFont.truetype(options.font, size), angle, chance)
        if options.out:
            options.out.mkdir(parents=True, exist_ok=True)
            image.save(options.out / f"{language}-{size}-{angle}.png")
        started = time.perf_counter()
        found = [line.replace(" ", "") for line in reader.lines(image)]
        seconds = time.perf_counter() - started
        lines = [line.replace(" ", "") for line in wanted]
        same = sum(max((common(line, one) for one in found), default=0) for line in lines)
        for kind in (language, f"{size} px", f"{angle} degrees", "all"):
            row = rows[kind]
            row.pictures += 1
            row.lines += len(lines)
            row.lines_read += sum(line in found for line in lines)
            row.characters += sum(map(len, lines))
            row.characters_read += same
            row.wrong += max(0, sum(map(len, found)) - same)
            row.seconds += seconds
    if options.json:
        print(json.dumps({"loading": loading, "rows": [asdict(row) for row in rows.values()]}))
        return
    print(f"loading, with a first empty picture: {loading:.1f} s")
    print("| kind | pictures | lines read | characters read | wrong | seconds a picture |\n|---|---|---|---|---|---|")
    for row in rows.values():
        print(
            f"| {row.kind} | {row.pictures} | {row.lines_read} of {row.lines} | {row.characters_read} of "
            f"{row.characters} | {row.wrong} | {row.seconds / row.pictures:.2f} |"
        )


if __name__ == "__main__":
    main()
