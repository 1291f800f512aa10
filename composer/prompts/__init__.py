"""Every prompt of the pipeline, by task, language and model family. Nothing else builds prompt text.

A family is a way of being asked (`Capabilities.family`). "general" is any instruction-tuned chat model; "xcomposer" was
trained with wordings of its own. The chat template belongs to the model.
"""

from composer.prompts.base import (
    LETTERS,
    Choice,
    NamesPlaces,
    Prompts,
    RatesPictures,
    WritesHeadings,
)
from composer.prompts.general import GeneralPrompts
from composer.prompts.rewriting import INSERTING, Rewriting, introduction, rewriting
from composer.prompts.style import LENGTHS, TONES, Length, Style, read_length, style_of
from composer.prompts.xcomposer import XComposerPrompts

__all__ = [
    "INSERTING",
    "LENGTHS",
    "LETTERS",
    "TONES",
    "Choice",
    "GeneralPrompts",
    "Length",
    "NamesPlaces",
    "Prompts",
    "RatesPictures",
    "Rewriting",
    "Style",
    "WritesHeadings",
    "XComposerPrompts",
    "introduction",
    "prompts_for",
    "read_length",
    "rewriting",
    "style_of",
]

_FAMILIES: dict[str, Prompts] = {"general": GeneralPrompts(), "xcomposer": XComposerPrompts()}


def prompts_for(family: str) -> Prompts:
    """The prompts of a model family; the general ones for a family without prompts of its own."""
    return _FAMILIES.get(family, _FAMILIES["general"])
