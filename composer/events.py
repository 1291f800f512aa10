"""What a running composition tells its listeners: the page, the command line, programs.

Order of one composition:
    StepStarted("write"), SectionStarted, TextDelta … , SectionsReady, StepFinished("write"),
    a frame of StepStarted, StepProgress …, StepFinished around each further step of the family's `plan`:
    "retrieve", "spot" (one PictureChosen, where a picture is sure at once), "select" (PlacesFound, PictureChosen each),
    "caption" (CaptionReady each); of a family that was trained to name places: "spot" (PlacesFound), "caption"
    (CaptionReady each), "retrieve" (CandidatesReady each), "select" (PictureChosen each), ArticleReady.
A step without work is left out. Notice may come anywhere. Where the text goes in circles a SectionsReady comes before
its end: what is written goes on from there. A stopped composition ends with ArticleReady(stopped=True)
and holds what existed until then.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from common.errors import ReadableError
from composer.article import Article, Illustration, Section
from composer.models import Usage

Step = Literal["write", "spot", "caption", "retrieve", "select"]
STEPS: tuple[Step, ...] = ("write", "retrieve", "spot", "select", "caption")


@dataclass(frozen=True, slots=True)
class StepStarted:
    step: Step
    total: int = 0  # units of work (paragraphs, pictures); 0 where it is not known
    plan: tuple[Step, ...] = STEPS  # the steps of this composition in their order


@dataclass(frozen=True, slots=True)
class StepProgress:
    step: Step
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class StepFinished:
    step: Step
    seconds: float


@dataclass(frozen=True, slots=True)
class SectionStarted:
    """A section begins to be written; its text so far may be empty. Sent again when its kind turns out another."""

    section: Section


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A streamed piece of text: it stands at `offset` (characters) of the section's text."""

    section_id: str
    offset: int
    text: str


@dataclass(frozen=True, slots=True)
class SectionsReady:
    """The text is complete and cleaned; it replaces what was streamed."""

    article: Article


@dataclass(frozen=True, slots=True)
class PlacesFound:
    """The sections after which a picture stands, in order, and for each paragraph read how well its best picture fits
    (or, of a family that names places, how likely it is one)."""

    section_ids: tuple[str, ...]
    probabilities: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CaptionReady:
    section_id: str
    illustration: Illustration


@dataclass(frozen=True, slots=True)
class CandidatesReady:
    section_id: str
    illustration: Illustration


@dataclass(frozen=True, slots=True)
class PictureChosen:
    """`illustration.chosen` is set; its candidates carry the model's shares where the model chose."""

    section_id: str
    illustration: Illustration


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the person should know that did not end the composition, e.g. a place without a fitting picture."""

    problem: ReadableError
    section_id: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What the composition cost. seconds: step -> s, and "total". Token counts as the model counted them."""

    seconds: dict[str, float] = field(default_factory=dict)
    prefilled: int = 0
    reused: int = 0
    generated: int = 0


@dataclass(frozen=True, slots=True)
class ArticleReady:
    """The last event of every composition."""

    article: Article
    report: Report
    stopped: bool = False


Event = (
    StepStarted
    | StepProgress
    | StepFinished
    | SectionStarted
    | TextDelta
    | SectionsReady
    | PlacesFound
    | CaptionReady
    | CandidatesReady
    | PictureChosen
    | Notice
    | ArticleReady
)


class Run:
    """Times and token counts of one composition: puts the frame around its steps."""

    def __init__(self, usage: Usage) -> None:
        self._usage = usage
        self._start = time.perf_counter()
        self._seconds: dict[str, float] = {}

    def step(self, step: Step, events: Iterator[Event], *, plan: tuple[Step, ...], total: int = 0) -> Iterator[Event]:
        """The events of a step in the frame of its beginning and end. Time that the listener takes is not counted."""
        yield StepStarted(step, total, plan)
        spent, resumed = 0.0, time.perf_counter()
        for event in events:
            spent += time.perf_counter() - resumed
            yield event
            resumed = time.perf_counter()
        spent += time.perf_counter() - resumed
        self._seconds[step] = spent
        yield StepFinished(step, spent)

    def report(self, usage: Usage) -> Report:
        cost = usage - self._usage
        seconds = {**self._seconds, "total": time.perf_counter() - self._start}
        return Report(seconds, prefilled=cost.prefilled, reused=cost.reused, generated=cost.generated)
