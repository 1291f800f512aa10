"""What the Gallery tab's script asks of Python, and the answers: plain data in, plain data out; no Gradio here.

A request is {"act", "language", ...}; each action has a model of its further fields. Every answer is a dictionary;
one with "problem" holds a sentence for the person instead. Actions that change something or tell of this machine's
folders are answered only where `allowed` says so.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from common.decoding import without_halves
from common.errors import ReadableError
from common.messages import SOURCE_LANGUAGE, preferred_language
from retrieval.base import Browsable, Hit
from retrieval.editable import EditableGallery, FilteredGallery
from retrieval.ingest import SIDECAR_SUFFIXES, Beside, readable_name
from retrieval.paths import real_path, stored_path
from retrieval.pictures import SUFFIXES, suffix_of
from retrieval.records import Filters
from ui.gallery.facts import facts
from ui.indexing import Indexing
from ui.studio import Studio
from ui.texts import error_sentence, text

MAX_HITS = 480  # pictures of one search
TILE_PIXELS = 256  # longest side of a tile's picture: indexing has made these already
MAX_GROUPS = 60  # groups of duplicates shown
MAX_SKIPPED = 200
MAX_FILES = 10_000  # dropped at once
MAX_NAMED = 3  # of files that are not taken
CHOSEN = ",".join(
    ["image/*", *sorted(SUFFIXES), *SIDECAR_SUFFIXES]
)  # what the browser's dialog offers: it knows few kinds

Line = Annotated[str, Field(max_length=300)]
Words = Annotated[str, Field(max_length=10_000)]  # more than indexing takes from a file
Id = Annotated[str, Field(min_length=1, max_length=256)]
Answer = dict[str, Any]


class GalleryRequest(BaseModel):
    """What every request has. Of languages only those with a catalogue are ever looked up, whatever was sent."""

    model_config = ConfigDict(extra="forbid")
    language: Annotated[str, AfterValidator(preferred_language)] = SOURCE_LANGUAGE


class FilterForm(BaseModel):
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


class SearchRequest(GalleryRequest):
    query: str = ""
    like: str = ""  # id: pictures like that one
    filters: FilterForm = FilterForm()
    count: Annotated[int, Field(ge=1, le=MAX_HITS)] = 48


class PictureRequest(GalleryRequest):
    id: Id


class EditRequest(PictureRequest):
    caption: Words
    tags: Words
    credit: Words
    licence: Words
    source: Words


class FolderRequest(GalleryRequest):
    folder: Annotated[str, Field(max_length=4096)] = ""


class FilesRequest(GalleryRequest):
    files: Annotated[list[Annotated[str, Field(max_length=4096)]], Field(max_length=MAX_FILES)]


class GalleryActions:
    """Answers one visitor. `allowed`: whether they may change pictures; `uploads`: where uploads of the page lie."""

    def __init__(self, studio: Studio, *, allowed: bool, uploads: Path) -> None:
        self.studio, self.allowed, self.uploads = studio, allowed, uploads

    def answer(self, sent: object) -> Answer:
        """The answer to a request; never raises for what a visitor sent or the gallery could not do."""
        fields = without_halves(sent) if isinstance(sent, dict) else {}
        language = preferred_language(str(fields.get("language")))
        model, action, guarded = ACTIONS.get(str(fields.pop("act", None)), (GalleryRequest, None, False))
        if self.studio.gallery is None and self.studio.gallery_problem is None and action is not GalleryActions.hello:
            return {"problem": text("gallery.opening", language)}
        if action is None or (guarded and not self.allowed):
            return {"problem": text("gallery.read_only" if guarded else "gallery.failed", language)}
        try:
            answer: Answer = without_halves(action(self, model.model_validate(fields)))  # names of files may be no text
            return answer
        except ValidationError:
            return {"problem": text("gallery.failed", language)}
        except KeyError:
            return {"problem": text("gallery.gone", language)}
        except ReadableError as error:
            return {"problem": error_sentence(error, language)}

    # -- looking -----------------------------------------------------------------------------------

    def hello(self, request: GalleryRequest) -> Answer:
        """What this visitor can do here, the gallery's facts, and the indexing that is going on."""
        gallery = self.studio.gallery
        answer: Answer = {"may": self.allowed, "job": self.job(request)["job"] if self.allowed else None}
        answer |= {"editable": isinstance(gallery, EditableGallery), "filterable": isinstance(gallery, FilteredGallery)}
        answer["chosen"] = CHOSEN
        answer["few_searches"] = getattr(gallery, "few_searches", False)
        return answer if gallery is None else answer | facts(gallery, request.language)

    def choices(self, request: GalleryRequest) -> Answer:
        """What can be filtered by. Folders are named only to those who may name folders of this machine."""
        gallery = self._editable()
        found = gallery.choices()
        folders = [(stored_path(path), count) for path, count in found.folders.items()] if self.allowed else []
        return {
            "tags": list(found.tags.items())[:500],
            "folders": folders[:500],
            "licences": list(found.licences)[:100],
        }

    def search(self, request: SearchRequest) -> Answer:
        """Pictures for a query, like a picture, or without either the newest; at most `count`."""
        gallery = self.studio.require_gallery()
        words = " ".join(request.query.split())[:300]
        form = request.filters if self.allowed else request.filters.model_copy(update={"folder": ""})
        filters = Filters(**form.model_dump() | {"folder": real_path(form.folder)})
        if isinstance(gallery, FilteredGallery) and request.like:
            hits = gallery.like(request.like, k=request.count, filters=filters, quick=True)
        elif isinstance(gallery, FilteredGallery) and words:
            hits = gallery.search(words, k=request.count, filters=filters, quick=True)
        elif isinstance(gallery, EditableGallery):
            hits = gallery.browse(limit=request.count, filters=filters)
        elif words:
            hits = gallery.search(words, k=request.count)
        else:
            hits = gallery.browse(limit=request.count) if isinstance(gallery, Browsable) else []
        return {"hits": self._tiles(hits), "more": len(hits) == request.count < MAX_HITS}

    def duplicates(self, request: GalleryRequest) -> Answer:
        groups = self._editable().duplicates()
        groups.sort(key=len, reverse=True)
        return {"groups": [self._tiles(group[:MAX_HITS]) for group in groups[:MAX_GROUPS]], "count": len(groups)}

    def skipped(self, request: GalleryRequest) -> Answer:
        """Files that were left out, each with the reason."""
        left_out = self._editable().skipped()[:MAX_SKIPPED]
        return {"skipped": [(path, reason.text(request.language)) for path, reason in left_out]}

    def details(self, request: PictureRequest) -> Answer:
        """Everything about one picture, with the address of the large one."""
        gallery = self.studio.require_gallery()
        hit = gallery.get(request.id)
        answer = self._described(hit) | {
            "src": self.studio.pictures.address(hit.path),
            "tags": "",
            "size": "",
            "date": "",
        }
        if isinstance(gallery, EditableGallery):
            picture = gallery.picture(request.id)
            answer |= {"tags": picture.tags, "size": f"{picture.width} × {picture.height}", "date": picture.date[:10]}
            answer["file"] = picture.path if self.allowed else ""
            answer["text"] = picture.text_inside or ""
        return {"picture": answer}

    # -- changing ----------------------------------------------------------------------------------

    def edit(self, request: EditRequest) -> Answer:
        """New words for a picture; answers as `details`."""
        self._editable().edit(request.id, **request.model_dump(exclude={"id", "language"}))
        return self.details(PictureRequest(id=request.id, language=request.language))

    def remove(self, request: PictureRequest) -> Answer:
        return {"removed": self._editable().remove([request.id])}

    def index(self, request: FolderRequest) -> Answer:
        """Begins to index a folder of this machine."""
        folder = request.folder.strip()
        if not folder:
            return {"problem": text("index.empty", request.language)}
        return self._job_begun(self.studio.index(folder), request)

    def take(self, request: FilesRequest) -> Answer:
        """Begins to copy files, which the page has uploaded, into the gallery."""
        uploads = self.uploads.resolve()
        files = [path for path in (Path(name).resolve() for name in request.files) if path.is_relative_to(uploads)]
        files = [path for path in files if path.is_file()]
        pictures = [path for path in files if suffix_of(path.name) in SUFFIXES]
        if not pictures:
            return {"problem": text("index.no_files", request.language)}
        named = Beside(path.name for path in files)
        words = {name for path in pictures for name in named.of(path.name)}
        others = [path.name for path in files if path not in pictures and path.name not in words]
        answer = self._job_begun(self.studio.index(files=[path for path in files if path.name not in others]), request)
        if others and "problem" not in answer:
            named_others = ", ".join(map(readable_name, others[:MAX_NAMED])) + ("…" if others[MAX_NAMED:] else "")
            answer["not_taken"] = text("index.not_taken", request.language, count=len(others), names=named_others)
        return answer

    def stop(self, request: GalleryRequest) -> Answer:
        job = self.studio.indexing
        if job is not None:
            job.stop()
        return self.job(request)

    def job(self, request: GalleryRequest) -> Answer:
        """How far the indexing is, or how the last one ended."""
        job = self.studio.indexing
        if job is None:
            return {"job": None}
        running = not job.ended.is_set()
        answer = {"running": running, "line": job.status_line(request.language), "done": job.done, "total": job.total}
        return {"job": answer | {"stoppable": not job.files, "bad": job.problem is not None}}

    # -- inside ------------------------------------------------------------------------------------

    def _job_begun(self, job: Indexing | None, request: GalleryRequest) -> Answer:
        if job is None:
            return {"problem": text("index.busy", request.language)}
        return self.job(request)

    def _editable(self) -> EditableGallery:
        gallery = self.studio.require_gallery()
        if not isinstance(gallery, EditableGallery):
            raise KeyError("not a gallery of one's own")
        return gallery

    def _tiles(self, hits: Sequence[Hit]) -> list[Answer]:
        return [self._described(hit) | {"thumb": self._thumbnail(hit)} for hit in hits]

    def _thumbnail(self, hit: Hit) -> str:
        gallery = self.studio.gallery
        if not isinstance(gallery, EditableGallery):
            return self.studio.addresses(hit)[0]
        # its id is made of its content, so the thumbnail of an id never changes
        return self.studio.pictures.lazy_address(f"tile\0{hit.id}", lambda: str(gallery.thumbnail(hit.id, TILE_PIXELS)))

    @staticmethod
    def _described(hit: Hit) -> Answer:
        names = ("id", "caption", "credit", "licence", "source", "approximate", "drawing", "likely")
        return {name: getattr(hit, name) for name in names} | {"score": round(hit.score, 4)}


Action = Callable[[GalleryActions, Any], Answer]
# name of the action -> its request, its answer, and whether it is only for those who may change pictures
ACTIONS: dict[str, tuple[type[GalleryRequest], Action | None, bool]] = {
    "hello": (GalleryRequest, GalleryActions.hello, False),
    "choices": (GalleryRequest, GalleryActions.choices, False),
    "search": (SearchRequest, GalleryActions.search, False),
    "duplicates": (GalleryRequest, GalleryActions.duplicates, False),
    "details": (PictureRequest, GalleryActions.details, False),
    "skipped": (GalleryRequest, GalleryActions.skipped, True),
    "edit": (EditRequest, GalleryActions.edit, True),
    "remove": (PictureRequest, GalleryActions.remove, True),
    "index": (FolderRequest, GalleryActions.index, True),
    "take": (FilesRequest, GalleryActions.take, True),
    "stop": (GalleryRequest, GalleryActions.stop, True),
    "job": (GalleryRequest, GalleryActions.job, True),
}
