"""Candidates: what the gallery finds, as an article keeps it."""

import dataclasses
from collections.abc import Collection, Sequence

from composer.article import Candidate, Evidence, Illustration
from retrieval.base import Hit, PictureGallery


def find_candidates(
    gallery: PictureGallery, phrasings: Sequence[str], *, count: int, exclude: Collection[str]
) -> tuple[Candidate, ...]:
    """The best `count` pictures for these phrasings of one query, best first, without the ids in `exclude`.

    Raises RetrievalError.
    """
    return tuple(map(candidate, gallery.search(phrasings, k=count, exclude=exclude)))


def phrasings_of(illustration: Illustration) -> list[str]:
    """What the gallery is searched with: search phrase and caption, each once."""
    return list(dict.fromkeys(text for text in (illustration.query, illustration.caption) if text))


def candidate(hit: Hit, evidence: Evidence | None = None) -> Candidate:
    """A picture found, as an article keeps it."""
    return Candidate(**dataclasses.asdict(hit), evidence=evidence)
