"""An article that only the browser has, because the program was restarted under an open tab: asked for, checked, taken.

A view says with each action which session sent what it shows. A session that knows nothing of that keeps the action,
asks the view for its article, and then does what was asked. Of a picture the view gives its id: what is known of it
comes from the gallery again. Uploads went with the program that was ended, so the view uploads them anew.
"""

import dataclasses
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from common.decoding import without_halves
from common.errors import ReadableError
from common.messages import _
from composer.article import ONE_LINE_KINDS, SCHEMA, Article, Candidate, Evidence, Language, SectionKind, Width
from composer.errors import ArticleUnreadable, PictureError, validation_problem
from composer.illustrating import candidate
from composer.importing import with_source
from composer.writing import without_controls
from ui import view
from ui.session import Session
from ui.studio import Studio

GALLERY_SECONDS = 60.0  # waited for a gallery that is still opening
LONGEST_TEXT = 400_000  # characters of one block
Action = dict[str, Any]
HAND: view.Operation = {"op": "hand"}

Line = Annotated[str, Field(max_length=2000)]
Id = Annotated[str, Field(min_length=1, max_length=256)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class CandidateShown(BaseModel):
    id: Id
    score: Finite = 0.0
    share: Annotated[float, Field(ge=0, le=1)] | None = None
    fit: Annotated[float, Field(ge=0, le=1)] | None = None
    evidence: Evidence | None = None


class PictureShown(BaseModel):
    caption: Line
    query: Line = ""
    alt: Line = ""
    by_hand: bool = False
    text_changed: bool = False
    width: Width = "column"
    chosen: CandidateShown | None = None
    candidates: Annotated[list[CandidateShown], Field(max_length=100)] = []


class SectionShown(BaseModel):
    id: Annotated[str, Field(pattern=r"^s\d{1,9}$")]
    kind: SectionKind
    level: Annotated[int, Field(ge=0, le=6)] = 0
    text: Annotated[str, Field(max_length=LONGEST_TEXT)]
    picture: PictureShown | None = None
    looked_for: Annotated[list[Line], Field(max_length=100)] = []
    source: Annotated[str, Field(max_length=LONGEST_TEXT)] = ""
    gap: Annotated[str, Field(max_length=LONGEST_TEXT)] | None = None
    edited: Annotated[str, Field(max_length=LONGEST_TEXT)] = ""  # Markdown in its place that no session has answered


class ImportedShown(BaseModel):
    before: Annotated[str, Field(max_length=LONGEST_TEXT)] = ""
    title: Annotated[str, Field(max_length=LONGEST_TEXT)] | None = ""
    gap: Annotated[str, Field(max_length=LONGEST_TEXT)] = ""


class ArticleShown(BaseModel):
    """The article as ui/view.py described it to the view; what else is there does not matter."""

    title: Annotated[str, Field(max_length=8000)]
    language: Language
    model: Line = ""
    revision: Annotated[int, Field(ge=0, le=2**40)] = 0
    parameters: dict[str, Any] = {}
    sections: Annotated[list[SectionShown], Field(max_length=5000)]
    imported: ImportedShown | None = None


def is_unknown(session: Session, action: Action) -> bool:
    """Whether the view shows an article that this session has never had, and the session has none of its own."""
    shown = action.get("shows")
    return isinstance(shown, str) and bool(shown) and shown not in session.names and not session.has_article


def taken_over(
    studio: Studio, sent: Action, waiting: Collection[str] = (), draft: Article | None = None
) -> tuple[Article, int]:
    """The article that a view handed over, and how many of its pictures could not be found again.

    waiting: ids of the sections whose edits are still to be made. draft: the article as it was saved last; pictures
    that stand in it are taken from there. Raises ArticleUnreadable, with the field that is wrong.
    """
    try:
        shown = ArticleShown.model_validate(without_halves(sent.get("article")))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "article"
        raise ArticleUnreadable(
            reason=_("{field}: {problem}", field=place, problem=validation_problem(first))
        ) from error
    ids = [section.id for section in shown.sections]
    if len(set(ids)) < len(ids):
        raise ArticleUnreadable(reason=_("two paragraphs have the same id."))
    studio.gallery_settled.wait(GALLERY_SECONDS)
    uploads = sent.get("uploads")
    find = _Finder(studio, uploads if isinstance(uploads, dict) else {}, draft)
    value = {
        "schema": SCHEMA,
        "title": _line(shown.title),
        "language": shown.language,
        "model": shown.model,
        "revision": shown.revision,
        "parameters": shown.parameters,
        "sections": [
            {
                "id": section.id,
                "kind": section.kind,
                "level": section.level,
                "text": _line(section.text) if section.kind in ONE_LINE_KINDS else section.text,
                "illustration": _illustration(section.id, section.picture, find),
                "looked_for": section.looked_for,
                "source": section.source,
                "gap": section.gap,
            }
            for section in shown.sections
        ],
        "imported": shown.imported.model_dump() if shown.imported else None,
    }
    article = Article.from_dict(value)
    for section in shown.sections:
        if section.edited and section.id not in waiting:
            article = with_source(article, section.id, section.edited)
    return article, find.lost


def _illustration(section_id: str, shown: PictureShown | None, find: "_Finder") -> dict[str, Any] | None:
    if shown is None:
        return None
    chosen = find(section_id, shown.chosen, stands=True) if shown.chosen else None
    others = [found for one in shown.candidates if (found := find(section_id, one)) is not None]
    return {
        "caption": _line(shown.caption),
        "query": _line(shown.query),
        "alt": "" if shown.alt == shown.caption else _line(shown.alt),
        "by_hand": shown.by_hand,
        "text_changed": shown.text_changed,
        "width": shown.width,
        "chosen": dataclasses.asdict(chosen) if chosen else None,
        "candidates": [dataclasses.asdict(one) for one in others],
    }


class _Finder:
    """Finds the pictures of an article again. `lost` counts those that stood in it and are nowhere."""

    def __init__(self, studio: Studio, uploads: Mapping[Any, Any], draft: Article | None) -> None:
        """uploads: id of an uploaded picture -> where the view has uploaded it anew."""
        self.studio, self.uploads, self.lost = studio, uploads, 0
        # a picture that stands beside one paragraph and could stand beside another has two files
        self._beside = {
            (section.id, one.id): one
            for section in (draft.illustrated if draft is not None else ())
            if section.illustration
            for one in (*section.illustration.candidates, section.illustration.chosen)
            if one and Path(one.path).is_file()
        }
        self._found: dict[str, Candidate | None] = {one.id: one for one in self._beside.values()}

    def __call__(self, section_id: str, shown: CandidateShown, *, stands: bool = False) -> Candidate | None:
        if shown.id not in self._found:
            self._found[shown.id] = self._looked_up(shown.id)
        found = self._beside.get((section_id, shown.id)) or self._found[shown.id]
        if found is None:
            self.lost += stands
            return None
        return dataclasses.replace(found, score=shown.score, share=shown.share, fit=shown.fit, evidence=shown.evidence)

    def _looked_up(self, picture_id: str) -> Candidate | None:
        try:
            if picture_id in self.uploads:
                return self.studio.pictures.store_upload(str(uploaded_file(self.uploads[picture_id])))
            if self.studio.gallery is None:
                return None
            return candidate(self.studio.gallery.get(picture_id))
        except (KeyError, ReadableError):
            return None


def uploaded_file(path: object) -> Path:
    """The path of a file that the page has uploaded. Raises PictureError for any other: a visitor may not name files
    of this machine."""
    from gradio.utils import get_upload_folder

    file = Path(str(path)).resolve()
    if not file.is_relative_to(Path(get_upload_folder()).resolve()):
        raise PictureError(name=file.name, reason=_("it is no upload of this page"))
    return file


def _line(text: str) -> str:
    return " ".join(without_controls(text).split())
