"""Reports beside published scores, and pages of what changed."""

import json
import random
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from common.errors import ReadableError
from evaluation.benchmarks import BENCHMARKS
from evaluation.cli import app
from evaluation.commands import Options, score_file
from evaluation.reporting import compare, load_run, published, write_report
from tests.evaluation import data


def scored(name: str, place: Path, out: Path, chance: float, seed: int = 1) -> Path:
    """A run whose answers are right with that probability."""
    draw = random.Random(seed)
    rows = []
    for question in BENCHMARKS[name].read(place):
        wrong = "none <b>&"
        rows.append({"id": question.id, "prediction": question.answers[0] if draw.random() < chance else wrong})
    out.mkdir(parents=True)
    (out / "predictions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    rule = {"seed": "generate-exact"}.get(name)
    score_file(BENCHMARKS[name], Options(place, out, rule=rule), out / "predictions.jsonl", partial=False)
    return out


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    place = data.write_data("mmbench", tmp_path / "mmbench")
    return [
        scored("mmbench", place, tmp_path / "before", 0.9, seed=3),
        scored("mmbench", place, tmp_path / "after", 1.0),
        scored("seed", data.seed(tmp_path), tmp_path / "seed-run", 0.5),
        scored("tiny_lvlm", data.write_data("tiny_lvlm", tmp_path / "tiny"), tmp_path / "tiny-run", 0.5),
    ]


def test_a_report_has_our_rows_beside_the_published_ones(runs: list[Path], tmp_path: Path) -> None:
    files = write_report(runs, tmp_path / "report")
    assert [path.name for path in files] == ["report.md", "report.html", "radar.png"]
    text = files[0].read_text("utf-8")
    assert "| InternLM-XComposer-VL-7B | 74.4 |  |  | published |" in text
    assert "**100.0 [circular, exact, predictions from predictions.jsonl]**" in text
    assert "**measured here**" in text
    assert "before → after" in text
    assert "| **after (after)** |" in text
    page = files[1].read_text("utf-8")
    assert page.count("<table>") == text.count("\n## ") == 7
    assert 'src="data:image/png;base64,' in page
    with Image.open(files[2]) as chart:
        assert min(chart.size) > 600


def test_runs_without_a_score_are_left_out_and_named(runs: list[Path], tmp_path: Path) -> None:
    for name, facts in (("descriptions", {"benchmark": "qbench_a2"}), ("articles", {"titles": {}})):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(json.dumps({"model": "m", **facts}), "utf-8")
    others = [str(tmp_path / "descriptions"), str(tmp_path / "articles")]
    ran = CliRunner().invoke(app, ["report", str(runs[0]), *others, "--out", str(tmp_path / "report")])
    assert ran.exit_code == 0, ran.output
    assert "descriptions: its answers are scored by the benchmark's makers." in ran.stderr
    assert "articles: it holds articles; two such runs are compared by: python -m evaluation compare" in ran.stderr
    ran = CliRunner().invoke(app, ["report", *others, "--out", str(tmp_path / "report")])
    assert ran.exit_code == 2
    assert "descriptions' cannot be used: its answers are scored by" in ran.stderr


def test_published_scores_are_those_of_every_benchmark() -> None:
    source, tables = published()
    assert "README" in source
    assert set(tables) == set(BENCHMARKS)
    for name, table in tables.items():
        assert "InternLM-XComposer-VL-7B" in table.rows
        assert max(table.rows.values()) <= table.maximum == BENCHMARKS[name].maximum


def test_two_runs_are_compared_by_what_the_rule_counts(runs: list[Path]) -> None:
    found = compare(load_run(runs[0]), load_run(runs[1]))
    before = load_run(runs[0])
    wrong = {j.unit for j in before.judgements.values() if not j.right}
    assert wrong
    assert (set(found.gained), found.lost, found.common) == (wrong, (), 4)
    assert found.p == min(1.0, 2 * 0.5 ** len(wrong))
    with pytest.raises(ReadableError, match="it is a run of seed; the other one is of mmbench"):
        compare(load_run(runs[0]), load_run(runs[2]))


def test_the_page_shows_the_flipped_questions_with_their_pictures(runs: list[Path], tmp_path: Path) -> None:
    page = tmp_path / "diff.html"
    arguments = ["diff", str(runs[0]), str(runs[1]), "--out", str(page), "--json"]
    ran = CliRunner().invoke(app, arguments)
    assert ran.exit_code == 0, ran.output
    facts = json.loads(ran.stdout)
    assert facts["lost"] == []
    text = page.read_text("utf-8")
    flipped = [j.id for j in load_run(runs[0]).judgements.values() if not j.right]
    assert text.count("<article>") == text.count("data:image/jpeg") == len(flipped)
    assert "none &lt;b&gt;&amp;" in text
    assert "none <b>" not in text
    assert f"Gained: {len(facts['gained'])}" in text


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    ran = CliRunner().invoke(app, ["report", str(tmp_path), "--out", str(tmp_path / "report")])
    assert ran.exit_code == 2
    assert "it has no scores.json" in ran.stderr
    (tmp_path / "scores.json").write_text("[]")
    (tmp_path / "run.json").write_text("{}")
    assert "its files cannot be read" in CliRunner().invoke(app, ["diff", str(tmp_path), str(tmp_path)]).stderr
