"""What the Gallery tab's script asks of Python, and the answers: plain data in, plain data out; no Gradio here.

A question is {"act", "language", ...}; the fields of each act are in its model. Every answer is a dictionary; one with
"problem" holds a sentence for the person instead. Calls that change something, or tell of this machine's folders, are
answered only where `allowed` says so.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from common.errors import ReadableError
from retrieval.base import Browsable, Hit
from retrieval.editable import EditableGallery, FilteredGallery
from retrieval.pictures import SUFFIXES
from retrieval.records import Filters
from ui.gallery.facts import facts
from ui.indexing import Indexing
from ui.studio import Studio
from ui.texts import error_sentence, text

MOST = 480  # pictures of one search
TILE = 256  # pixels of a tile's picture: what indexing has made already
MOST_GROUPS = 60  # groups of duplicates shown
MOST_SKIPPED = 200
MOST_FILES = 10_000  # dropped at once

Line = Annotated[str, Field(max_length=300)]
Words = Annotated[str, Field(max_length=10_000)]  # more than indexing takes from a file
Id = Annotated[str, Field(min_length=1, max_length=256)]
Answer = dict[str, Any]


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")
    language: Annotated[str, Field(max_length=20)] = "en"


class Narrowed(BaseModel):
    """The filters as the form has them; empty fields say nothing."""

    model_config = ConfigDict(extra="forbid")
    tag: Line = ""
    folder: Annotated[str, Field(max_length=4096)] = ""
    after: Annotated[str, Field(pattern=r"^(\d{4}-\d\d-\d\d)?$")] = ""
    before: Annotated[str, Field(pattern=r"^(\d{4}-\d\d-\d\d)?$")] = ""
    orientation: Literal["", "landscape", "portrait", "square"] = ""
    min_width: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    min_height: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    licence: Line = ""


class Search(Asked):
    query: str = ""
    like: str = ""  # id: pictures like that one
    filters: Narrowed = Narrowed()
    count: Annotated[int, Field(ge=1, le=MOST)] = 48


class About(Asked):
    id: Id


class Edit(About):
    caption: Words
    tags: Words
    credit: Words
    licence: Words
    source: Words


class Folder(Asked):
    folder: Annotated[str, Field(max_length=4096)] = ""


class Files(Asked):
    files: Annotated[list[Annotated[str, Field(max_length=4096)]], Field(max_length=MOST_FILES)]


class GalleryCalls:
    """Answers for one request. `allowed`: whether it may change pictures; `uploads`: where uploads of the page lie."""

    def __init__(self, studio: Studio, *, allowed: bool, uploads: Path) -> None:
        self.studio, self.allowed, self.uploads = studio, allowed, uploads

    def answer(self, asked: object) -> Answer:
        """The answer to a question; never raises for what a visitor sent or the gallery could not do."""
        question = asked if isinstance(asked, dict) else {}
        language = str(question.get("language") or "en")[:20]
        kind, call, guarded = CALLS.get(str(question.get("act")), (Asked, None, False))
        if call is None or (guarded and not self.allowed):
            return {"problem": text("gallery.read_only" if guarded else "gallery.failed", language)}
        try:
            return call(self, kind.model_validate({k: v for k, v in question.items() if k != "act"}))
        except ValidationError:
            return {"problem": text("gallery.failed", language)}
        except KeyError:
            return {"problem": text("gallery.gone", language)}
        except ReadableError as error:
            return {"problem": error_sentence(error, language)}

    # -- looking -----------------------------------------------------------------------------------

    def hello(self, asked: Asked) -> Answer:
        """What this visitor can do here, the gallery's facts, and the indexing that is going on."""
        gallery = self.studio.gallery
        told: Answer = {"may": self.allowed, "job": self.job(asked)["job"] if self.allowed else None}
        told |= {"own": isinstance(gallery, EditableGallery), "narrow": isinstance(gallery, FilteredGallery)}
        told["few"] = getattr(gallery, "few_searches", False)
        return told if gallery is None else told | facts(gallery, asked.language)

    def choices(self, asked: Asked) -> Answer:
        """What can be filtered by. Folders are told only to those who may name folders of this machine."""
        gallery = self._own()
        found = gallery.choices()
        folders = list(found.folders.items()) if self.allowed else []
        return {
            "tags": list(found.tags.items())[:500],
            "folders": folders[:500],
            "licences": list(found.licences)[:100],
        }

    def search(self, asked: Search) -> Answer:
        """Pictures for a query, like a picture, or without either the newest; at most `count`."""
        gallery = self.studio.require_gallery()
        words = " ".join(asked.query.split())[:300]
        narrowed = asked.filters if self.allowed else asked.filters.model_copy(update={"folder": ""})
        filters = Filters(**narrowed.model_dump())
        if isinstance(gallery, FilteredGallery) and asked.like:
            hits = gallery.like(asked.like, k=asked.count, filters=filters, quick=True)
        elif isinstance(gallery, FilteredGallery) and words:
            hits = gallery.search(words, k=asked.count, filters=filters, quick=True)
        elif isinstance(gallery, EditableGallery):
            hits = gallery.browse(limit=asked.count, filters=filters)
        elif words:
            hits = gallery.search(words, k=asked.count)
        else:
            hits = gallery.browse(limit=asked.count) if isinstance(gallery, Browsable) else []
        return {"hits": self._tiles(hits), "more": len(hits) == asked.count < MOST}

    def duplicates(self, asked: Asked) -> Answer:
        groups = self._own().duplicates()
        groups.sort(key=len, reverse=True)
        return {"groups": [self._tiles(group[:MOST]) for group in groups[:MOST_GROUPS]], "count": len(groups)}

    def skipped(self, asked: Asked) -> Answer:
        """Files that were left out, with the reason."""
        return {"skipped": self._own().skipped()[:MOST_SKIPPED]}

    def details(self, asked: About) -> Answer:
        """Everything about one picture, with the address of the large one."""
        gallery = self.studio.require_gallery()
        hit = gallery.get(asked.id)
        told = self._told(hit) | {"src": self.studio.pictures.address(hit.path), "tags": "", "size": "", "date": ""}
        if isinstance(gallery, EditableGallery):
            picture = gallery.picture(asked.id)
            told |= {"tags": picture.tags, "size": f"{picture.width} × {picture.height}", "date": picture.date[:10]}
            told["file"] = picture.path if self.allowed else ""
        return {"picture": told}

    # -- changing ----------------------------------------------------------------------------------

    def edit(self, asked: Edit) -> Answer:
        """New words for a picture; answers as `details`."""
        self._own().edit(asked.id, **asked.model_dump(exclude={"id", "language"}))
        return self.details(About(id=asked.id, language=asked.language))

    def remove(self, asked: About) -> Answer:
        return {"removed": self._own().remove([asked.id])}

    def index(self, asked: Folder) -> Answer:
        """Begins to index a folder of this machine."""
        folder = asked.folder.strip()
        if not folder:
            return {"problem": text("index.empty", asked.language)}
        return self._begun(self.studio.index(folder), asked)

    def take(self, asked: Files) -> Answer:
        """Begins to copy files, which the page has uploaded, into the gallery."""
        uploads = self.uploads.resolve()
        files = [path for path in (Path(name).resolve() for name in asked.files) if path.is_relative_to(uploads)]
        files = [path for path in files if path.suffix.lower() in SUFFIXES and path.is_file()]
        if not files:
            return {"problem": text("index.no_files", asked.language)}
        return self._begun(self.studio.index(files=files), asked)

    def stop(self, asked: Asked) -> Answer:
        job = self.studio.indexing
        if job is not None:
            job.stop()
        return self.job(asked)

    def job(self, asked: Asked) -> Answer:
        """How far the indexing is, or how the last one ended."""
        job = self.studio.indexing
        if job is None:
            return {"job": None}
        running = not job.ended.is_set()
        told = {"running": running, "line": job.line(asked.language), "done": job.done, "total": job.total}
        return {"job": told | {"stoppable": not job.files, "bad": job.problem is not None}}

    # -- inside ------------------------------------------------------------------------------------

    def _begun(self, job: Indexing | None, asked: Asked) -> Answer:
        if job is None:
            return {"problem": text("index.busy", asked.language)}
        return self.job(asked)

    def _own(self) -> EditableGallery:
        gallery = self.studio.require_gallery()
        if not isinstance(gallery, EditableGallery):
            raise KeyError("not a gallery of one's own")
        return gallery

    def _tiles(self, hits: Sequence[Hit]) -> list[Answer]:
        return [self._told(hit) | {"thumb": self._thumbnail(hit)} for hit in hits]

    def _thumbnail(self, hit: Hit) -> str:
        gallery = self.studio.gallery
        if not isinstance(gallery, EditableGallery):
            return self.studio.addresses(hit)[0]
        # its id is made of its content, so the thumbnail of an id never changes
        return self.studio.pictures.lazily(f"tile\0{hit.id}", lambda: str(gallery.thumbnail(hit.id, TILE)))

    @staticmethod
    def _told(hit: Hit) -> Answer:
        names = ("id", "caption", "credit", "licence", "source", "approximate", "drawing")
        return {name: getattr(hit, name) for name in names} | {"score": round(hit.score, 4)}


Call = Callable[[GalleryCalls, Any], Answer]
# the question's "act" -> what it takes, how it is answered, and whether only those who may change pictures are
CALLS: dict[str, tuple[type[Asked], Call | None, bool]] = {
    "hello": (Asked, GalleryCalls.hello, False),
    "choices": (Asked, GalleryCalls.choices, False),
    "search": (Search, GalleryCalls.search, False),
    "duplicates": (Asked, GalleryCalls.duplicates, False),
    "details": (About, GalleryCalls.details, False),
    "skipped": (Asked, GalleryCalls.skipped, True),
    "edit": (Edit, GalleryCalls.edit, True),
    "remove": (About, GalleryCalls.remove, True),
    "index": (Folder, GalleryCalls.index, True),
    "take": (Files, GalleryCalls.take, True),
    "stop": (Asked, GalleryCalls.stop, True),
    "job": (Asked, GalleryCalls.job, True),
}
