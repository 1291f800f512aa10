"""The pictures of drafts: copied by their content beside the drafts, so that a changed gallery takes none away.

In a stored article a kept picture's path is "kept:" and its file's name, so that the data folder can be moved.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from composer.article import Article, Candidate, Illustration
from composer.errors import DraftsUnavailable
from composer.keeping import KeptFiles

OWN = "upload-"  # begins the ids of pictures that a person uploaded: no gallery has them
MARK = "kept:"


class KeptPictures(KeptFiles):
    """The pictures of articles, by the paths that stand in them."""

    def __init__(self, data: Path) -> None:
        super().__init__(data, DraftsUnavailable)
        self._beginning = f"{self.folder}{os.sep}"  # of the paths of kept pictures

    def is_kept(self, path: str) -> bool:
        """Whether a picture of an article is one of this folder."""
        return path.startswith(self._beginning)

    def name(self, path: str) -> str:
        """The name of a kept picture; empty for an empty path."""
        return Path(path).name if path else ""

    def keep(self, article: Article) -> Article:
        """The article with copies in place of the pictures that stand in it and of a person's own. A picture whose
        file is gone stays as it is. Raises DraftsUnavailable where nothing can be written."""
        return _with_paths(article, self._kept_path)

    def _kept_path(self, picture: Candidate, chosen: bool) -> str:
        wanted = chosen or picture.id.startswith(OWN)
        if not wanted or not picture.path or self.is_kept(picture.path):
            return picture.path
        try:
            return str(self.path(self.copied(Path(picture.path))))
        except FileNotFoundError:
            return picture.path

    def packed(self, article: Article) -> Article:
        """The article as it is stored: kept pictures by name."""
        return _with_paths(article, self._marked)

    def _marked(self, picture: Candidate, chosen: bool) -> str:
        return MARK + picture.path.rpartition(os.sep)[2] if self.is_kept(picture.path) else picture.path

    def unpacked(self, article: Article) -> Article:
        """The article as it is used: kept pictures by path."""
        return _with_paths(article, self._resolved)

    def _resolved(self, picture: Candidate, chosen: bool) -> str:
        if not picture.path.startswith(MARK):
            return picture.path
        return str(self.path(Path(picture.path.removeprefix(MARK)).name))  # the name alone, whatever is written there

    def names(self, article: Article) -> list[str]:
        """The kept pictures of a stored article, each once, those that stand in it first and in their order."""
        found: dict[str, None] = {}
        for illustration in _illustrations(article):
            if illustration.chosen is not None and illustration.chosen.path.startswith(MARK):
                found.setdefault(illustration.chosen.path.removeprefix(MARK))
        for illustration in _illustrations(article):
            for picture in illustration.candidates:
                if picture.path.startswith(MARK):
                    found.setdefault(picture.path.removeprefix(MARK))
        return list(found)


def _illustrations(article: Article) -> Iterator[Illustration]:
    for section in article.illustrated:
        if section.illustration is not None:
            yield section.illustration


def _with_paths(article: Article, path: Callable[[Candidate, bool], str]) -> Article:
    """The article with other paths of its pictures; the same object where nothing changes, and the same revision."""
    sections, changed = [], False
    for section in article:
        old = section.illustration
        if old is not None:
            stands = old.chosen.id if old.chosen else None
            chosen = _moved(old.chosen, path(old.chosen, True)) if old.chosen else None
            others = tuple(_moved(one, path(one, one.id == stands)) for one in old.candidates)
            if chosen is not old.chosen or any(a is not b for a, b in zip(others, old.candidates, strict=True)):
                changed = True
                section = replace(section, illustration=replace(old, chosen=chosen, candidates=others))
        sections.append(section)
    return replace(article, sections=tuple(sections)) if changed else article


def _moved(picture: Candidate, path: str) -> Candidate:
    return picture if picture.path == path else replace(picture, path=path)
