"""Predictions that exist already, in every form, and what can be wrong with them."""

import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from typer.testing import CliRunner

from common.errors import ReadableError
from evaluation.benchmarks import BENCHMARKS
from evaluation.cli import app
from evaluation.commands import Options, run, score_file
from tests.evaluation import data


def score(name: str, place: Path, predictions: Path, rule: str | None = None, partial: bool = False) -> float:
    (scores,) = score_file(BENCHMARKS[name], Options(place, rule=rule), predictions, partial=partial).scores
    return scores.value


def jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


@pytest.fixture
def mmbench(tmp_path: Path) -> Path:
    return data.write_data("mmbench", tmp_path / "data")


def right(place: Path, name: str = "mmbench") -> list[dict[str, Any]]:
    return [{"id": q.id, "prediction": q.answers[0]} for q in BENCHMARKS[name].read(place)]


def test_json_lines(mmbench: Path, tmp_path: Path) -> None:
    rows = right(mmbench)
    assert score("mmbench", mmbench, jsonl(tmp_path / "p.jsonl", rows)) == 100.0
    rows[-1]["prediction"] = ""  # an empty prediction is an answer that cannot be read
    (scores,) = score_file(
        BENCHMARKS["mmbench"], Options(mmbench), jsonl(tmp_path / "p.jsonl", rows), partial=False
    ).scores
    assert (scores.value, scores.unparsable) == (75.0, 1)
    assert scores.label == "[circular, exact, predictions from p.jsonl]"


def test_one_wrong_rotation_is_enough(mmbench: Path, tmp_path: Path) -> None:
    rows = right(mmbench)
    rows[1]["prediction"] = "Z"  # the first rotation of question 1; the last one is right
    path = jsonl(tmp_path / "p.jsonl", rows)
    assert score("mmbench", mmbench, path) == 75.0
    assert score("mmbench", mmbench, path, "vanilla") == 75.0
    rows = right(mmbench)
    rows[-1]["prediction"] = "Z"
    assert score("mmbench", mmbench, jsonl(path, rows)) == 75.0
    assert score("mmbench", mmbench, path, "vanilla") == 100.0


@pytest.mark.parametrize("suffix", ["tsv", "xlsx"])
def test_tables_as_vlmevalkit_writes_them(mmbench: Path, tmp_path: Path, suffix: str) -> None:
    rows = [{"index": row["id"], "question": "…", "prediction": row["prediction"]} for row in right(mmbench)]
    path = tmp_path / f"model_MMBench.{suffix}"
    if suffix == "tsv":
        data.write_tsv(path, rows)
    else:
        book = openpyxl.Workbook()
        book.active.append(["index", "question", "prediction"])
        for row in rows:
            book.active.append([float(row["index"]), row["question"], row["prediction"]])  # as Excel keeps numbers
        book.save(path)
    assert score("mmbench", mmbench, path) == 100.0


def test_samples_of_lmms_eval(tmp_path: Path) -> None:
    place = data.mme(tmp_path / "mme", ["count", "OCR"])
    rows = []
    for number, question in enumerate(BENCHMARKS["mme"].read(place)):
        task, image = question.id.split("/")[:2]
        document = {"question_id": f"{task}/{image}", "question": question.text, "answer": "…", "category": task}
        rows.append({"doc_id": number, "doc": document, "resps": [["Yes"]], "filtered_resps": ["Yes"]})
    assert score("mme", place, jsonl(tmp_path / "samples_mme.jsonl", rows)) == 2 * 50.0
    seed = data.seed(tmp_path)
    rows = [
        {"doc": {"question_id": question.id}, "resps": [[question.answers[0]]]}
        for question in BENCHMARKS["seed"].read(seed)
    ]
    assert score("seed", seed, jsonl(tmp_path / "samples_seed.jsonl", rows), "generate") == 100.0


def test_the_table_of_mme(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = []
    for number in range(4):
        rows.append(
            {
                "index": number,
                "category": "count",
                "question": f"Is it {number}? Please answer yes or no.",
                "answer": "Yes" if number % 2 else "No",
                "image": data.coded(number) if number % 2 == 0 else str(number - 1),
            }
        )
    place = data.write_tsv(tmp_path / "MME.tsv", rows)
    table = data.write_tsv(
        tmp_path / "p.tsv", [{"index": n, "prediction": "Yes" if n != 0 else "No"} for n in range(4)]
    )
    assert score("mme", place, table) == 75 + 50


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"id": "77", "prediction": "A"}], "none of them belongs to a question"),
        ([{"id": "0", "prediction": "A"}, {"id": "0", "prediction": "B"}], "line 2: question 0 has another prediction"),
        ([{"id": "0", "prediction": "A"}], "15 of 16 questions have none; the first is 1. --partial"),
        ([{"question": "x"}], 'line 1: it has no "id" and "prediction"'),
        ([{"id": "0", "scores": {"texts": [1, 2, 3, 4]}}], "15 of 16"),
        (
            [{"id": "0", "scores": {"texts": [1, 2]}}],
            "line 1: it has 2 scores of texts, and the question has 4 options",
        ),
        ([{"id": "0", "scores": [1, 2, 3, 4]}], "line 1: its scores are no lists of numbers"),
        ([{"id": "0", "scores": {"texts": "abcd"}}], "line 1: its scores are no lists of numbers"),
        ([{"id": "0", "scores": {"texts": [1, 2, 3, float("nan")]}}], "line 1: its scores are no lists of numbers"),
        ([{"id": "0", "prediction": None}], "line 1: its prediction is null"),
    ],
)
def test_predictions_that_do_not_fit(mmbench: Path, tmp_path: Path, rows: list[dict[str, Any]], said: str) -> None:
    path = jsonl(tmp_path / "p.jsonl", rows)
    with pytest.raises(ReadableError) as caught:
        score("mmbench", mmbench, path)
    assert said in caught.value.text()
    assert str(path) in caught.value.text()


def test_files_that_are_none(mmbench: Path, tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text('{"id": "0", "prediction": "A"}\n{"id": \n', "utf-8")
    (tmp_path / "p.xlsx").write_text("no sheet", "utf-8")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "count.txt").write_text("a.png\tIs it?\tYes\n", "utf-8")
    for name, said in (
        ("p.jsonl", "line 2: it is no JSON"),
        ("p.xlsx", "it is no .xlsx file"),
        ("results", "line 1: it has 3 columns; picture, question, answer and prediction are expected."),
        ("data", "it holds neither predictions.jsonl nor MME's results"),
        ("nothing", "there is no such file or folder"),
    ):
        with pytest.raises(ReadableError) as caught:
            score("mmbench", mmbench, tmp_path / name)
        assert said in caught.value.text()


def test_some_predictions_are_scored_where_that_is_meant_and_it_is_said(mmbench: Path, tmp_path: Path) -> None:
    rows = right(mmbench)
    del rows[-1]  # one rotation of question 3
    path = jsonl(tmp_path / "p.jsonl", [*rows, {"id": "other", "prediction": "A"}])
    (scores,) = score_file(BENCHMARKS["mmbench"], Options(mmbench), path, partial=True).scores
    assert (scores.value, scores.questions) == (100.0, 12)
    assert "12 of 16 questions" in scores.label


def test_every_rule_and_those_that_these_predictions_lack(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = data.seed(tmp_path)
    path = jsonl(tmp_path / "p.jsonl", right(place, "seed"))
    found = score_file(BENCHMARKS["seed"], Options(place, rule="all"), path, partial=False).scores
    assert [one.rule for one in found] == ["generate, first letter", "generate, exact"]
    assert "The rule 'letter' needs scores of the options" in capsys.readouterr().err
    with pytest.raises(ReadableError, match="needs scores of the options"):
        score("seed", place, path)
    with pytest.raises(ReadableError, match=r"has no rule 'best'\. Known rules: letter, choice-text, generate"):
        score("seed", place, path, "best")


def test_what_has_no_published_answers_cannot_be_scored(tmp_path: Path) -> None:
    place = data.qbench_a1(tmp_path, "test")
    path = jsonl(tmp_path / "p.jsonl", [{"id": str(n), "prediction": "B"} for n in range(6)])
    with pytest.raises(ReadableError, match="not published, so nothing can be scored here"):
        score("qbench_a1", place, path)
    place = data.write_data("qbench_a2", tmp_path / "a2")
    path = jsonl(tmp_path / "q.jsonl", [{"id": f"{n}.png", "prediction": "Sharp."} for n in range(3)])
    with pytest.raises(ReadableError, match="needs the golden descriptions"):
        score("qbench_a2", place, path)


# -- the command line -----------------------------------------------------------------------------------------------


def test_json_on_stdout_and_nothing_else(mmbench: Path, tmp_path: Path) -> None:
    path = jsonl(tmp_path / "p.jsonl", right(mmbench))
    ran = CliRunner().invoke(
        app, ["mmbench", "--data", str(mmbench), "--predictions", str(path), "--rule", "all", "--json"]
    )
    assert ran.exit_code == 0, ran.output
    scores = json.loads(ran.stdout)["scores"]
    assert [(one["rule"], one["value"]) for one in scores] == [
        ("circular, exact", 100.0),
        ("vanilla, exact", 100.0),
        ("circular, first letter", 100.0),
    ]


def test_a_run_scored_again_in_its_folder_keeps_what_it_says_of_itself(mmbench: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    model = data.oracle(BENCHMARKS["mmbench"], BENCHMARKS["mmbench"].read(mmbench))
    (before,) = run(BENCHMARKS["mmbench"], Options(mmbench, out), "fake", lambda: model).scores
    facts = json.loads((out / "run.json").read_text("utf-8"))
    (after,) = score_file(BENCHMARKS["mmbench"], Options(mmbench, out), out, partial=False).scores
    assert after.label == before.label
    assert json.loads((out / "run.json").read_text("utf-8")) == facts
    assert facts["model"] == "fake"


def test_the_installed_command_has_the_benchmarks() -> None:
    from ui.launch.command import app as xcomposer

    ran = CliRunner().invoke(xcomposer, ["evaluate", "seed", "--help"])
    assert ran.exit_code == 0
    assert "choice-text" in ran.stdout


def test_the_whole_prompts_without_a_model(mmbench: Path) -> None:
    ran = CliRunner().invoke(app, ["mmbench", "--data", str(mmbench), "--show", "3"])
    assert ran.exit_code == 0, ran.output
    assert ran.stdout.count("--- general, question") == ran.stdout.count("--- xcomposer, question") == 3
    assert "(reply, beam 5, at most 5 tokens, repetition penalty 1.5)" in ran.stdout
    assert "<|user|><picture: mmbench.tsv:2>Please answer this question" in ran.stdout
    assert "Answer: The answer is" in ran.stdout
    assert "right: B" in ran.stdout


def test_what_cannot_be_used_is_one_sentence_with_status_2(mmbench: Path, tmp_path: Path) -> None:
    for arguments, said in (
        (["mmbench", "--data", str(mmbench)], "--out DIR names a folder"),
        (["mmbench", "--data", str(tmp_path / "no.tsv"), "--out", str(tmp_path / "o")], "there is no such file"),
        (["mmbench", "--data", str(mmbench), "--out", str(tmp_path / "o"), "--rule", "x"], "has no rule 'x'"),
    ):
        ran = CliRunner().invoke(app, arguments)
        assert ran.exit_code == 2
        assert said in ran.stderr
        assert len(ran.stderr.strip().splitlines()) == 1
    ran = CliRunner().invoke(app, ["mmbnch", "--data", "x"])
    assert ran.exit_code == 2
    assert "mmbench" in ran.stderr  # it is suggested


def test_a_table_without_predictions_is_not_scored_as_empty_ones(mmbench: Path, tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"index": n, "answer": "A"} for n in range(16)]
    table = data.write_tsv(tmp_path / "p.tsv", rows)
    with pytest.raises(
        ReadableError, match=r"predictions in '.*p\.tsv' cannot .* no column 'prediction'.* index, answer"
    ):
        score("mmbench", mmbench, table)
    (tmp_path / "p.xlsx").write_bytes(b"PK and no more")
    with pytest.raises(ReadableError, match=r"The predictions in '.*p\.xlsx' cannot be used: it is no \.xlsx file"):
        score("mmbench", mmbench, tmp_path / "p.xlsx")
