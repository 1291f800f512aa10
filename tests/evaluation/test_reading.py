"""Bad files: every problem is a sentence with the file and the line; what is only unusual is read."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import ReadableError
from evaluation.benchmarks import BENCHMARKS
from evaluation.reading import read_table
from tests.evaluation import data


def problem(name: str, place: Path) -> str:
    with pytest.raises(ReadableError) as caught:
        BENCHMARKS[name].read(place)
    return caught.value.text()


def test_quotes_tabs_and_line_breaks_within_fields(tmp_path: Path) -> None:
    path = data.write_tsv(tmp_path / "m.tsv", data.mmbench_rows())
    questions = BENCHMARKS["mmbench"].read(path)
    assert questions[0].hint == 'Say "this",\tor\nthat'
    assert len(questions) == 16


@pytest.mark.parametrize("how", ["bom", "crlf", "all-quoted"])
def test_files_as_other_programs_save_them(tmp_path: Path, how: str) -> None:
    plain = BENCHMARKS["mmbench"].read(data.write_tsv(tmp_path / "plain.tsv", data.mmbench_rows()))
    path = data.write_tsv(tmp_path / "m.tsv", data.mmbench_rows(), quoting=csv.QUOTE_ALL if how == "all-quoted" else 0)
    text = path.read_bytes()
    path.write_bytes({"bom": b"\xef\xbb\xbf" + text, "crlf": text.replace(b"\n", b"\r\n")}.get(how, text))
    questions = BENCHMARKS["mmbench"].read(path)
    assert [question.options for question in questions] == [question.options for question in plain]
    assert [q.picture.read() for q in questions if q.picture] == [q.picture.read() for q in plain if q.picture]


def test_a_picture_may_be_that_of_another_row_also_of_a_later_one(tmp_path: Path) -> None:
    rows = data.mmbench_rows(questions=2, rotations=2)
    questions = BENCHMARKS["mmbench"].read(data.write_tsv(tmp_path / "m.tsv", rows[::-1]))
    found = {question.id: question.picture.read() for question in questions if question.picture}
    assert found["1000001"] == found["1"] == data.png(1)
    rows[2]["image"] = "77"
    assert "line 4: the picture is said to be that of index 77, which has none." in problem(
        "mmbench", data.write_tsv(tmp_path / "m.tsv", [{**row, "hint": ""} for row in rows])
    )


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"image": ""}, "line 3: it has no picture."),
        ({"image": "@@@@" * 30}, "line 3: the picture is no base64 ('@@@@"),
        ({"index": ""}, "line 3: it has no index."),
        ({"index": "0"}, "line 3: the index 0 was in line 2 already."),
        ({"index": "x1"}, "line 3: the index 'x1' is no number."),
        ({"answer": "E"}, "line 3: the answer is 'E', and there is no such option."),
        ({"A": "", "B": "", "C": "", "answer": "D"}, "line 3: it has 1 options."),
    ],
)
def test_what_is_wrong_with_a_row_is_named_with_its_line(tmp_path: Path, changed: dict[str, object], said: str) -> None:
    rows = [{**row, "hint": ""} for row in data.mmbench_rows(questions=3, rotations=1)]
    rows[1] |= changed
    path = data.write_tsv(tmp_path / "m.tsv", rows)
    assert said in problem("mmbench", path)
    assert str(path) in problem("mmbench", path)


def test_answers_in_lower_case_are_answers(tmp_path: Path) -> None:
    rows = [{**row, "answer": str(row["answer"]).lower()} for row in data.mmbench_rows()]
    assert BENCHMARKS["mmbench"].read(data.write_tsv(tmp_path / "m.tsv", rows))[0].answers == ("B",)
    folder = data.mme(tmp_path / "mme", ["count"])
    file = folder / "count" / "count.txt"
    file.write_text(file.read_text("utf-8").replace("Yes", "yes").replace("\tNo", "\tNO"), "utf-8")
    assert [question.answers for question in BENCHMARKS["mme"].read(folder)] == [("yes",), ("no",)] * 2


def test_a_quotation_mark_that_is_never_closed_or_a_tab_too_many(tmp_path: Path) -> None:
    path = data.write_tsv(tmp_path / "m.tsv", data.mmbench_rows(questions=3, rotations=1, hint=False))
    lines = path.read_text("utf-8").split("\n")
    path.write_text("\n".join([lines[0], lines[1], lines[2].replace("What", '"What'), lines[3], ""]), "utf-8")
    assert "line 3: it has 2 fields, the header has 9. A quotation mark may be missing" in problem("ccbench", path)
    path.write_text("\n".join([lines[0], lines[1] + "\tmore", ""]), "utf-8")
    assert "line 2: it has 10 fields, the header has 9." in problem("ccbench", path)


def test_a_file_of_another_benchmark_or_none(tmp_path: Path) -> None:
    table = data.write_tsv(tmp_path / "x.tsv", [{"index": 1, "image": "x", "caption": "a cat"}])
    assert "it has no column question, A, B; its columns are index, image, caption." in problem("mmbench", table)
    assert "there is no such file or folder" in problem("mmbench", tmp_path / "none.tsv")
    for name in ("mme", "seed", "qbench_a1", "qbench_a3", "tiny_lvlm", "qbench_a2"):
        (tmp_path / name).mkdir()
        assert "It does not hold" in problem(name, tmp_path / name).replace(": it", ": It")
    (tmp_path / "latin.tsv").write_bytes("index\timage\tquestion\tA\tB\n1\tx\tn\xe4\tb\tc\n".encode("latin-1"))
    assert "line 2: the text is not UTF-8" in problem("mmbench", tmp_path / "latin.tsv")


def test_json_that_is_none_or_incomplete(tmp_path: Path) -> None:
    folder = data.seed(tmp_path)
    file = folder / "SEED-Bench.json"
    content = json.loads(file.read_text("utf-8-sig"))
    del content["questions"][1]["choice_b"]
    file.write_text(json.dumps(content), "utf-8")
    assert "question 2: it has no choice_b." in problem("seed", folder)
    content["questions"][1] |= {"choice_b": "x", "data_id": "gone.png"}
    file.write_text(json.dumps(content), "utf-8")
    assert "question 2: there is no picture 'gone.png'" in problem("seed", folder)
    file.write_text('{"questions": [\n{"a": 1},\n', "utf-8")
    assert "line 3: it is no JSON" in problem("seed", folder)


def test_mme_lines_that_do_not_fit(tmp_path: Path) -> None:
    folder = data.mme(tmp_path, ["count"])
    file = folder / "count" / "count.txt"
    lines = file.read_text("utf-8").splitlines()
    for changed, said in (
        ([*lines[:3]], "line 3: two lines that follow each other must ask about one picture"),
        ([lines[0], lines[2], lines[1], lines[3]], "line 2: two lines that follow each other"),
        ([lines[0], lines[1].replace("\tNo", "\tPerhaps")], "line 2: the answer is 'Perhaps'; Yes or No is expected."),
        ([lines[0], "0000.png\tIs it?"], "line 2: it has 2 columns, not 3."),
        ([line.replace("0000.png", "9.png") for line in lines], "line 1: there is no picture '9.png'"),
    ):
        file.write_text("\r\n".join(changed), "utf-8")
        assert said in problem("mme", folder)
        assert "count.txt" in problem("mme", folder)


def test_the_archive_of_mme_with_a_file_for_each_picture(tmp_path: Path) -> None:
    data.write_png(tmp_path / "posters" / "images" / "tt1.png", 1)
    answers = tmp_path / "posters" / "questions_answers_YN" / "tt1.txt"
    answers.parent.mkdir()
    answers.write_text("Is it A? Please answer yes or no.\tYes\nIs it B? Please answer yes or no.\tNo\n", "utf-8")
    questions = BENCHMARKS["mme"].read(tmp_path)
    assert [(question.id, question.answers) for question in questions] == [
        ("posters/tt1.png/1", ("yes",)),
        ("posters/tt1.png/2", ("no",)),
    ]


READ = """
import resource, sys
from pathlib import Path
from evaluation.benchmarks import BENCHMARKS
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
questions = BENCHMARKS["mmbench"].read(Path(sys.argv[1]))
print(len(questions), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_a_large_table_is_read_row_by_row(tmp_path: Path) -> None:
    """40 MB here; the memory does not grow with the file."""
    path = tmp_path / "large.tsv"
    picture = "QUJD" * 250_000  # a field of 1 MB
    with path.open("w", encoding="utf-8") as file:
        file.write("index\tquestion\tA\tB\tanswer\tcategory\timage\n")
        for number in range(40):
            file.write(f"{number}\tWhat?\ta\tb\tA\tx\t{picture}\n")
    ran = subprocess.run([sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=True)
    questions, megabytes = map(int, ran.stdout.split())
    assert questions == 40
    assert megabytes < 30
    assert sum(1 for _record in read_table(path)) == 40


def test_the_table_of_another_benchmark_is_not_taken_for_seed_bench(tmp_path: Path) -> None:
    place = data.write_tsv(tmp_path / "m.tsv", data.mmbench_rows())
    with pytest.raises(ReadableError, match="line 2: it has a hint or an l2-category, as MMBench's files have"):
        BENCHMARKS["seed"].read(place)
