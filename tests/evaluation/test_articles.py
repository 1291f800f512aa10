"""Articles over titles: what is counted, runs, comparisons, blind verdicts."""

import json
import math
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from common.errors import ReadableError
from composer.article import Article, Candidate, Illustration, Section
from evaluation.articles import (
    ArticleRun,
    Settings,
    Title,
    changes_markdown,
    compare_runs,
    first_of_each,
    judge,
    load_made,
    load_run,
    picture_measures,
    read_labels,
    read_titles,
    shipped_titles,
    similarity_measures,
    sum_verdicts,
    text_measures,
    write_blind_page,
)
from evaluation.articles.blind import sides
from evaluation.articles.text import distinct_n, longest_repeat, tokens
from evaluation.cli import app
from evaluation.commands import CompositionOptions, compare_compositions, compose_titles
from evaluation.scoring import bootstrap
from tests.fakes import CAT_ARTICLE, FakeGallery, FakeModel
from tests.retrieval.helpers import ColourEncoder, paint

TITLES = [Title("en-01", "Keeping a cat", "en"), Title("en-02", "A cat's <b>day</b>", "en")]


def pictured(number: int, caption: str, path: Path | str = "gone.png", fit: float | None = None) -> Illustration:
    return Illustration(caption, chosen=Candidate(f"p{number}", str(path), f"cat {number} · 猫", fit=fit))


def test_twenty_titles_of_each_language_are_shipped() -> None:
    titles = read_titles(shipped_titles())
    assert [title.language for title in titles] == ["en"] * 20 + ["zh"] * 20
    assert len({title.title for title in titles}) == 40
    assert [title.id for title in first_of_each(titles, 3)] == ["en-01", "en-02", "zh-01"]


def test_titles_are_plain_lines_or_objects_and_a_bad_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "titles.txt"
    path.write_text('\ufeffA cat\r\n{"title": "猫", "paragraphs": ["它 在\\n睡觉。"]}\n\n', "utf-8")
    assert read_titles(path) == [Title("en-01", "A cat", "en"), Title("zh-01", "猫", "zh", ("它 在 睡觉。",))]
    for line, reason in (
        ("{", "line 2: it is no JSON"),
        ('{"language": "en"}', "line 2: it has no title"),
        ('{"title": "a", "language": "fr"}', "line 2: the language is 'fr'"),
        ('{"title": "a", "paragraphs": "b"}', "line 2: 'paragraphs' must be a list"),
    ):
        path.write_text(f"A cat\n{line}\n", "utf-8")
        with pytest.raises(ReadableError, match=reason):
            read_titles(path)
    path.write_text("\n", "utf-8")
    with pytest.raises(ReadableError, match="it holds no title"):
        read_titles(path)


def test_repetition_is_counted_by_hand() -> None:
    words = tokens("The cat sat. The cat sat on 猫猫, the cat's mat.")
    assert words == ["the", "cat", "sat", "the", "cat", "sat", "on", "猫", "猫", "the", "cat's", "mat"]
    assert longest_repeat(words) == 3
    assert longest_repeat(["a"] * 5) == 2  # without overlap
    assert longest_repeat(["a", "b"]) == 0
    assert distinct_n(["a", "b", "a", "b"], 2) == 2 / 3
    assert distinct_n(["a"], 2) is None


def test_text_is_measured() -> None:
    article = Article(
        "Cats",
        (
            Section("s1", "Food", "heading", 2),
            Section("s2", "A cat eats **fish** twice a day."),
            Section("s3", "猫喜欢睡觉，也喜欢晒太阳。"),
            Section("s4", "- A cat eats and then it"),
            Section("s5", "Rest", "heading", 2),
        ),
    )
    found = text_measures(article, "short")
    assert (found["paragraphs"], found["headings"], found["empty_headings"]) == (3, 2, 1)
    assert found["language_kept"] == 2 / 3
    assert (found["unfinished"], found["stray_marks"]) == (1, 1)
    assert found["words"] == 7 + 11 + 6
    assert found["length_share"] == 24 / 160
    assert found["length_kept"] == 0
    long_enough = replace(article, sections=(Section("s1", "A cat eats fish today. " * 20),))
    assert text_measures(long_enough, "short")["length_kept"] == 1
    assert text_measures(long_enough, "long")["length_kept"] == 0


def test_pictures_are_measured(tmp_path: Path) -> None:
    same = paint(tmp_path / "a.png", mark="x"), paint(tmp_path / "b.png", mark="x")
    article = Article(
        "Cats",
        (
            Section("s1", "Food", "heading", 2, pictured(1, "The cat's fish", same[0], 0.5)),
            Section("s2", "one two three", illustration=pictured(2, "猫", same[1], 1.0)),
            Section("s3", "four five six seven"),
        ),
    )
    labels = {"one two three": frozenset({"cat 2"}), "four five six seven": frozenset({"dog"})}
    found = picture_measures(article, labels)
    assert (found["pictures"], found["after_headings"], found["pictures_twice"], found["junk_captions"]) == (2, 1, 1, 1)
    assert (found["own_fit"], found["labelled_fit"]) == (0.75, 1.0)
    shares = (1 / 8, 3 / 8, 4 / 8)
    assert found["spread"] == pytest.approx(-sum(s * math.log(s) for s in shares) / math.log(3))
    assert picture_measures(replace(article, sections=(Section("s1", "text"),)))["spread"] is None
    (tmp_path / "labels.jsonl").write_text('{"text": "one  *two* three", "fitting": ["cat 1"]}\n', "utf-8")
    assert picture_measures(article, read_labels(tmp_path / "labels.jsonl"))["labelled_fit"] == 0.0
    (tmp_path / "labels.jsonl").write_text('\n{"text": "one"}\n', "utf-8")
    with pytest.raises(ReadableError, match="line 2: it has no text with a list"):
        read_labels(tmp_path / "labels.jsonl")


@pytest.mark.parametrize(
    ("caption", "language", "junk"),
    [
        ("A cat asleep", "en", False),
        ("窗台上的猫。", "zh", False),
        ("", "en", True),
        ("...", "en", True),
        ("None", "en", True),
        ("A nun and none other", "en", False),
        ("一只猫", "en", True),
        ("A cat", "zh", True),
        ("Caption: a cat", "en", True),
        ("**A cat**", "en", True),
        ("这张图片展示了一只猫", "zh", True),
    ],
)
def test_junk_captions_are_told(caption: str, language: str, junk: bool) -> None:
    article = Article(
        "t", (Section("s1", "text", illustration=pictured(1, caption)),), "zh" if language == "zh" else "en"
    )
    assert picture_measures(article)["junk_captions"] == float(junk)


def test_similarity_looks_at_pixels_and_words(tmp_path: Path) -> None:
    red = paint(tmp_path / "red.png", "red")
    article = Article("t", (Section("s1", "red", illustration=pictured(1, "blue", red)),))
    found = similarity_measures(article, ColourEncoder())
    own = similarity_measures(
        replace(article, sections=(Section("s1", "red", illustration=pictured(1, "red", red)),)), ColourEncoder()
    )
    assert found["picture_paragraph"] == own["picture_paragraph"] == pytest.approx(1, abs=0.1)
    assert own["caption_paragraph"] == pytest.approx(1)
    assert found["caption_paragraph"] < 0.9 < own["picture_caption"]  # type: ignore[operator]
    assert set(similarity_measures(article, None).values()) == {None}


def test_the_bootstrap_holds_the_mean() -> None:
    found = bootstrap([1.0, 2.0, 3.0, 4.0])
    assert found.mean == 2.5
    assert 1.25 <= found.low < 2.5 < found.high <= 3.75
    assert bootstrap([1.0, 2.0, 3.0, 4.0]) == found
    assert bootstrap([1.0] * 6).differs
    assert not bootstrap([1.0] * 5).differs  # five of one sign are no rarity
    assert not bootstrap([-1.0, 1.0, 2.0] * 2).differs
    assert not bootstrap([5.0]).differs


def made(out: Path, pictures: Path, article: str = CAT_ARTICLE, **more: Any) -> dict[str, Any]:
    pictures.mkdir(exist_ok=True)
    options = CompositionOptions(out, Settings("short", 2), "fake", encoder="none", **more)
    scores = compose_titles(TITLES, options, FakeModel(article), FakeGallery(pictures), threading.Event())
    assert scores is not None
    return scores


def test_a_run_keeps_articles_costs_and_numbers(tmp_path: Path) -> None:
    scores = made(tmp_path / "run", tmp_path / "pictures")
    numbers = scores["scores"]["all"]
    assert numbers["pictures_twice"]["mean"] == numbers["after_headings"]["mean"] == 0
    assert numbers["pictures"]["mean"] == 2
    assert numbers["tokens_write"]["mean"] > 0
    kept = load_made(tmp_path / "run", "en-02")
    assert kept.article.title == "A cat's <b>day</b>"
    assert kept.cost.tokens["write"]["generated"] == -(-len(CAT_ARTICLE) // 7)
    assert {"write", "total"} <= set(kept.cost.seconds)
    chosen = [s.illustration.chosen for s in kept.article.illustrated if s.illustration]
    assert all(each and Path(each.path).is_file() for each in chosen)
    report = (tmp_path / "run" / "scores.md").read_text("utf-8")
    assert "| number | all (2) | en (2) |" in report
    assert "| words: words, or Chinese characters |" in report
    assert "| headings | 2 (2 to 2) |" in report
    assert "Length short, 2 pictures, seed 1;" in report
    assert "Of fewer than 6 articles the intervals are too narrow." in report


def test_a_run_goes_on_without_making_an_article_twice(tmp_path: Path) -> None:
    made(tmp_path / "run", tmp_path / "pictures")
    with pytest.raises(ReadableError, match="--resume continues it"):
        made(tmp_path / "run", tmp_path / "pictures")
    (tmp_path / "run" / "articles" / "en-01" / "cost.json").unlink()  # killed before it was whole
    first = made(tmp_path / "run", tmp_path / "pictures", "## New\n\nAnother text about a cat.\n", resume=True)
    assert first["articles"] == 2
    assert "Another text" in load_made(tmp_path / "run", "en-01").article.sections[1].text
    assert "fresh water" in load_made(tmp_path / "run", "en-02").article.sections[1].text


def test_a_stopped_run_is_said_to_be_stopped(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    options = CompositionOptions(tmp_path / "run", Settings("short"), "fake", encoder="none")
    assert compose_titles(TITLES, options, FakeModel(), None, stop) is None


def test_a_given_text_is_illustrated_not_written(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    title = Title("en-01", "A cat", "en", ("A cat sleeps on a soft bed beside the window.",))
    options = CompositionOptions(tmp_path / "run", Settings("short", 1), "fake", encoder="none")
    model = FakeModel()
    scores = compose_titles([title], options, model, FakeGallery(tmp_path / "pictures"), threading.Event())
    assert scores is not None
    (section,) = load_made(tmp_path / "run", "en-01").article
    assert section.text == title.paragraphs[0]
    assert section.illustration is not None
    assert scores["scores"]["all"]["pictures"]["mean"] == 1


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    made(tmp_path / "before", tmp_path / "pictures")
    made(tmp_path / "after", tmp_path / "pictures", CAT_ARTICLE + "\nAn old cat needs a bowl of fresh water too.\n")
    return tmp_path / "before", tmp_path / "after"


def three_times(run: ArticleRun) -> ArticleRun:
    """The run as one over three times as many titles."""

    def copies(values: Mapping[str, Any]) -> dict[str, Any]:
        return {f"{id_}/{number}": value for number in range(3) for id_, value in values.items()}

    facts = {**run.facts, "titles": copies(run.facts["titles"])}
    return replace(run, facts=facts, measures=copies(run.measures), languages=copies(run.languages))


def test_two_runs_are_compared_by_title(runs: tuple[Path, Path]) -> None:
    before, after = load_run(runs[0]), load_run(runs[1])
    few = compare_runs(before, after)
    assert {change.verdict for change in few} == {""}
    assert "Fewer than 6 titles" in changes_markdown(few)
    changes = {change.name: change for change in compare_runs(three_times(before), three_times(after))}
    assert "Fewer than" not in changes_markdown(list(changes.values()))
    assert changes["words"].difference.mean == 10
    assert changes["words"].verdict == "different"
    assert changes["longest_repeat"].verdict == "worse"
    assert changes["pictures_twice"].verdict == ""
    with pytest.raises(ReadableError, match=r"it has no measures\.jsonl|it has no run\.json"):
        load_run(runs[0] / "articles")


def test_a_comparison_needs_a_common_title(runs: tuple[Path, Path]) -> None:
    facts = json.loads((runs[1] / "run.json").read_text("utf-8"))
    facts["titles"] = {"en-01": "Another", "en-02": "Yet another"}
    (runs[1] / "run.json").write_text(json.dumps(facts), "utf-8")
    with pytest.raises(ReadableError, match="no title in common"):
        compare_runs(load_run(runs[0]), load_run(runs[1]))


def test_the_page_holds_both_runs_and_ends_no_script_early(runs: tuple[Path, Path], tmp_path: Path) -> None:
    page = tmp_path / "blind.html"
    text, _changes, count = compare_compositions(*runs, page, 3)
    assert count == 2
    assert "| words |" in text
    content = page.read_text("utf-8")
    assert "<b>day" not in content
    data = json.loads(content.split('id="data">')[1].split("</script>")[0])
    assert data["pairs"][1]["articles"][0]["title"] == "A cat's <b>day</b>"
    assert {pair["id"]: pair["left"] for pair in data["pairs"]} == sides(3, ["en-01", "en-02"])
    shown = {b["picture"] for p in data["pairs"] for a in p["articles"] for b in a["blocks"] if b["kind"] == "figure"}
    assert shown == set(data["pictures"])
    with pytest.raises(ReadableError, match="cannot be written to"):
        write_blind_page(load_run(runs[0]), load_run(runs[1]), [], tmp_path / "none" / "page.html", 1)


def test_each_run_stands_left_for_half_of_the_titles_and_no_one_knows_which() -> None:
    ids = [f"en-{number:02d}" for number in range(10)]
    drawn = [sides(seed, ids) for seed in range(40)]
    assert all(sorted(each.values()) == ["a"] * 5 + ["b"] * 5 for each in drawn)
    assert sides(3, ids) == drawn[3] == sides(3, ids[::-1])
    assert all(10 <= sum(each[id_] == "a" for each in drawn) <= 30 for id_ in ids)
    assert {tuple(sides(seed, ids[:1]).values()) for seed in range(20)} == {("a",), ("b",)}


def saved(path: Path, winners: dict[str, str], b: str = "two", *, blind: bool = True) -> Path:
    given = [{"id": id_, "language": id_[:2], "winner": winner, "blind": blind} for id_, winner in winners.items()]
    path.write_text(json.dumps({"a": "one", "b": b, "verdicts": given}), "utf-8")
    return path


def test_verdicts_of_several_people_are_added_up(tmp_path: Path) -> None:
    first = saved(tmp_path / "1.json", {"en-01": "a", "en-02": "b", "zh-01": "b"})
    second = saved(tmp_path / "2.json", {"en-01": "a", "en-02": "same", "zh-02": "b"})
    open_eyes = saved(tmp_path / "3.json", {"en-01": "b"}, blind=False)
    found = sum_verdicts([first, second, open_eyes])
    assert found.as_dict() == {
        "runs": {"a": "one", "b": "two"},
        "better": {"a": 2, "b": 3, "same": 1},
        "by_language": {"en": {"a": 2, "b": 1, "same": 1}, "zh": {"b": 2}},
        "people": 2,
        "agreement": 0.5,
        "p": 1.0,
    }
    with pytest.raises(ReadableError, match="the other file is about"):
        sum_verdicts([first, saved(tmp_path / "4.json", {"en-01": "a"}, "three")])
    (tmp_path / "5.json").write_text('{"a": 1}', "utf-8")
    with pytest.raises(ReadableError, match="it holds no verdicts"):
        sum_verdicts([tmp_path / "5.json"])
    ran = CliRunner().invoke(app, ["verdicts", str(first)])
    assert ran.exit_code == 0, ran.output
    assert "A one: 1 better; B two: 2 better; 0 the same." in ran.stdout


def test_a_judge_scores_five_aspects_by_probability() -> None:
    def prefers_four(messages: Any, option: str) -> float:
        return math.log(0.5) if option in ("3", "5") else -50.0

    article = Article("A cat", (Section("s1", "It sleeps.", illustration=pictured(1, "A sleeping cat")),))
    model = FakeModel(scorer=prefers_four)
    found = judge(model, article)
    assert len(found) == 5
    assert all(value == pytest.approx(4) for value in found.values())
    asked = model.prompts[0][0].text
    assert "[Picture: A sleeping cat]" in asked
    assert "Title: A cat" in asked
    bare = judge(model, Article("A cat", (Section("s1", "It sleeps."),)))
    assert bare["judge_image_coherence"] is None
    assert bare["judge_helpfulness"] == pytest.approx(4)


def test_the_judges_prompt_stands_in_the_report(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    options = CompositionOptions(tmp_path / "run", Settings("short", 1), "fake", encoder="none")
    gallery = FakeGallery(tmp_path / "pictures")
    scores = compose_titles(TITLES[:1], options, FakeModel(), gallery, threading.Event(), FakeModel)
    assert scores is not None
    assert 0 <= scores["scores"]["all"]["judge_helpfulness"]["mean"] <= 5
    report = (tmp_path / "run" / "scores.md").read_text("utf-8")
    assert "You judge an illustrated article" in report
    assert "Image coherence: do the pictures agree" in report


def test_the_commands_say_what_cannot_be_used(tmp_path: Path) -> None:
    ran = CliRunner().invoke(app, ["composition", "--out", str(tmp_path), "--length", "endless"])
    assert ran.exit_code == 2
    assert "The length is 'endless'" in ran.stderr
    for more, said in (
        (["--judge", "nobody"], "There is no model named 'nobody'"),
        (["--labels", str(tmp_path / "none")], "none' cannot be used: it cannot be read"),
    ):
        ran = CliRunner().invoke(app, ["composition", "--out", str(tmp_path / "o"), *more])
        assert ran.exit_code == 2
        assert said in ran.stderr
        assert "Model:" not in ran.stderr, "said before a model is loaded"
    (tmp_path / "o" / "predictions.jsonl").write_text("", "utf-8")
    ran = CliRunner().invoke(app, ["composition", "--out", str(tmp_path / "o"), "--resume"])
    assert "it holds a run of a benchmark" in ran.stderr
    ran = CliRunner().invoke(app, ["compare", str(tmp_path / "a"), str(tmp_path / "b")])
    assert ran.exit_code == 2
    assert "it has no run.json" in ran.stderr
