"""How questions are put to a model, by its family. Nothing else in this package builds prompt text.

Knows shapes of questions (yes or no, a choice, a short answer); no file format and no rule of scoring.
"""

from evaluation.prompting.base import Asked, Kind, Need, Wording, wording_hash
from evaluation.prompting.general import GeneralWording
from evaluation.prompting.xcomposer import XComposerWording

__all__ = ["FAMILIES", "Asked", "Kind", "Need", "Wording", "wording_for", "wording_hash"]

_FAMILIES: dict[str, Wording] = {"xcomposer": XComposerWording(), "general": GeneralWording()}
FAMILIES = tuple(_FAMILIES)


def wording_for(family: str) -> Wording:
    """The wordings of a model family; the general ones for a family without its own."""
    return _FAMILIES.get(family, _FAMILIES["general"])
