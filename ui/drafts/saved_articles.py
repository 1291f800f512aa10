"""Article files (JSON) that a person opens on the page. Such a file names pictures of its own machine, which a visitor
may not: each is looked for by its id in the gallery, and by its content among the pictures that drafts keep."""

import re
from dataclasses import replace
from pathlib import PurePath

from common.decoding import decode_text
from common.errors import ReadableError
from common.messages import _
from composer.article import Article, Candidate, Illustration
from composer.errors import ArticleUnreadable, InputError
from composer.illustrating import candidate
from composer.importing import LARGEST_FILE
from ui.studio import Studio

SUFFIX = ".json"
_KEPT = re.compile(r"[0-9a-f]{64}\.[a-z0-9]{2,5}")  # of `composer.keeping.KeptFiles`


def opened_article(studio: Studio, name: str, content: bytes) -> tuple[Article, tuple[str, ...]]:
    """The article of a file, and what those of its pictures are called that are nowhere here; they stay in the article,
    without a file. Raises InputError, ArticleUnreadable."""
    if len(content) > LARGEST_FILE:
        raise InputError(
            _(
                "The file '{name}' has {size:,} MB; at most {limit} MB are read.",
                name=name,
                size=-(-len(content) // 1_000_000),
                limit=LARGEST_FILE // 1_000_000,
            )
        )
    try:
        article = Article.from_json(decode_text(content))
    except ArticleUnreadable as error:
        reason = _("'{file}': {reason}", file=name, reason=error.values["reason"])
        raise ArticleUnreadable(reason=reason) from error
    find, missing, sections = _Finder(studio), [], []
    for section in article:
        shown = section.illustration
        if shown is not None:
            if shown.chosen is not None and find(shown.chosen) is None:
                missing.append(_called(shown))
            offered = tuple(found for one in shown.candidates if (found := find(one)) is not None)
            chosen = None if shown.chosen is None else find(shown.chosen) or _without_file(studio, shown.chosen)
            shown = replace(shown, chosen=chosen, candidates=offered)
        sections.append(replace(section, illustration=shown))
    return replace(article, sections=tuple(sections)), tuple(missing)


def _called(illustration: Illustration) -> str:
    chosen = illustration.chosen
    return illustration.caption or (chosen.caption or chosen.id if chosen is not None else "")


def _without_file(studio: Studio, picture: Candidate) -> Candidate:
    return replace(picture, path=studio.pictures.nowhere(PurePath(picture.path).name))


class _Finder:
    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self._found: dict[tuple[str, str], Candidate | None] = {}

    def __call__(self, picture: Candidate) -> Candidate | None:
        key = (picture.id, picture.path)
        if key not in self._found:
            self._found[key] = self._kept(picture) or self._in_gallery(picture)
        found = self._found[key]
        if found is None:
            return None
        return replace(found, score=picture.score, share=picture.share, fit=picture.fit, evidence=picture.evidence)

    def _kept(self, picture: Candidate) -> Candidate | None:
        name = PurePath(picture.path.replace("\\", "/")).name
        if self.studio.drafts is None or not _KEPT.fullmatch(name):
            return None
        kept = self.studio.drafts.pictures.path(name)
        return replace(picture, path=str(kept)) if kept.is_file() else None

    def _in_gallery(self, picture: Candidate) -> Candidate | None:
        try:
            return candidate(self.studio.gallery.get(picture.id)) if self.studio.gallery is not None else None
        except (KeyError, ReadableError):
            return None
