"""Benchmarks as a hub has them: parquet files with the pictures as bytes."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from common.errors import ReadableError
from evaluation.benchmarks import BENCHMARKS
from evaluation.cli import app
from evaluation.questions import Question
from tests.evaluation import data

pa = pytest.importorskip("pyarrow", reason="parquet files are read with pyarrow")


def write(path: Path, rows: list[dict[str, Any]], group: int = 3) -> Path:
    from pyarrow import parquet

    parquet.write_table(pa.Table.from_pylist(rows), path, row_group_size=group)
    return path


def pictured(row: dict[str, Any], number: int) -> dict[str, Any]:
    return {**row, "image": {"bytes": data.png(number), "path": f"{number}.png"}}


def picture(question: Question) -> bytes:
    assert question.picture is not None
    return question.picture.read()


def test_a_table_of_a_hub_holds_the_questions_of_the_tsv(tmp_path: Path) -> None:
    rows = data.mmbench_rows()
    table = BENCHMARKS["mmbench"].read(data.write_tsv(tmp_path / "m.tsv", rows))
    for row in rows:
        row["L2-category"] = row.pop("l2-category")
        row["hint"] = row["hint"] or None
    hub = [pictured(row, int(str(row["index"])) % 1_000_000) for row in rows]
    write(tmp_path / "dev-00000-of-00002-abc123.parquet", hub[:7])
    last = write(tmp_path / "dev-00001-of-00002-def456.parquet", hub[7:])
    write(tmp_path / "test-00000-of-00001.parquet", hub[:1])
    found = BENCHMARKS["mmbench"].read(last)  # any part stands for all
    assert len(found) == 16
    for own, other in zip(found, table, strict=True):
        assert (own.id, own.unit, own.text, own.options, own.hint, own.answers) == (
            *(other.id, other.unit, other.text, other.options, other.hint, other.answers),
        )
        assert own.groups == other.groups
        assert picture(own) == picture(other)
    (tmp_path / "dev-00000-of-00002-abc123.parquet").unlink()
    with pytest.raises(ReadableError, match="part 0 of its 2 parts is not beside it"):
        BENCHMARKS["mmbench"].read(last)


def test_seed_bench_without_its_videos(tmp_path: Path) -> None:
    questions = json.loads((data.seed(tmp_path) / "SEED-Bench.json").read_text("utf-8-sig"))["questions"]
    rows = [
        {**item, "answer": item["answer"].upper(), "image": [{"bytes": data.png(number)}] * (3 if number == 6 else 1)}
        for number, item in enumerate(questions)
    ]
    found = BENCHMARKS["seed"].read(write(tmp_path / "seed.parquet", rows))
    own = BENCHMARKS["seed"].read(tmp_path)
    assert [question.id for question in found] == [question.id for question in own] == [str(100 + n) for n in range(6)]
    assert [question.options for question in found] == [question.options for question in own]
    assert [question.answers for question in found] == [question.answers for question in own]
    assert found[0].groups == {"type": "Scene Understanding"}
    assert [picture(question) for question in found] == [data.png(number) for number in range(6)]


def test_mme_without_an_index(tmp_path: Path) -> None:
    asked = [("cat", "Yes"), ("dog", "No")]
    rows = [
        pictured({"question_id": f"count/{n}.png", "question": f"A {t}?", "answer": a, "category": "count"}, n)
        for n in range(2)
        for t, a in asked
    ]
    path = write(tmp_path / "mme.parquet", rows)
    said = tmp_path / "said.jsonl"
    said.write_text("".join(f'{{"id": "{n}", "prediction": "yes"}}\n' for n in range(4)), "utf-8")
    ran = CliRunner().invoke(app, ["mme", "--data", str(path), "--predictions", str(said), "--json"])
    assert ran.exit_code == 0, ran.output
    (score,) = json.loads(ran.stdout)["scores"]
    assert score["value"] == 50.0  # half of the answers, no picture with both


def test_pictures_may_be_base64_and_must_be_there(tmp_path: Path) -> None:
    rows = data.mmbench_rows(2, 1)
    (question, _other) = BENCHMARKS["mmbench"].read(write(tmp_path / "m.parquet", rows))
    assert picture(question) == data.png(0)
    (one, two) = BENCHMARKS["mmbench"].read(
        write(tmp_path / "n.parquet", [pictured(rows[0], 0), {**rows[1], "image": None}])
    )
    assert picture(one) == data.png(0)
    with pytest.raises(ReadableError, match=r"n\.parquet' cannot be used: line 2: it has no picture"):
        picture(two)


def test_what_cannot_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.parquet"
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(ReadableError, match=r"it is no \.parquet file"):
        BENCHMARKS["mmbench"].read(path)
    write(path, [{"question": "?"}])
    with pytest.raises(ReadableError, match="it has no column image, A, B"):
        BENCHMARKS["mmbench"].read(path)
    monkeypatch.setattr("evaluation.reading.parquet.find_spec", lambda name: None)
    with pytest.raises(ReadableError, match="pip install pyarrow"):
        BENCHMARKS["mmbench"].read(path)
    (tmp_path / "m.xlsx").write_bytes(b"PK")
    with pytest.raises(ReadableError, match="a sheet cannot hold pictures"):
        BENCHMARKS["mmbench"].read(tmp_path / "m.xlsx")
