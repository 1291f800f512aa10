"""How good choices are: precision, coverage, precision at equal coverage, captions that are junk."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.illustrating.labelled import Labelled
from common.language import is_chinese

LONGEST_EN, LONGEST_ZH = 12, 24  # words, characters of a caption
_JUNK = re.compile(
    r"\b(?:none|n/?a|pictures?|photo(?:graph)?s?|images?|illustrations?|captions?|paragraphs?|articles?|specified|given|"
    r"unknown)\b|段落|图片|照片|图像|插图|图注|文章|指定|没有|无法|[\[\]{}<>#*_|\\:：]",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a way shows beside a paragraph; name None: no picture."""

    name: str | None
    sure: float = 0.0
    caption: str = ""


def figures(rows: Sequence[Labelled], chosen: Sequence[Chosen]) -> dict[str, Any]:
    """Precision: of the pictures shown, how many fit. Coverage: of the paragraphs that can be shown, how many are."""
    pairs = [(row, each) for row, each in zip(rows, chosen, strict=True)]
    shown = [(row, each) for row, each in pairs if each.name]
    can = [row for row in rows if row.fitting]
    return {
        "fit": share(sum(each.name in row.fitting for row, each in shown), len(shown)),
        "coverage": share(sum(bool(row.fitting) for row, _ in shown), len(can)),
        "shown where nothing fits": sum(not row.fitting for row, _ in shown),
        "junk captions": sum(is_junk(each.caption, row.language) for row, each in shown if each.caption),
        "without a caption": sum(not each.caption for _, each in shown),
    }


def at_equal_coverage(rows: Sequence[Labelled], ways: Mapping[str, Sequence[Chosen]]) -> dict[str, str]:
    """How many pictures fit of each way's surest ones, as many as cover equally many of the paragraphs that can be
    shown: those of the way that covers fewest."""

    def surest(chosen: Sequence[Chosen]) -> list[tuple[Labelled, Chosen]]:
        shown = [(row, each) for row, each in zip(rows, chosen, strict=True) if each.name]
        return sorted(shown, key=lambda pair: -pair[1].sure)

    ordered = {way: surest(chosen) for way, chosen in ways.items()}
    covered = min(sum(bool(row.fitting) for row, _ in shown) for shown in ordered.values())
    found = {}
    for way, shown in ordered.items():
        taken: list[tuple[Labelled, Chosen]] = []
        while shown and sum(bool(row.fitting) for row, _ in taken) < covered:
            taken.append(shown.pop(0))
        found[way] = share(sum(each.name in row.fitting for row, each in taken), len(taken))
    return found


def is_junk(caption: str, language: str) -> bool:
    """Whether a caption talks about the task, is in another language, has markup, or is blank or too long."""
    long = len(caption) > LONGEST_ZH if language == "zh" else len(caption.split()) > LONGEST_EN
    return not caption.strip() or long or is_chinese(caption) != (language == "zh") or bool(_JUNK.search(caption))


def share(part: int, whole: int) -> str:
    """'3 of 4 (75 %)'."""
    return f"{part} of {whole} ({100 * part / max(whole, 1):.0f} %)"
