"""What all visitors share: the settings, the model and the gallery, which load in the background, and the addresses of
pictures. Of a visitor nothing is kept here but which session to end when their tab closes.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from common.errors import ReadableError, release_locals
from common.messages import _
from composer.conversations import ConversationStore
from composer.drafts import DraftStore
from composer.models import LoadProgress, Model
from retrieval.base import Hit, PictureGallery
from ui.files import PictureServer
from ui.indexing import Indexing
from ui.scheduling import Job, Line, Place, shared_judge, shared_model
from ui.session import WORKS, ModelRun, OutlivesReload, Session, Work
from ui.texts import error_sentence, text

if TYPE_CHECKING:
    from composer.chat import Conversation
    from composer.pipeline import Composer

_log = logging.getLogger(__name__)

THUMBNAIL = 320  # pixels: longest side in a grid, twice the size shown

LoadModel = Callable[[Callable[[LoadProgress], None]], Model]
ModelChoice = Literal["nobody", "here", "everybody"]
OpenGallery = Callable[[], PictureGallery]


class JudgeFailed(ReadableError):
    """The judge did not load, for a reason that was not foreseen."""

    sentence = _("The judge of pictures did not load; the reason is in the program's log ({kind}).")


class LoadNamed(Protocol):
    """Loads a model by name, folder or file."""

    def __call__(self, name: str, *, quantization: str | None, progress: Callable[[LoadProgress], None]) -> Model: ...


Download = Callable[[Callable[[LoadProgress], None]], object]


@dataclass(frozen=True, slots=True)
class Status:
    """What the header shows of the model."""

    tone: str  # "busy", "ready" or "bad"
    text: str
    detail: str = ""
    fraction: float | None = None  # of the loading, where it is known


class Studio:
    """One per process. `load` and `open_gallery` are called once, each in a thread of its own, by `start`."""

    def __init__(
        self,
        load: LoadModel,
        open_gallery: OpenGallery,
        *,
        load_judge: Callable[[], Model | None] = lambda: None,
        language: str = "auto",
        shared: bool = False,
        trust_local: bool = False,
        load_named: "LoadNamed | None" = None,
        model_choice: ModelChoice = "here",
        drafts: DraftStore | None = None,
        drafts_problem: ReadableError | None = None,
        conversations: ConversationStore | None = None,
        conversations_problem: ReadableError | None = None,
    ) -> None:
        """load_judge: a model that chooses pictures for the first one, if there is one (`composer.pipeline.Composer`).
        load_named: loads another model on the page; None: that cannot be done. model_choice: who may choose it;
        "here": who sits at this machine. drafts None: articles live as long as their tab; `drafts_problem` may say
        why. conversations: likewise."""
        self.language = language  # of the page: a language's code, or "auto" for the browser's
        self.shared = shared  # strangers can reach the page through a public address
        self.trust_local = trust_local  # whoever comes from this machine may change the gallery, through a proxy too
        self.load_named, self.model_choice = load_named, model_choice
        self.drafts, self.drafts_problem = drafts, drafts_problem
        self.conversations, self.conversations_problem = conversations, conversations_problem
        self.secret = secrets.token_bytes(32)  # signs what a view is given to show whose it is
        self.pictures = PictureServer()
        self.model: Model | None = None
        self.judge: Model | None = None
        self.judge_problem: ReadableError | None = None
        self.gallery: PictureGallery | None = None
        self.progress: LoadProgress | None = None
        self.model_problem: Exception | None = None
        self.gallery_problem: Exception | None = None
        self.attribution = ""  # the line that must stand where the gallery's pictures are shown
        self.speed = 0.0  # tokens a second of the last text
        self.model_settled = threading.Event()  # loaded, or failed for good
        self.gallery_settled = threading.Event()
        self._load, self._load_judge, self._open_gallery = load, load_judge, open_gallery
        self.line = Line(lambda: self.model.capabilities if self.model is not None else None)
        self._judge_line = Line(lambda: self.judge.capabilities if self.judge is not None else None)
        self._visitors: dict[str, Session] = {}  # Gradio's session hash -> what belongs to that tab of a browser
        self._lock = threading.Lock()
        self._describer: Any = None
        self.lasting: list[OutlivesReload] = []  # what is going on and whose page may be loaded anew
        self.indexing: Indexing | None = None  # the last one that was begun
        self.change: Any = None  # the last `ui.models.ModelChange` that was begun

    # -- loading -----------------------------------------------------------------------------------

    def start(self) -> None:
        """Begins to load; returns at once."""
        threading.Thread(target=self._start_gallery, name="gallery", daemon=True).start()
        threading.Thread(target=self._start_model, name="model", daemon=True).start()

    def _start_model(self) -> None:
        try:
            if self.judge is None:
                self._start_judge()
            self.model = self._load(self._on_progress)
        except Exception as error:  # noqa: BLE001 - shown in the status line: the page must live on without a model
            _log.error("The model did not load: %s", error, exc_info=not isinstance(error, ReadableError))
            release_locals(error)
            self.model_problem = error
        finally:
            self.model_settled.set()

    def _start_judge(self) -> None:
        """Before the model: who asks for an article soon after the start gets it with the judge's choices."""
        try:
            self.judge = self._load_judge()
        except Exception as error:  # noqa: BLE001 - each article tells it: the page must live on without a judge
            _log.error("The judge did not load: %s", error, exc_info=not isinstance(error, ReadableError))
            release_locals(error)
            self.judge_problem = error if isinstance(error, ReadableError) else JudgeFailed(kind=type(error).__name__)

    def use_model(self, model: Model | None, load: LoadModel | None = None) -> Model | None:
        """Everybody asks this model from now on; None: they wait until another one is loaded. load: loads it again.
        Returns the model before it, which the caller closes."""
        former, self.model = self.model, model
        if model is None:
            self.model_settled.clear()
            return former
        self.model_problem, self.speed, self._load = None, 0.0, load or self._load
        self.model_settled.set()
        return former

    def load_again(self) -> None:
        """Loads the model that was there before, or sets `model_problem`."""
        self._start_model()

    def _on_progress(self, progress: LoadProgress) -> None:
        self.progress = progress

    def _start_gallery(self) -> None:
        try:
            self.use_gallery(self._open_gallery())
        except Exception as error:  # noqa: BLE001 - shown in the Gallery tab: the page must live on without a gallery
            _log.error("The gallery did not open: %s", error, exc_info=not isinstance(error, ReadableError))
            self.gallery_problem = error
        finally:
            self.gallery_settled.set()

    @property
    def settled(self) -> bool:
        return self.model_settled.is_set() and self.gallery_settled.is_set()

    @property
    def loads(self) -> bool:
        """Something is being loaded, in a thread that must not be taken down in the middle of it."""
        changing = self.change is not None and not self.change.ended.is_set()
        return not self.settled or changing

    def use_gallery(self, gallery: PictureGallery) -> None:
        """From now on everybody searches this gallery."""
        self.attribution = gallery.info().attribution
        self.gallery, self.gallery_problem = gallery, None

    def index(self, folder: str = "", files: Sequence[Path] = ()) -> Indexing | None:
        """Begins to index a folder, or files that were dropped in, one job at a time; None while one is going on."""
        with self._lock:
            if self.indexing is not None and not self.indexing.ended.is_set():
                return None
            self.indexing = Indexing(lambda: self.gallery, self.use_gallery, folder, files)
            return self.indexing

    def begin_change(self, begin: Callable[[], Any]) -> bool:
        """Begins to change the model or to download one; False while that is going on already."""
        with self._lock:
            if self.change is not None and not self.change.ended.is_set():
                return False
            self.change = begin()
            return True

    # -- work --------------------------------------------------------------------------------------

    def model_of(self, job: Job) -> Model:
        """The model, whose calls wait for that job's turns. Raises the error that loading ended with."""
        self.require_model()
        return shared_model(self.line, job, self.require_model)

    def composer(self, job: Job) -> "Composer":
        """A composer of its own for one piece of work. Raises the error that loading ended with."""
        from composer.pipeline import Composer

        model, gallery = self.model_of(job), self.require_gallery()
        judge = None if self.judge is None else shared_judge(self._judge_line, self.judge, job.stop)
        return Composer(model, gallery, judge, judge_problem=self.judge_problem)

    def conversation(
        self, job: Job, language: str = "en", *, instructions: str = "", material: str = ""
    ) -> "Conversation":
        """A new conversation. language: of the page; answers keep to it until a question in words shows another one."""
        from composer.chat import Conversation

        model = self.model_of(job)
        with self._lock:
            if self._describer is None and not model.capabilities.sees_pictures:
                from composer.models import PictureDescriber

                self._describer = PictureDescriber()
        return Conversation(
            model,
            self._describer,
            language="zh" if language.startswith("zh") else "en",
            instructions=instructions,
            material=material,
        )

    def require_model(self) -> Model:
        if self.model is None:
            raise self.model_problem or RuntimeError("the model is not loaded yet")
        return self.model

    def require_gallery(self) -> PictureGallery:
        if self.gallery is None:
            raise self.gallery_problem or RuntimeError("the gallery is not open yet")
        return self.gallery

    def addresses(self, hit: Hit) -> tuple[str, str]:
        """The addresses of a hit's thumbnail and of its picture. A thumbnail is made when it is first asked for."""
        picture = self.pictures.address(hit.path)
        thumbnail = getattr(self.gallery, "thumbnail", None)
        if thumbnail is None:
            return picture, picture
        name = f"thumbnail\0{picture}\0{THUMBNAIL}"
        return self.pictures.lazy_address(name, lambda: str(thumbnail(hit.id, THUMBNAIL))), picture

    def join(self, session: Session, work: Work) -> Job:
        """The session's job of that kind, at the end of the line before the model if there is none yet."""
        return self.line.join(session.job_key(work), session.owner or session.id, long=work == "article")

    def begin(self, session: Session, work: Work) -> ModelRun:
        """A new run of that kind with the session's job in the line; one that is still going is told to stop."""
        job = self.join(session, work)
        if job.begun is not None:  # of the run before, which ends soon
            self.line.end(job)
            job = self.join(session, work)
        run = ModelRun(job=job)
        job.stop = run.stop
        session.begin(work, run)
        return run

    def waiting_place(self, session: Session, work: Work) -> Place | None:
        """Where the session's job of that kind stands, which joins the line if there is none yet."""
        self.join(session, work)
        return self.place(session, work)

    def place(self, session: Session, work: Work) -> Place | None:
        """Where that job stands; None where there is none."""
        return self.line.place(session.job_key(work))

    def leave(self, session: Session, work: Work) -> None:
        """That job has ended, or is not wanted any more."""
        self.line.leave(session.job_key(work))

    def record_speed(self, tokens: int, seconds: float) -> None:
        """Remembers the speed of the last text for the header."""
        if tokens > 0 and seconds > 0:
            self.speed = tokens / seconds

    # -- visitors ----------------------------------------------------------------------------------

    def visitor_arrived(self, session_hash: str, session: Session) -> None:
        """Remembers whose work stops when that tab of a browser closes."""
        with self._lock:
            self._visitors[session_hash] = session

    def visitor_left(self, session_hash: str) -> None:
        """The tab closed: its work stops, an article's where nobody comes back to it. The model is free for others."""
        with self._lock:
            session = self._visitors.pop(session_hash, None)
        if session is not None:
            session.leave()
            for work in WORKS:
                if not session.is_at(work):
                    self.leave(session, work)

    # -- status ------------------------------------------------------------------------------------

    def status(self, language: str) -> Status:
        """The model's state as a line for the header."""
        if self.model is not None:
            return ready_status(self.model, self.speed, language)
        if self.model_problem is not None:
            return Status("bad", text("status.failed", language, reason=error_sentence(self.model_problem, language)))
        return loading_status(self.progress, language)

    def close(self) -> None:
        """Stops everybody's work and frees the model."""
        with self._lock:
            visitors = list(self._visitors.values())
        if self.change is not None:
            self.change.cancel()
        for session in visitors:
            session.close()
        if self.model is not None:
            self.model.close()
        if self.judge is not None:
            self.judge.close()
        self.pictures.close()
        for store in (self.drafts, self.conversations):
            if store is not None:
                store.close()


def loading_status(progress: LoadProgress | None, language: str) -> Status:
    if progress is None or progress.stage == "ready":
        return Status("busy", text("status.waiting", language))
    fraction = min(1.0, progress.done / progress.total) if progress.total else None
    percent = f" {fraction:.0%}" if fraction is not None else ""
    return Status("busy", text(f"status.{progress.stage}", language) + percent, progress.detail, fraction)


def ready_status(model: Model, speed: float, language: str) -> Status:
    can = model.capabilities
    parts = [text("status.sees" if can.sees_pictures else "status.blind", language)]
    parts.append(" + ".join(device.upper() for device in can.devices))
    if can.memory_bytes:
        parts.append(f"{can.memory_bytes / 1e9:.1f} GB")
    if speed:
        parts.append(text("status.speed", language, speed=f"{speed:.0f}"))
    return Status("ready", model.name, " · ".join(part for part in parts if part))


def wait_until(settled: threading.Event, stop: threading.Event, seconds: float = 0.3) -> bool:
    """Waits a moment for loading to end; False as soon as the person stops. A step of a polling generator."""
    deadline = time.monotonic() + seconds
    while not settled.wait(0.05):
        if stop.is_set() or time.monotonic() > deadline:
            break
    return not stop.is_set()
