"""The whole pipeline and the chat with the native model on tiny weights: nonsense text, right mechanics."""

from pathlib import Path

import pytest

from composer.article import Article, Section
from composer.chat import Conversation
from composer.events import ArticleReady, CaptionReady, Event, Notice, PictureChosen, PlacesFound, TextDelta
from composer.models.base import Picture, Sampling
from composer.models.registry import load_model
from composer.models.xcomposer.adapter import XComposerModel
from composer.pipeline import Composer, Options
from tests.fakes import FakeGallery


@pytest.fixture(scope="module")
def model(tiny_folder: Path) -> XComposerModel:
    loaded = load_model(str(tiny_folder), num_gpus=0)
    assert isinstance(loaded, XComposerModel)
    return loaded


def of_kind(events: list[Event], kind: type) -> list[Event]:
    return [event for event in events if isinstance(event, kind)]


@pytest.mark.parametrize("beams", [1, 3])
def test_an_article_from_a_title(model: XComposerModel, tmp_path: Path, beams: int) -> None:
    composer = Composer(model, FakeGallery(tmp_path))
    sampling = Sampling(max_tokens=60, beams=beams, repetition_penalty=1.3)
    events = list(composer.compose("如何养好一只宠物", Options(pictures=1, language="zh", sampling=sampling)))
    assert of_kind(events, TextDelta)
    last = events[-1]
    assert isinstance(last, ArticleReady)
    assert last.report.generated > 0
    assert last.article.model == model.name


def test_pictures_for_an_article_that_is_there(model: XComposerModel, tmp_path: Path) -> None:
    texts = ("A cat needs fresh water.", "It sleeps beside the window.", "Trust grows slowly.", "The garden is open.")
    article = Article("A cat", tuple(Section(f"s{i}", text * 15) for i, text in enumerate(texts)))
    composer = Composer(model, FakeGallery(tmp_path))
    events = list(composer.illustrate(article, Options(pictures=2)))
    places = of_kind(events, PlacesFound)
    assert len(places) == 1
    assert isinstance(places[0], PlacesFound)
    assert len(places[0].section_ids) == 2
    assert len(of_kind(events, CaptionReady)) == 2
    chosen = [event for event in events if isinstance(event, PictureChosen)]
    assert len(chosen) == 2
    for event in chosen:
        illustration = event.illustration
        assert illustration.chosen is not None
        shares = [candidate.share for candidate in illustration.candidates]
        assert sum(share or 0.0 for share in shares) == pytest.approx(1.0)  # the model looked at the pictures and chose
    last = events[-1]
    assert isinstance(last, ArticleReady)
    assert last.report.reused > last.report.prefilled  # the article was read once for all questions
    assert not [event for event in events if isinstance(event, Notice)]


def test_a_conversation_about_a_picture(model: XComposerModel) -> None:
    from PIL import Image

    conversation = Conversation(model)
    sampling = Sampling(max_tokens=10, repetition_penalty=1.2)
    shown = Picture.open(Image.new("RGB", (30, 20), "red"))
    first = "".join(conversation.ask("What is this?", [shown], sampling))
    second = "".join(conversation.ask("And its name?", (), sampling))
    assert [turn.answer for turn in conversation.turns] == [first, second]
    assert all(turn.finished for turn in conversation.turns)
