"""The pipeline with the embedded model and gallery: what a fake cannot show."""

import re
import threading
from typing import TYPE_CHECKING

import pytest

from composer.article import Article, Section
from composer.chat import Conversation
from composer.events import ArticleReady, Notice, PlacesFound, TextDelta
from composer.exporting import to_html
from composer.illustrating import FITS
from composer.models.base import Sampling, assistant
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
    sampling = Sampling(temperature=0.4, top_p=0.9, repetition_penalty=1.1, seed=3, max_tokens=110)
    events = list(
        composer.compose("How to take good care of a pet cat", Options(pictures=2, length="short", sampling=sampling))
    )
    last = events[-1]
    assert isinstance(last, ArticleReady)
    assert not last.stopped
    assert [event.problem.text() for event in events if isinstance(event, Notice)] == []
    article = last.article
    paragraphs = [section.text for section in article if section.kind == "paragraph"]
    assert len(paragraphs) >= 2
    assert "cat" in " ".join(paragraphs)
    assert all(text.rstrip('*")”')[-1] in ".!?:" for text in paragraphs), "full sentences"
    assert not any(re.match(r"#|[-*] |\d+\.", text) for text in paragraphs), "prose, no marks of lists"
    chosen = [s.illustration.chosen for s in article.illustrated if s.illustration]
    assert len(chosen) == 2
    assert len({c.id for c in chosen if c}) == 2
    assert any("cat" in c.caption for c in chosen if c)
    assert last.report.reused > last.report.prefilled, "the examples are computed once for all paragraphs"
    assert to_html(article).count("<img") == 2
    assert "OpenMoji" in to_html(article)


def test_a_chinese_text_is_illustrated_where_there_is_something_to_see(embedded_model: "GgufModel") -> None:
    composer = Composer(embedded_model, open_gallery(None))
    article = Article(
        "猫的一天", (Section("s1", UNSEEN), Section("s2", SEEN), Section("s3", UNSEEN[:-1] + "吧。")), "zh"
    )
    events = list(composer.illustrate(article))
    places = next(event for event in events if isinstance(event, PlacesFound))
    assert places.section_ids == ("s2",)
    assert places.probabilities["s2"] > FITS > places.probabilities["s1"]
    illustration = composer.article.section("s2").illustration
    assert illustration is not None
    assert illustration.chosen is not None
    assert "猫" in illustration.chosen.caption
    assert re.search(r"[\u4e00-\u9fff]", illustration.caption), "the caption is Chinese"


def test_the_same_article_gets_the_same_pictures_whatever_was_asked_before(embedded_model: "GgufModel") -> None:
    article = Article(
        "A day at sea",
        (
            Section("s1", "The fishing boat leaves before sunrise, and seagulls follow it out of the harbour."),
            Section("s2", "By noon the nets are full of fish, and the cook fries an egg for everybody."),
            Section("s3", "It is important to keep an open mind about what the day may bring."),
        ),
    )
    composer = Composer(embedded_model, open_gallery(None))
    made = []
    for question in ("What is a lighthouse?", "请介绍一下大海。"):
        list(Conversation(embedded_model).ask(question, sampling=Sampling(max_tokens=12)))
        list(composer.illustrate(article))
        made.append(composer.article)
    assert made[0].illustrated
    assert made[0].sections == made[1].sections


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


def test_the_examples_and_the_paragraph_are_computed_once(embedded_model: "GgufModel") -> None:
    prompts, before = GeneralPrompts(), embedded_model.usage
    for room in range(3):
        asked = prompts.things(f"In room {room} a cat sleeps on a red sofa, and an old clock ticks on the wall.")
        (answer,) = embedded_model.reply([asked], Sampling(max_tokens=4))
        with embedded_model.prefix([*asked, assistant(answer)]) as ask:
            for name in ("cat", "bus"):
                choice = prompts.fits(name, None)
                ask.score(choice.messages, choice.options)
    cost = embedded_model.usage - before
    assert cost.prefilled < 0.2 * (cost.prefilled + cost.reused)


def test_a_conversation_remembers(embedded_model: "GgufModel") -> None:
    conversation = Conversation(embedded_model)
    sampling = Sampling(max_tokens=40)
    list(conversation.ask("My cat is called Mimi. Say only: OK.", sampling=sampling))
    answer = "".join(conversation.ask("What is the name of my cat?", sampling=sampling))
    assert "Mimi" in answer
