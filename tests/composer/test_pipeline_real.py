"""The pipeline with the embedded model and gallery: what a fake cannot show."""

import re
import threading
from typing import TYPE_CHECKING

import pytest

from composer.article import Article, Section
from composer.chat import Conversation
from composer.events import ArticleReady, CaptionReady, Event, Notice, PlacesFound, StepStarted, TextDelta
from composer.exporting import to_html
from composer.models.base import Sampling, Usage
from composer.pipeline import Composer, Options
from composer.prompts.general import GeneralPrompts
from retrieval import open_gallery

if TYPE_CHECKING:
    from composer.models.gguf.model import GgufModel

pytestmark = pytest.mark.real

SEEN = "一只橘猫躺在窗台上晒太阳，旁边放着一碗清水。"
UNSEEN = "总的来说，这种看法取决于每个人的经历和性格。"


def test_an_english_title_becomes_an_illustrated_article(embedded_model: "GgufModel") -> None:
    composer = Composer(embedded_model, open_gallery(None))
    sampling = Sampling(temperature=0.4, top_p=0.9, repetition_penalty=1.1, seed=3)
    events: list[Event] = []
    used: list[Usage] = []  # before and after the first caption
    for event in composer.compose(
        "How to take good care of a pet cat", Options(pictures=2, length="short", sampling=sampling)
    ):
        events.append(event)
        if isinstance(event, CaptionReady) or event == StepStarted("caption", 2):
            used.append(embedded_model.usage)
    cost = used[1] - used[0]
    assert cost.reused > 2 * cost.prefilled > 0, "what the model has just written is not computed again"
    last = events[-1]
    assert isinstance(last, ArticleReady)
    assert not last.stopped
    assert [event.problem.text() for event in events if isinstance(event, Notice)] == []
    article = last.article
    paragraphs = [section.text for section in article if section.kind == "paragraph"]
    assert len(paragraphs) >= 3
    assert "cat" in " ".join(paragraphs)
    assert all(text.rstrip('*")”')[-1] in ".!?:" for text in paragraphs), "full sentences"
    assert not any(re.match(r"#|[-*] |\d+\.", text) for text in paragraphs), "prose, no marks of lists"
    chosen = [s.illustration.chosen for s in article.illustrated if s.illustration]
    assert len(chosen) == 2
    assert len({c.id for c in chosen if c}) == 2
    for section in article.illustrated:
        assert section.illustration is not None
        assert sum(c.share or 0.0 for c in section.illustration.candidates) == pytest.approx(1.0, abs=1e-6)
    assert last.report.reused > last.report.prefilled, "questions share the article's beginning"
    assert to_html(article).count("<img") == 2
    assert "OpenMoji" in to_html(article)


def test_a_chinese_text_is_illustrated_where_there_is_something_to_see(embedded_model: "GgufModel") -> None:
    gallery = open_gallery(None)
    composer = Composer(embedded_model, gallery)
    article = Article(
        "猫的一天", (Section("s1", UNSEEN), Section("s2", SEEN), Section("s3", UNSEEN[:-1] + "吧。")), "zh"
    )
    events = list(composer.illustrate(article, Options(pictures=1)))
    places = next(event for event in events if isinstance(event, PlacesFound))
    assert places.section_ids == ("s2",)
    assert places.probabilities["s2"] > 0.5 > places.probabilities["s1"]
    illustration = composer.article.section("s2").illustration
    assert illustration is not None
    assert illustration.query.isascii()
    assert re.search(r"[\u4e00-\u9fff]", illustration.caption), "the caption is Chinese"
    names = [candidate.caption for candidate in illustration.candidates]
    assert any("cat" in name or "猫" in name for name in names), names
    assert illustration.chosen is not None


@pytest.mark.parametrize("title", ["A walk in the park", "公园散步"])
def test_after_warming_up_only_the_title_is_new(embedded_model: "GgufModel", title: str) -> None:
    composer = Composer(embedded_model, None)
    composer.warm_up()
    before = embedded_model.usage
    list(composer.compose(title, Options(sampling=Sampling(max_tokens=1))))
    cost = embedded_model.usage - before
    assert cost.reused > 4 * cost.prefilled > 0


def test_stop_ends_the_writing_soon(embedded_model: "GgufModel") -> None:
    stop, pieces = threading.Event(), 0
    composer = Composer(embedded_model, None)
    for event in composer.compose("Shanghai Travel Guide", stop=stop):
        if isinstance(event, TextDelta):
            pieces += 1
            if pieces == 10:
                stop.set()
    assert 10 <= pieces < 40
    assert composer.article.sections


def test_the_shared_beginning_is_computed_once(embedded_model: "GgufModel") -> None:
    article = Article(
        "Cats", tuple(Section(f"s{i}", f"In room {i} a cat sleeps on a red sofa. " * 6) for i in range(8))
    )
    prompts, before = GeneralPrompts(), embedded_model.usage
    with embedded_model.prefix(prompts.shared(article)) as ask:
        for section in article:
            ask.reply([prompts.query(article, section, [])], Sampling(max_tokens=1))
    cost = embedded_model.usage - before
    assert cost.prefilled < 0.35 * (cost.prefilled + cost.reused)


def test_a_conversation_remembers(embedded_model: "GgufModel") -> None:
    conversation = Conversation(embedded_model)
    sampling = Sampling(max_tokens=40)
    list(conversation.ask("My cat is called Mimi. Say only: OK.", sampling=sampling))
    answer = "".join(conversation.ask("What is the name of my cat?", sampling=sampling))
    assert "Mimi" in answer
