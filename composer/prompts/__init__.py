"""Every prompt of the pipeline, by task, language and model family. Nothing else builds prompt text.

A family is a way of being asked (`Capabilities.family`). "general" is any instruction-tuned chat model; "xcomposer" was
trained with wordings of its own. The chat template belongs to the model.
"""

from composer.prompts.base import (
    CHARACTERS,
    LENGTHS,
    LETTERS,
    WORDS,
    Choice,
    Length,
    NamesPlaces,
    Prompts,
    RatesPictures,
    WritesHeadings,
    max_tokens,
)
from composer.prompts.general import GeneralPrompts
from composer.prompts.rewriting import INSERTING, TONES, Rewriting, rewriting
from composer.prompts.xcomposer import XComposerPrompts

__all__ = [
    "CHARACTERS",
    "INSERTING",
    "LENGTHS",
    "LETTERS",
    "TONES",
    "WORDS",
    "Choice",
    "GeneralPrompts",
    "Length",
    "NamesPlaces",
    "Prompts",
    "RatesPictures",
    "Rewriting",
    "WritesHeadings",
    "XComposerPrompts",
    "max_tokens",
    "prompts_for",
    "rewriting",
]

_FAMILIES: dict[str, Prompts] = {"general": GeneralPrompts(), "xcomposer": XComposerPrompts()}


def prompts_for(family: str) -> Prompts:
    """The prompts of a model family; the general ones for a family without prompts of its own."""
    return _FAMILIES.get(family, _FAMILIES["general"])
