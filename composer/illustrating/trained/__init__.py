"""Pictures for a family that was trained to name places and captions before a picture is searched for.

Knows prompts of the kind `NamesPlaces`; shares evidence, places and candidates with the room around it.
"""

from composer.illustrating.trained.illustrator import TRAINED_PLAN, TrainedIllustrator

__all__ = ["TRAINED_PLAN", "TrainedIllustrator"]
