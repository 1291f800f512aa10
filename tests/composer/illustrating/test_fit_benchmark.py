"""The benchmark of fitting pictures: what it counts, and that an interrupted run goes on."""

import json
from pathlib import Path

import pytest

from benchmarks.illustrating.figures import Chosen, at_equal_coverage, figures, is_junk
from benchmarks.illustrating.labelled import Labelled, beside_drawings, beside_photographs
from benchmarks.illustrating.ways import choose_all
from benchmarks.illustrating_fit import report
from benchmarks.retrieval.captioned import PHOTOGRAPHS
from retrieval.sources import drawings
from tests.composer.answering import answer, score_by
from tests.fakes import FakeModel, NamedGallery


def row(text: str, *fitting: str, title: str = "T", language: str = "en") -> Labelled:
    return Labelled(language, title, text, frozenset(fitting), False)


def test_what_is_counted() -> None:
    rows = [row("1", "cat"), row("2", "dog"), row("3"), row("4", "bird", "nest")]
    chosen = [
        Chosen("cat", 0.9, "Cat"),
        Chosen(None),
        Chosen("cake", 0.8, "A picture of cake"),
        Chosen("nest", 0.7, ""),
    ]
    assert figures(rows, chosen) == {
        "fit": "2 of 3 (67 %)",
        "coverage": "2 of 3 (67 %)",
        "shown where nothing fits": 1,
        "junk captions": 1,
        "without a caption": 1,
    }
    assert figures(rows, [Chosen(None)] * 4)["fit"] == "0 of 0 (0 %)"


def test_at_equal_coverage_the_surest_of_each_way_are_compared() -> None:
    rows = [row("1", "cat"), row("2", "dog"), row("3")]
    few = [Chosen("cat", 0.9), Chosen(None), Chosen(None)]
    many = [Chosen("cow", 0.9), Chosen("dog", 0.8), Chosen("cake", 0.95)]
    assert at_equal_coverage(rows, {"few": few, "many": many}) == {"few": "1 of 1 (100 %)", "many": "0 of 2 (0 %)"}


@pytest.mark.parametrize(
    ("caption", "language", "junk"),
    [
        ("Octopus", "en", False),
        ("A photograph", "en", True),
        ("None, as given", "en", True),
        ("!\\[An image (not the cathedral)", "en", True),
        ("章鱼", "en", True),
        ("a b c d e f g h i j k l m", "en", True),
        ("渔民捕到的螃蟹", "zh", False),
        ("根据指定的段落内容", "zh", True),
        ("crab", "zh", True),
        (" ", "zh", True),
    ],
)
def test_junk_captions(caption: str, language: str, junk: bool) -> None:
    assert is_junk(caption, language) == junk


def test_the_sets_name_pictures_that_exist() -> None:
    beside = beside_drawings()
    assert {name for row in beside for name in row.fitting} <= {drawing.name for drawing in drawings()}
    assert {row.fitted for row in beside} == {True, False}
    assert not {row.title for row in beside if row.fitted} & {row.title for row in beside if not row.fitted}
    photographs = beside_photographs()
    assert {name for row in photographs for name in row.fitting} <= set(PHOTOGRAPHS)
    for language in ("en", "zh"):
        own = [row for row in photographs if row.language == language]
        assert len(own) >= 20
        assert sum(not row.fitting for row in own) >= len(own) / 4


def test_an_interrupted_run_goes_on_with_the_next_paragraph(tmp_path: Path) -> None:
    rows = [row("A cat sleeps.", "cat", title="one"), row("A boat.", "boat", title="two")]
    gallery, kept = NamedGallery(tmp_path, ["cat", "boat", "moon"]), tmp_path / "kept.jsonl"
    loaded = []

    def load() -> FakeModel:
        loaded.append(FakeModel(answer=answer, scorer=score_by({"": 0.95})))
        return loaded[-1]

    def choose(own: list[Labelled]) -> list[dict[str, object]]:
        return choose_all(own, load, gallery, lambda picture: picture.caption, before=True, kept=kept)

    first = choose(rows[:1])
    both = choose(rows)
    assert both[:1] == first
    assert len(kept.read_text().splitlines()) == 2
    asked_of_the_second = [message.text for prompt in loaded[1].prompts for message in prompt]
    assert not any("A cat sleeps." in text for text in asked_of_the_second)
    assert choose(rows) == both
    assert len(loaded) == 2, "a finished run needs no model"
    told = report(rows, json.loads(json.dumps(both)))
    assert told["en"]["now"]["fit"] == "2 of 2 (100 %)"
    assert set(told["a paragraph"]) == {"now", "before"}


def test_what_a_judge_changes_is_counted_beside(tmp_path: Path) -> None:
    rows = [row("A cat sleeps.", "cat", title="one"), row("A boat.", "boat", title="two")]
    gallery = NamedGallery(tmp_path, ["cat", "boat", "moon"])
    doubts, sees = FakeModel(answer=answer, scorer=score_by({"": 0.01})), FakeModel(scorer=score_by({"": 0.95}))
    known = choose_all(rows, lambda: doubts, gallery, lambda picture: picture.caption, False, None, lambda: sees)
    told = report(rows, json.loads(json.dumps(known)))
    assert told["en"]["now"]["fit"] == "0 of 0 (0 %)"
    assert told["en"]["judged"]["fit"] == "2 of 2 (100 %)"
    assert set(told["a paragraph"]) == {"now", "judged"}
    assert doubts.closed
    assert sees.closed
