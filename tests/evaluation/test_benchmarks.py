"""The nine benchmarks end to end: real file formats in, a model or predictions, scores and official files out."""

import json
import random
from pathlib import Path

import numpy as np
import openpyxl
import pytest

from composer.models import Capabilities
from evaluation.benchmarks import BENCHMARKS
from evaluation.commands import Options, Outcome, run, score_file
from tests.evaluation.data import (
    SEES,
    XCOMPOSER,
    mmbench_rows,
    mme,
    oracle,
    qbench_a1,
    qbench_a3,
    write_data,
    write_tsv,
)
from tests.fakes import FakeModel

SCORED = [name for name in BENCHMARKS if name != "qbench_a2"]
BEST = {"mme": 2800.0, "seed": 100.0, "qbench_a1": 1.0, "qbench_a3": 1.0, "tiny_lvlm": 500.0}


def measure(name: str, data: Path, out: Path, model: FakeModel, **options: object) -> Outcome:
    return run(BENCHMARKS[name], Options(data, out, **options), "fake", lambda: model)  # type: ignore[arg-type]


@pytest.mark.parametrize("capabilities", [SEES, XCOMPOSER], ids=["general", "xcomposer"])
@pytest.mark.parametrize("name", SCORED)
def test_an_oracle_scores_the_maximum_under_every_rule(name: str, capabilities: Capabilities, tmp_path: Path) -> None:
    data = write_data(name, tmp_path / "data")
    benchmark = BENCHMARKS[name]
    model = oracle(benchmark, benchmark.read(data), capabilities)
    outcome = measure(name, data, tmp_path / "out", model, rule="all")
    assert [score.rule for score in outcome.scores] == [rule.label for rule in benchmark.rules]
    for score in outcome.scores:
        if (name, score.rule) != ("qbench_a3", "softmax of logits"):  # far from linear in such scores
            assert score.value == pytest.approx(BEST.get(name, 100.0), abs=1e-12)
        assert score.maximum == BEST.get(name, 100.0)
        assert score.unparsable == 0
        family = capabilities.family
        assert f"prompts {family}@" in score.label
    assert json.loads((tmp_path / "out" / "scores.json").read_text("utf-8"))[0]["label"] == outcome.scores[0].label
    assert outcome.scores[0].label in (tmp_path / "out" / "scores.md").read_text("utf-8")


def test_always_yes_has_half_the_answers_of_mme_and_no_pair(tmp_path: Path) -> None:
    outcome = measure("mme", mme(tmp_path / "data"), tmp_path / "out", FakeModel(article="Yes.", capabilities=SEES))
    (score,) = outcome.scores
    assert {row.value for row in score.rows} == {50.0}
    assert (score.value, score.parts) == (700.0, {"perception": 500.0, "cognition": 200.0})
    assert score.interval is None  # no share of right answers


def test_always_the_same_letter_is_never_right_in_all_rotations(tmp_path: Path) -> None:
    data = write_data("mmbench", tmp_path / "data")
    outcome = measure("mmbench", data, tmp_path / "out", FakeModel(article="B", capabilities=SEES), rule="all")
    values = {score.rule: score.value for score in outcome.scores}
    assert outcome.scores[1].interval == pytest.approx((51.0109, 100.0), abs=1e-3)  # of 4 of 4 (Wilson)
    # in the first order every right option is B
    assert values == {"circular, exact": 0.0, "vanilla, exact": 100.0, "circular, first letter": 0.0}


def test_a_random_model_is_at_chance(tmp_path: Path) -> None:
    data = write_tsv(tmp_path / "m.tsv", mmbench_rows(questions=400, rotations=1))
    draw = random.Random(7)
    model = FakeModel(answer=lambda messages: draw.choice("ABCD"), capabilities=SEES)
    outcome = measure("mmbench", data, tmp_path / "out", model)
    assert 25 - 6.5 < outcome.scores[0].value < 25 + 6.5  # three standard errors of 400 questions
    assert "no rotations in the file" in outcome.scores[0].label


def test_unreadable_answers_are_counted_and_wrong(tmp_path: Path) -> None:
    data = write_data("seed", tmp_path / "data")
    model = FakeModel(article="I cannot say", capabilities=SEES)
    (score,) = measure("seed", data, tmp_path / "out", model, rule="generate-exact").scores
    assert (score.value, score.unparsable, score.questions) == (0.0, 6, 6)
    assert "| type | Instance Identity | 0.00 | 3 | 3 |" in score.to_markdown()


def test_tiny_lvlm_reads_whole_words_after_normalisation(tmp_path: Path) -> None:
    data = write_data("tiny_lvlm", tmp_path / "data")  # the truths are "the two" or "2", then truth1, truth2, truth3
    said = {"What, 0": "Two!", "What, 1": "truth12", "What, 2": "It is the TRUTH2.", "What, 3": "no"}
    model = FakeModel(answer=lambda m: next(s for q, s in said.items() if q in m[0].text), capabilities=SEES)
    values = {s.rule: s.value for s in measure("tiny_lvlm", data, tmp_path / "out", model, rule="all").scores}
    assert values == {"word": 5 * 50.0, "contains": 5 * 75.0, "exact": 5 * 25.0}


def test_q_bench_correlates_shares_of_good_against_poor(tmp_path: Path) -> None:
    data = qbench_a3(tmp_path / "data", ["koniq", "agi"])
    questions = BENCHMARKS["qbench_a3"].read(data)
    logits = {
        question.id: (good, poor)
        for question, (good, poor) in zip(questions, [(-1, -9), (0, -1), (-2, -2), (3, -5), (9, -9)] * 2, strict=True)
    }
    predictions = [{"id": id_, "scores": {"quality": pair}} for id_, pair in logits.items()]
    path = tmp_path / "p.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in predictions), "utf-8")
    outcome = score_file(BENCHMARKS["qbench_a3"], Options(data, rule="all"), path, partial=False)
    truth = [question.value for question in questions[:5]]
    for score, divisor in zip(outcome.scores, (100, 1), strict=True):
        shares = [
            np.exp(g / divisor) / (np.exp(g / divisor) + np.exp(p / divisor)) for g, p in list(logits.values())[:5]
        ]
        assert score.parts["PLCC"] == pytest.approx(np.corrcoef(shares, truth)[0, 1], abs=1e-12)
        # the differences are 8, 1, 0, 8, 18: two share their rank
        assert score.value == pytest.approx(np.corrcoef([2.5, 1, 0, 2.5, 4], [0, 1, 2, 3, 4])[0, 1], abs=1e-12)
    assert "2 of 7 databases" in outcome.scores[0].label


def test_mme_writes_its_official_results_folder_which_scores_the_same(tmp_path: Path) -> None:
    data = mme(tmp_path / "data")
    answers = iter(["Yes", "no", "yes, a cat", "Yes"] * 14)
    model = FakeModel(answer=lambda messages: next(answers), capabilities=SEES)
    outcome = measure("mme", data, tmp_path / "out", model)
    lines = (tmp_path / "out" / "mme_results" / "count.txt").read_text("utf-8").splitlines()
    assert lines[2] == "0001.png\tIs there a cat, count? Please answer yes or no.\tYes\tyes, a cat"
    again = score_file(BENCHMARKS["mme"], Options(data), tmp_path / "out" / "mme_results", partial=False)
    assert again.scores[0].value == outcome.scores[0].value == 14 * (75 + 50)


def test_mmbench_writes_the_sheet_to_hand_in(tmp_path: Path) -> None:
    rows = [{**row, "answer": ""} for row in mmbench_rows(questions=2)]
    rows[0]["A"] = "=1+1"
    data = write_tsv(tmp_path / "test.tsv", rows)
    outcome = measure("mmbench", data, tmp_path / "out", FakeModel(article="B\x07", capabilities=SEES))
    assert outcome.scores == []  # the test split has no answers
    sheet = openpyxl.load_workbook(tmp_path / "out" / "mmbench_submission.xlsx").worksheets[0]
    table = list(sheet.iter_rows(values_only=True))
    assert table[0] == ("question", "A", "B", "C", "D", "prediction", "category", "l2-category", "index")
    assert table[1] == ("What is 0?", "=1+1", "thing 0 x", "thing 0 y", "thing 0 z", "B", "category 0", "perception", 0)
    assert sheet["B2"].data_type == "s"
    assert [row[-1] for row in table[1:]][-1] == 3_000_001


def test_q_bench_writes_what_its_makers_score(tmp_path: Path) -> None:
    model = FakeModel(article="Quite sharp", capabilities=SEES)
    outcome = measure("qbench_a1", qbench_a1(tmp_path / "a1", "test"), tmp_path / "o1", model)
    assert outcome.scores == []
    first = json.loads((tmp_path / "o1" / "qbench_a1_submission.jsonl").read_text("utf-8").splitlines()[0])
    assert (first["img_path"], first["response"]) == ("0.png", "Quite sharp")
    measure("qbench_a2", write_data("qbench_a2", tmp_path / "a2"), tmp_path / "o2", model)
    lines = (tmp_path / "o2" / "qbench_a2_descriptions.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["img_path"] for line in lines] == ["0.png", "1.png", "2.png"]


def test_groups_have_rows_of_their_own(tmp_path: Path) -> None:
    data = write_data("mmbench", tmp_path / "data")
    model = FakeModel(
        answer=lambda m: next(f"thing {n} x" for n in range(4) if f"is {n}?" in m[0].text), capabilities=SEES
    )
    model.answer = lambda messages: "thing 1 x" if "is 1?" in messages[0].text else "none"
    (score,) = measure("mmbench", data, tmp_path / "out", model).scores
    assert score.value == 25.0
    assert {(row.name, row.value, row.count) for row in score.rows} == {
        ("perception", 50.0, 2),
        ("reasoning", 0.0, 2),
        ("category 0", 0.0, 2),
        ("category 1", 50.0, 2),
    }


def test_the_limit_never_cuts_a_question_from_its_rotations(tmp_path: Path) -> None:
    data = write_data("mmbench", tmp_path / "data")
    benchmark = BENCHMARKS["mmbench"]
    outcome = measure("mmbench", data, tmp_path / "out", oracle(benchmark, benchmark.read(data)), limit=2)
    assert (outcome.scores[0].questions, outcome.scores[0].value) == (8, 100.0)


def test_the_prompts_of_the_reference(tmp_path: Path) -> None:
    """Word for word as the published scripts build them (the template adds what is around a turn)."""
    from evaluation.prompting import wording_for

    wording = wording_for("xcomposer")
    question = BENCHMARKS["mmbench"].read(write_data("mmbench", tmp_path / "m"))[1]
    asked = BENCHMARKS["mmbench"].ask(question, None, "reply", wording)
    assert asked.shown == (
        "<|user|>Please answer this question by choosing the correct choice.Context: N/A\nQuestion: What is 1?\n"
        "Options: A. thing 1 w\nB. thing 1 x\nC. thing 1 y\nD. thing 1 z<|assistant|> Answer: The answer is"
    )
    assert (asked.sampling.beams, asked.sampling.max_tokens, asked.sampling.repetition_penalty) == (5, 5, 1.5)
    question = BENCHMARKS["seed"].read(write_data("seed", tmp_path / "s"))[0]
    asked = BENCHMARKS["seed"].ask(question, None, "letters", wording)
    assert asked.shown == (
        "<|user|>Context: N/A\nQuestion: How many, 0?\nOptions: []\nA. one of 0\nB. two of 0\nC. six of 0\nD. ten of 0"
        "<|assistant|> Answer: The answer is"
    )
    assert asked.options == ("A.", "B.", "C.", "D.")
    question = BENCHMARKS["mme"].read(write_data("mme", tmp_path / "e"))[0]
    asked = BENCHMARKS["mme"].ask(question, None, "reply", wording)
    assert asked.shown == ("<|user|> Is there a cat, existence? Please answer yes or no. Answer this question briefly")
    question = BENCHMARKS["qbench_a3"].read(write_data("qbench_a3", tmp_path / "q"))[0]
    asked = BENCHMARKS["qbench_a3"].ask(question, None, "quality", wording)
    assert asked.shown == "<|user|> Rate the quality of the image.<|assistant|> The quality of the image is"


def test_options_that_are_absent_are_not_in_the_prompt(tmp_path: Path) -> None:
    rows = mmbench_rows(questions=1, rotations=1)
    rows[0] |= {"C": "", "D": "nan", "hint": "NaN"}
    (question,) = BENCHMARKS["mmbench"].read(write_tsv(tmp_path / "m.tsv", rows))
    assert question.letters == ("A", "B")
    for family in ("general", "xcomposer"):
        from evaluation.prompting import wording_for

        shown = BENCHMARKS["mmbench"].ask(question, None, "reply", wording_for(family)).shown
        assert "nan" not in shown.lower()
        assert "C." not in shown
