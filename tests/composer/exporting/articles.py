"""Articles of any length with pictures that are made on the spot; benchmarks/saving/exporting.py measures
with them, too."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from composer.article import Article, Candidate, Illustration, Language, Section

_TITLE = {"en": "Mornings at the harbour: a guide", "zh": "港口的清晨：一份指南"}
_HEADING = {"en": "A walk along the quay", "zh": "沿着码头走一走"}
_CAPTION = {"en": "Fishing boats in the evening light, 1914–1918", "zh": "黄昏里的渔船，一九一四年"}
_ALT = {"en": "Three boats on a red sea", "zh": "红色海面上的三条船"}
_PARAGRAPH = {
    "en": "The old harbour wakes before the sun does, and the **first boats** leave while the lamps are still lit. "
    "Someone has made coffee; someone else is mending nets on the quay, *slowly and with patience*. ",
    "zh": "老港口在日出之前就醒了，**第一批渔船**趁灯还亮着便离了岸。有人煮好了咖啡，有人坐在码头上补网，*不慌不忙*。",
}


def long_article(
    folder: Path,
    *,
    language: Language = "en",
    sections: int = 60,
    pictures: int = 30,
    size: tuple[int, int] = (1600, 1067),
) -> Article:
    """An article of that many sections, every sixth a heading, with that many pictures, every fourth a drawing."""
    kinds = [number % 6 == 0 and number > 0 for number in range(sections)]
    paragraphs = [number for number, heading in enumerate(kinds) if not heading]
    illustrated = {paragraphs[len(paragraphs) * place // pictures]: place for place in range(pictures)}
    made = []
    for number, heading in enumerate(kinds):
        if heading:
            made.append(Section(f"s{number}", f"{_HEADING[language]} {number}", "heading", 2 + number // 6 % 2))
            continue
        illustration = None
        if (place := illustrated.get(number)) is not None:
            drawing = place % 4 == 3
            file = _drawing(folder, place) if drawing else _photograph(folder, place, size)
            chosen = Candidate(
                f"p{place}",
                str(file),
                credit="Ann Example",
                licence="CC BY 4.0",
                source="https://a.example",
                drawing=drawing,
            )
            illustration = Illustration(_CAPTION[language], alt=_ALT[language] if place % 2 else "", chosen=chosen)
        made.append(Section(f"s{number}", _PARAGRAPH[language] * 3, illustration=illustration))
    parameters = {"sampling": {"seed": 7}, "gallery": "OpenMoji"}
    return Article(_TITLE[language], tuple(made), language, model="Qwen2.5-Coder 1.5B", parameters=parameters)


def _photograph(folder: Path, number: int, size: tuple[int, int]) -> Path:
    """As large as a photograph of that size: colours that run into each other, and grain."""
    file = folder / f"photograph-{size[0]}-{number}.jpg"
    if not file.exists():
        grain = np.random.default_rng(number)
        colours = Image.fromarray(grain.integers(0, 255, (8, 12, 3), dtype=np.uint8)).resize(
            size, Image.Resampling.BICUBIC
        )
        noisy = np.asarray(colours, dtype=np.int16) + grain.integers(-12, 12, (size[1], size[0], 1), dtype=np.int16)
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(file, quality=85)
    return file


def _drawing(folder: Path, number: int) -> Path:
    file = folder / f"drawing-{number}.png"
    image = Image.new("RGBA", (618, 618), (0, 0, 0, 0))
    ImageDraw.Draw(image).ellipse((60, 60, 560, 560), outline="black", width=14, fill="orange")
    image.save(file)
    return file
