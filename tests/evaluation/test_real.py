"""The commands end to end with real models: the native one with random weights, and the embedded one, blind."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from composer.models import Sampling
from composer.prompts.style import WORDS
from evaluation.articles import Settings, Title
from evaluation.benchmarks import BENCHMARKS
from evaluation.cli import app
from evaluation.commands import CompositionOptions, Options, compose_titles, run
from retrieval import open_gallery
from tests.evaluation import data

if TYPE_CHECKING:
    from composer.models import GgufModel


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)  # many threads on a busy machine wait for each other
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint in the published format with random weights of tiny sizes."""
    from tests.composer.xcomposer.tiny import train_tokenizer, write_folder

    folder = tmp_path_factory.mktemp("tiny")
    return write_folder(folder / "xcomposer", train_tokenizer(folder))


def measure(name: str, place: Path, out: Path, model: Path, *more: str) -> list[dict[str, object]]:
    arguments = [name, "--data", str(place), "--out", str(out), "--model", str(model), "--num_gpus", "0", "--json"]
    ran = CliRunner().invoke(app, [*arguments, *more])
    assert ran.exit_code == 0, ran.output
    return list(json.loads(ran.stdout)["scores"])


def test_the_native_model_sees_and_answers(tiny_model: Path, tmp_path: Path) -> None:
    place = data.mme(tmp_path / "mme", ["count"])
    (score,) = measure("mme", place, tmp_path / "o", tiny_model)
    assert str(score["label"]).startswith("[official, 1 of 14 tasks, beam 5, float32, prompts xcomposer@")
    first = json.loads((tmp_path / "o" / "predictions.jsonl").read_text("utf-8").splitlines()[0])
    assert first["prompt"].startswith("<|user|><picture> Is there a cat")
    before = (tmp_path / "o" / "predictions.jsonl").read_bytes()
    measure("mme", place, tmp_path / "o", tiny_model, "--resume", "--batch", "1")
    assert (tmp_path / "o" / "predictions.jsonl").read_bytes() == before


def test_the_native_model_scores_options_by_all_their_tokens(tiny_model: Path, tmp_path: Path) -> None:
    scores = measure("seed", data.seed(tmp_path / "seed", 2), tmp_path / "o", tiny_model, "--rule", "all")
    assert [score["rule"] for score in scores] == ["letter", "choice-text", "generate, first letter", "generate, exact"]
    lines = [json.loads(line) for line in (tmp_path / "o" / "predictions.jsonl").read_text("utf-8").splitlines()]
    letters, texts = lines[0]["scores"]["letters"], lines[2]["scores"]["texts"]
    assert len(letters) == len(texts) == 4
    assert len({*letters, *texts}) == 8
    (score,) = measure("qbench_a3", data.qbench_a3(tmp_path / "q", ["koniq"]), tmp_path / "p", tiny_model)
    assert -1 <= float(str(score["value"])) <= 1


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_runs_with_the_native_model(name: str, tiny_model: Path, tmp_path: Path) -> None:
    place = data.write_data(name, tmp_path / "data")
    scores = measure(name, place, tmp_path / "o", tiny_model, "--limit", "1", "--audit")
    lines = (tmp_path / "o" / "predictions.jsonl").read_text("utf-8").splitlines()
    assert len(lines) == {"mme": 2, "mmbench": 4, "mmbench_cn": 4, "ccbench": 4}.get(name, 1)
    assert len(scores) == (0 if name == "qbench_a2" else 1)
    assert all("<picture>" in json.loads(line)["prompt"] for line in lines)


def test_an_article_is_written_and_judged_by_the_native_model(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "titles.txt").write_text("A cat\n", "utf-8")
    model = str(tiny_model)
    arguments = ["--titles", str(tmp_path / "titles.txt"), "--out", str(tmp_path / "o"), "--length", "short"]
    arguments += ["--gallery", "none", "--num_gpus", "0", "--model", model, "--judge", model, "--json"]
    ran = CliRunner().invoke(app, ["composition", *arguments])
    assert ran.exit_code == 0, ran.output
    numbers = json.loads(ran.stdout)["scores"]["en"]
    assert numbers["tokens_generated"]["mean"] > 0
    assert 0 < numbers["judge_text_quality"]["mean"] < 5
    assert "judge_image_coherence" not in numbers  # there is no picture


@pytest.mark.real
def test_the_embedded_model_answers_every_benchmark_blind(
    embedded_model: "GgufModel", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evaluation.prompting.general.DESCRIPTION", Sampling(max_tokens=6))
    one = data.mmbench_rows(1, 1)
    for name in BENCHMARKS:
        place = data.write_data(name, tmp_path / name)
        if place.suffix == ".tsv":
            data.write_tsv(place, one)  # without rotations, which cost a second each
        options = Options(place, tmp_path / "o" / name, limit=1, blind=True)
        outcome = run(BENCHMARKS[name], options, "embedded", lambda: _Kept(embedded_model))
        assert [score.benchmark for score in outcome.scores] == ([] if name == "qbench_a2" else [name])
    ran = CliRunner().invoke(app, ["report", *map(str, (tmp_path / "o").iterdir()), "--out", str(tmp_path / "report")])
    assert ran.exit_code == 0, ran.output
    assert "qbench_a2: its answers are scored by the benchmark's makers." in ran.stderr
    table = (tmp_path / "report" / "report.md").read_text("utf-8")
    assert table.count("qwen2.5-coder-1.5b") >= 7


@pytest.mark.real
def test_an_article_of_the_embedded_model_is_measured(
    embedded_model: "GgufModel", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(WORDS, "short", 60)  # for less time
    titles = [Title("en-01", "A cat's nap", "en")]
    options = CompositionOptions(tmp_path / "o", Settings("short", 1), "embedded")
    model = _Kept(embedded_model)
    scores = compose_titles(titles, options, model, open_gallery(None), threading.Event())  # type: ignore[arg-type]
    assert scores is not None
    numbers = scores["scores"]
    for name in ("pictures", "language_kept"):
        assert numbers["all"][name]["mean"] == 1, name
    for name in ("pictures_twice", "junk_captions", "after_headings", "unfinished", "stray_marks"):
        assert numbers["all"][name]["mean"] == 0, name
    assert 25 < numbers["en"]["words"]["mean"] < 150
    assert 0.1 < numbers["en"]["caption_paragraph"]["mean"] <= 1
    assert numbers["all"]["tokens_spot"]["mean"] > 0
    assert numbers["all"]["reuse_share"]["mean"] > 0.5
    assert "Q4_K_M" in (tmp_path / "o" / "scores.md").read_text("utf-8")


@pytest.mark.real
def test_the_embedded_model_answers_blind(embedded_model: "GgufModel", tmp_path: Path) -> None:
    row = {"index": 0, "question": "Which is an animal?", "A": "a stone", "B": "a cat", "answer": "B"}
    place = data.write_tsv(tmp_path / "m.tsv", [{**row, "category": "facts", "image": data.coded(0)}])
    outcome = run(
        BENCHMARKS["mmbench"], Options(place, tmp_path / "o", blind=True), "embedded", lambda: _Kept(embedded_model)
    )
    (score,) = outcome.scores
    assert (score.value, score.unparsable) == (100.0, 0)
    assert "beam 1, Q4_K_M, prompts general@" in score.label
    seed = data.seed(tmp_path / "seed", 1)
    run(BENCHMARKS["seed"], Options(seed, tmp_path / "p", blind=True), "embedded", lambda: _Kept(embedded_model))
    line = json.loads((tmp_path / "p" / "predictions.jsonl").read_text("utf-8"))
    assert all(value < 0 for value in line["scores"]["letters"])


class _Kept:
    """The model that all tests share, which a run does not close."""

    def __init__(self, model: "GgufModel") -> None:
        self._model = model

    def __getattr__(self, name: str) -> object:
        return (lambda: None) if name == "close" else getattr(self._model, name)
