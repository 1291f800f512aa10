"""The pipeline when it is stopped, and when the model or the gallery fails: what exists is kept."""

import threading
from collections.abc import Collection, Sequence
from pathlib import Path

import pytest

from composer.errors import ModelFailed
from composer.events import (
    ArticleReady,
    Notice,
    PictureChosen,
    PlacesFound,
    SectionsReady,
    StepFinished,
    StepProgress,
    StepStarted,
    TextDelta,
)
from composer.models.base import Message, Sampling
from composer.pipeline import Composer, Options
from retrieval.base import Hit
from retrieval.errors import GalleryUnreadable
from tests.composer.answering import TITLE, answer, score_by, steps
from tests.fakes import FakeGallery, FakeModel

# -- stopping ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [TextDelta, SectionsReady, StepProgress, PlacesFound, PictureChosen])
def test_stopping_anywhere_keeps_what_exists(kind: type, model: FakeModel, gallery: FakeGallery) -> None:
    stop, events = threading.Event(), []
    composer = Composer(model, gallery)
    for event in composer.compose(TITLE, Options(pictures=3), stop=stop):
        events.append(event)
        if isinstance(event, kind):
            stop.set()
    last = events[-1]
    assert isinstance(last, ArticleReady)
    assert last.stopped
    assert last.article.sections, "what was written is kept"
    after = events[[isinstance(event, kind) for event in events].index(True) + 1 :]
    assert sum(isinstance(event, kind) for event in after) <= 1
    assert len([e for e in events if isinstance(e, StepStarted)]) == len(
        [e for e in events if isinstance(e, StepFinished)]
    )


def test_stopping_keeps_the_half_sentence(gallery: FakeGallery) -> None:
    stop = threading.Event()
    composer = Composer(FakeModel(article="The cat sleeps in the sun. It dreams of a fish that nobody"), gallery)
    for event in composer.compose(TITLE, stop=stop):
        if isinstance(event, TextDelta) and "dream" in composer.article.sections[0].text:
            stop.set()
    assert "It dream" in composer.article.sections[0].text


def test_closing_the_generator_stops_the_model(gallery: FakeGallery) -> None:
    model = FakeModel()
    events = Composer(model, gallery).compose(TITLE)
    for event in events:
        if isinstance(event, TextDelta):
            break
    events.close()  # type: ignore[attr-defined]  # the iterator is a generator
    generated = model.usage.generated
    assert generated < len(model.article) / model.piece
    assert list(events) == []


# -- failures ------------------------------------------------------------------------------------------


class Broken(FakeModel):
    """Fails from the given call on."""

    def __init__(self, call: str, after: int = 0) -> None:
        super().__init__(answer=answer, scorer=score_by({"bowl of": 0.9, "soft bed": 0.8}))
        self.call, self.after = call, after

    def _fail(self, call: str) -> None:
        if call == self.call:
            self.after -= 1
            if self.after < 0:
                raise ModelFailed(name="fake", doing="working", reason="cable pulled")

    def stream(self, messages: Sequence[Message], sampling: Sampling, *, stop: threading.Event | None = None):  # type: ignore[no-untyped-def]  # as FakeModel's
        writes = sampling.max_tokens > 100
        if not writes:
            self._fail("things")
        for piece in super().stream(messages, sampling, stop=stop):
            if writes:
                self._fail("stream")
            yield piece

    def score(self, messages: Sequence[Message], options: Sequence[str]) -> list[float]:
        self._fail("yes" if "Yes" in options else "letters")
        return super().score(messages, options)


@pytest.mark.parametrize(("call", "after", "read"), [("things", 0, 0), ("yes", 0, 0), ("yes", 1, 1), ("things", 1, 1)])
def test_a_failing_model_costs_no_text_and_no_pictures(call: str, after: int, read: int, gallery: FakeGallery) -> None:
    composer = Composer(Broken(call, after), gallery)
    events = list(composer.compose(TITLE, Options(pictures=2)))
    problems = [event.problem for event in events if isinstance(event, Notice)]
    assert [type(problem) for problem in problems] == [ModelFailed], "said once"
    assert isinstance(events[-1], ArticleReady)
    assert len(composer.article.sections) == 6
    chosen = [s.illustration.chosen for s in composer.article.illustrated if s.illustration]
    assert len(chosen) == 2, "where the model fails, the words decide"
    asked = [c.evidence.yes is not None for c in chosen if c and c.evidence]
    assert any(asked) == bool(read), "what was found so far stays"


def test_a_model_failing_while_writing_keeps_full_sentences(gallery: FakeGallery) -> None:
    composer = Composer(Broken("stream", after=18), gallery)
    events = list(composer.compose(TITLE, Options(pictures=0)))
    assert any(isinstance(event, Notice) and "cable pulled" in event.problem.text("en") for event in events)
    assert composer.article.sections
    assert composer.article.sections[-1].text.endswith(".")
    assert isinstance(events[-1], ArticleReady)


def test_a_model_that_writes_nothing_is_reported(gallery: FakeGallery) -> None:
    events = list(Composer(FakeModel(article="\n\n"), gallery).compose(TITLE))
    assert [event.problem.text("en")[:23] for event in events if isinstance(event, Notice)] == [
        "The model wrote nothing"
    ]
    assert steps(events) == ["write"]


class BrokenGallery(FakeGallery):
    works_for = 0

    def search(self, query: object, *, k: int = 4, exclude: Collection[str] = ()) -> list[Hit]:
        self.works_for -= 1
        if self.works_for < 0:
            raise GalleryUnreadable(place="G", reason="the disk is gone")
        return super().search(query, k=k, exclude=exclude)


@pytest.mark.parametrize("works_for", [0, 1, 8])
def test_a_failing_gallery_costs_no_text_and_is_said_once(works_for: int, model: FakeModel, tmp_path: Path) -> None:
    broken = BrokenGallery(tmp_path)
    broken.works_for = works_for
    composer = Composer(model, broken)
    events = list(composer.compose(TITLE, Options(pictures=3)))
    problems = [event.problem.text("zh") for event in events if isinstance(event, Notice)]
    assert problems.count("图库“G”无法使用：the disk is gone") == 1
    assert len(composer.article.sections) == 6
    assert isinstance(events[-1], ArticleReady)


def test_an_empty_gallery_is_reported(model: FakeModel, tmp_path: Path) -> None:
    for pictures, said in ((2, "0 of the 2 pictures"), (None, "has no picture that fits")):
        events = list(Composer(model, FakeGallery(tmp_path, count=0)).compose(TITLE, Options(pictures=pictures)))
        (notice,) = [event for event in events if isinstance(event, Notice)]
        assert said in notice.problem.text("en")


def test_a_gallery_with_one_picture_shows_it_once(model: FakeModel, tmp_path: Path) -> None:
    composer = Composer(model, FakeGallery(tmp_path, count=1))
    events = list(composer.compose(TITLE, Options(pictures=2)))
    chosen = [s.illustration.chosen for s in composer.article.illustrated if s.illustration]
    assert [c.id for c in chosen if c] == ["p0"]
    assert sum(isinstance(event, Notice) for event in events) == 1
