"""A second pair of eyes: another model says whether a picture fits, for a writer that does not see."""

import math
from dataclasses import replace

import pytest

from composer.article import Article
from composer.errors import ModelFailed
from composer.events import CaptionReady, Notice
from composer.models.base import Capabilities
from composer.pipeline import Composer, Options
from composer.settings import load_settings
from tests.composer.answering import TITLE, answer, score_by
from tests.fakes import FakeGallery, FakeModel

SEES = Capabilities(sees_pictures=True, max_pictures=8, context_tokens=4096)


def fits_asked(model: FakeModel) -> list[int]:
    """Pictures in each question whether one fits."""
    return [len(prompt[-1].pictures) for prompt in model.prompts if "fit beside" in prompt[-1].text]


def chosen(article: Article) -> list[float]:
    return [s.illustration.chosen.evidence.yes for s in article.illustrated]  # type: ignore[union-attr, misc]


def test_the_judge_looks_and_the_writer_writes(gallery: FakeGallery) -> None:
    writer, judge = FakeModel(answer=answer), FakeModel(scorer=score_by({"": 0.97}), capabilities=SEES)
    composer = Composer(writer, gallery, judge)
    events = list(composer.compose(TITLE, Options(pictures=2)))
    assert composer.article.illustrated
    assert set(chosen(composer.article)) == {0.97}, "the judge's opinion is the evidence"
    assert fits_asked(judge)
    assert set(fits_asked(judge)) == {1}, "it is shown each picture"
    assert fits_asked(writer) == []
    assert not judge.samplings, "it writes nothing"
    assert not any(isinstance(event, CaptionReady) for event in events), "the writer does not see"
    assert composer.article.parameters["judge"] == "fake"
    alone = Composer(FakeModel(answer=answer), gallery)
    list(alone.compose(TITLE, Options(pictures=2)))
    assert "judge" not in alone.article.parameters


def test_a_judge_that_fails_is_said_and_the_writer_judges(gallery: FakeGallery) -> None:
    problem = ModelFailed(name="judge", doing="comparing answers", reason="it is gone")

    def gone(*_: object) -> float:
        raise problem

    writer, judge = FakeModel(answer=answer), FakeModel(scorer=gone, capabilities=SEES)
    events = list(Composer(writer, gallery, judge).compose(TITLE, Options(pictures=2)))
    assert [event.problem for event in events if isinstance(event, Notice)] == [problem], "once"
    assert fits_asked(writer)
    wanted = Composer(FakeModel(answer=answer), gallery, judge_problem=problem)
    told = [event.problem for event in wanted.compose(TITLE, Options(pictures=1)) if isinstance(event, Notice)]
    assert told == [problem]
    assert wanted.article.illustrated


def test_captions_are_asked_for_together(gallery: FakeGallery) -> None:
    """As many as the model computes at once; one by one where it computes one."""
    for at_once, batches in ((1, [1, 1]), (4, [2])):
        asked: list[int] = []

        class Counting(FakeModel):
            def reply(self, prompts, sampling, *, stop=None):  # type: ignore[no-untyped-def]
                if "You write the line" in prompts[0][0].text:
                    asked.append(len(prompts))  # noqa: B023 - used within the turn of the loop
                return super().reply(prompts, sampling, stop=stop)

        model = Counting(answer=answer, capabilities=replace(SEES, at_once=at_once))
        composer = Composer(model, gallery)
        events = list(composer.compose(TITLE, Options(pictures=2)))
        assert asked == batches
        assert len([event for event in events if isinstance(event, CaptionReady)]) == 2


@pytest.mark.parametrize(
    ("judge", "options"),
    [
        ("http://127.0.0.1:1/v1#d1", {"timeout": 5.0, "key_option": "judge_key_file"}),
        ("some-model", {"hub": "modelscope"}),
    ],
)
def test_the_settings_of_a_judge(judge: str, options: dict[str, object]) -> None:
    settings = load_settings(judge=judge, hub="modelscope", timeout=5, threads=3)
    assert settings.judge_options == options
    assert math.isclose(settings.timeout or 0, 5)
