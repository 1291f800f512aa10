"""Illustrated articles and conversations about pictures. Knows articles and models, never a page."""

from typing import TYPE_CHECKING, Any

from composer.article import Article, Candidate, Illustration, Section
from composer.errors import ComposerError

if TYPE_CHECKING:
    from composer.models import load_model
    from composer.pipeline import Composer

__all__ = ["Article", "Candidate", "Composer", "ComposerError", "Illustration", "Section", "load_model"]


def __getattr__(name: str) -> Any:
    if name == "Composer":
        from composer.pipeline import Composer

        return Composer
    if name == "load_model":  # engines stay unimported until a model is loaded
        from composer.models import load_model

        return load_model
    raise AttributeError(name)
