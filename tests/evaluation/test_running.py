"""Runs that can be trusted: nothing is asked twice, memory that runs out, several processes, checks of the run."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from common.errors import ReadableError
from composer.errors import OutOfMemory
from composer.models import Capabilities, Message, Sampling
from evaluation.benchmarks import BENCHMARKS
from evaluation.commands import Options, Outcome, run
from evaluation.running import Answer, load_answers, weights_fingerprint
from evaluation.running.store import Writer
from tests.evaluation import data
from tests.fakes import FakeModel


def measure(name: str, place: Path, out: Path, model: FakeModel, **options: Any) -> Outcome:
    return run(BENCHMARKS[name], Options(place, out, **options), "fake", lambda: model)


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "predictions.jsonl").read_text("utf-8").splitlines()]


class Counting(FakeModel):
    """Says how many prompts each call had; runs out of memory with more than `most` of them."""

    def __init__(self, most: int = 100, **options: Any) -> None:
        super().__init__(article="Yes", capabilities=data.SEES, **options)
        self.most = most
        self.batches: list[int] = []

    def reply(self, prompts: Sequence[Sequence[Message]], sampling: Sampling, **options: Any) -> list[str]:
        self.batches.append(len(prompts))
        if len(prompts) > self.most:
            raise OutOfMemory(name="fake", needed="9 GB", device="card 0", free="1 GB", way_out="")
        return super().reply(prompts, sampling, **options)


def test_answers_are_kept_with_prompt_and_key_in_order(tmp_path: Path) -> None:
    model = Counting()
    measure("mme", data.mme(tmp_path / "d", ["count"], 3), tmp_path / "o", model, batch=4)
    assert model.batches == [4, 2]
    found = lines(tmp_path / "o")
    assert [line["id"] for line in found][:3] == ["count/0000.png/1", "count/0000.png/2", "count/0001.png/1"]
    assert found[0]["prompt"] == "<|user|><picture>Is there a cat, count? Please answer yes or no."
    assert found[0]["prediction"] == "Yes"
    assert len({line["key"] for line in found}) == 6


def test_a_run_goes_on_where_it_was_killed(tmp_path: Path) -> None:
    place = data.mme(tmp_path / "d", ["count"], 4)
    model = Counting()
    measure("mme", place, tmp_path / "o", model)
    whole = (tmp_path / "o" / "predictions.jsonl").read_bytes()
    half = whole[: whole.index(b"\n", len(whole) // 2) + 30]  # a line torn in the middle
    (tmp_path / "o" / "predictions.jsonl").write_bytes(half)
    kept = half.count(b"\n")
    with pytest.raises(ReadableError, match="--resume continues it"):
        measure("mme", place, tmp_path / "o", model)
    again = Counting()
    measure("mme", place, tmp_path / "o", again, resume=True, batch=3)  # the batch does not matter
    assert len(again.prompts) == 8 - kept
    assert (tmp_path / "o" / "predictions.jsonl").read_bytes() == whole
    third = Counting()
    measure("mme", place, tmp_path / "o", third, resume=True)
    assert third.prompts == []


def test_what_follows_a_torn_line_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "predictions.jsonl"
    first, second, third = (Answer(name, "reply", "k", "?", "Yes") for name in "abc")
    path.write_text(f"{first.to_json()}\n{second.to_json()}", "utf-8")  # killed before the end of the line
    assert [answer.id for answer in load_answers(tmp_path).values()] == ["a"]
    writer = Writer(path)
    writer.add([third])
    assert [answer.id for answer in load_answers(tmp_path).values()] == ["a", "c"]
    writer.close()


def test_other_pictures_or_weights_are_asked_anew(tmp_path: Path) -> None:
    place = data.mme(tmp_path / "d", ["count"], 2)
    measure("mme", place, tmp_path / "o", Counting())
    data.write_png(place / "count" / "images" / "0000.png", 999)
    again = Counting()
    measure("mme", place, tmp_path / "o", again, resume=True)
    assert len(again.prompts) == 2  # both questions about it
    other = Counting()
    other.capabilities = Capabilities(sees_pictures=True, max_pictures=1, quantization="Q4_K_M")
    measure("mme", place, tmp_path / "o", other, resume=True)
    assert len(other.prompts) == 4


def test_weights_are_told_apart_by_their_files(tmp_path: Path) -> None:
    model = FakeModel()
    file = tmp_path / "w.gguf"
    file.write_bytes(bytes(300_000))
    first = weights_fingerprint(str(file), model)
    assert weights_fingerprint(str(file), model) == first
    file.write_bytes(bytes(200_000) + b"\1" + bytes(99_999))
    assert weights_fingerprint(str(file), model) != first


def test_the_batch_is_halved_where_memory_runs_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = Counting(most=2)
    outcome = measure("mme", data.mme(tmp_path / "d", ["count"], 5), tmp_path / "o", model, batch=8)
    assert model.batches == [8, 4, 2, 2, 2, 2, 2]
    assert (outcome.scores[0].questions, outcome.scores[0].value) == (10, 50.0)
    assert "The batch is now 2." in capsys.readouterr().err
    with pytest.raises(OutOfMemory):
        measure("mme", data.mme(tmp_path / "e", ["count"], 5), tmp_path / "p", Counting(most=0))


def test_a_model_that_does_not_see_is_refused_or_asked_blind(tmp_path: Path) -> None:
    place = data.mme(tmp_path / "d", ["count"])
    with pytest.raises(ReadableError, match=r"'fake' does not see pictures.*--blind"):
        measure("mme", place, tmp_path / "o", FakeModel(article="Yes"))
    model = FakeModel(article="Yes")
    outcome = measure("mme", place, tmp_path / "o", model, blind=True)
    assert outcome.scores[0].label.endswith(", blind]")
    assert not any(message.pictures for prompt in model.prompts for message in prompt)


def test_a_broken_picture_is_named(tmp_path: Path) -> None:
    place = data.mme(tmp_path / "d", ["count"])
    (place / "count" / "images" / "0001.png").write_bytes(b"no picture")
    with pytest.raises(ReadableError, match=r"0001\.png"):
        measure("mme", place, tmp_path / "o", FakeModel(article="Yes", capabilities=data.SEES))


def always_yes() -> FakeModel:
    """Travels to other processes by its name."""
    return Counting()


def dies() -> FakeModel:
    os._exit(7)


def test_two_processes_answer_as_one(tmp_path: Path) -> None:
    place = data.mme(tmp_path / "d", ["count", "color"], 3)
    measure("mme", place, tmp_path / "one", Counting())
    outcome = run(BENCHMARKS["mme"], Options(place, tmp_path / "two", processes=2), "fake", always_yes)
    assert (tmp_path / "two" / "predictions.jsonl").read_bytes() == (
        tmp_path / "one" / "predictions.jsonl"
    ).read_bytes()
    assert [path.name for path in (tmp_path / "two").glob("predictions*")] == ["predictions.jsonl"]
    assert outcome.scores[0].value == 100.0
    again = Counting()
    measure("mme", place, tmp_path / "two", again, resume=True)  # nor does the number of processes matter
    assert again.prompts == []


def test_a_process_that_dies_is_an_error_with_the_way_on(tmp_path: Path) -> None:
    place = data.mme(tmp_path / "d", ["count"])
    with pytest.raises(ReadableError, match=r"ended with status 7\. .*--resume goes on"):
        run(BENCHMARKS["mme"], Options(place, tmp_path / "o", processes=2), "fake", dies)


SLOW = """
import sys, time
from pathlib import Path
from evaluation.benchmarks import BENCHMARKS
from evaluation.commands import Options, run
from tests.evaluation.data import SEES
from tests.fakes import FakeModel

class Slow(FakeModel):
    def reply(self, prompts, sampling, *, stop=None):
        time.sleep(0.05)
        return super().reply(prompts, sampling, stop=stop)

model = Slow(article="Yes", capabilities=SEES)
run(BENCHMARKS["mme"], Options(Path(sys.argv[1]), Path(sys.argv[2]), batch=1), "fake", lambda: model)
"""


def test_kill_9_loses_no_answer(tmp_path: Path) -> None:
    place, out = data.mme(tmp_path / "d", ["count"], 50), tmp_path / "o"
    running = subprocess.Popen([sys.executable, "-c", SLOW, str(place), str(out)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(load_answers(out)) < 5 and time.monotonic() < deadline:
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.wait()
    kept = len(load_answers(out))
    assert 5 <= kept < 100
    model = Counting()
    measure("mme", place, out, model, resume=True)
    assert len(model.prompts) == 100 - kept


def test_two_runs_do_not_write_to_one_folder(tmp_path: Path) -> None:
    from filelock import FileLock

    place, out = data.mme(tmp_path / "d", ["count"]), tmp_path / "o"
    out.mkdir()
    with FileLock(out / ".lock"), pytest.raises(ReadableError, match="another run is writing"):
        measure("mme", place, out, Counting())


def test_the_audit_names_answers_that_change_with_the_batch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Shaky(Counting):
        def reply(self, prompts: Sequence[Sequence[Message]], sampling: Sampling, **options: Any) -> list[str]:
            replies = super().reply(prompts, sampling, **options)
            return ["No", *replies[1:]] if len(prompts) > 1 else replies

    measure("mme", data.mme(tmp_path / "d", ["count"], 4), tmp_path / "o", Shaky(), batch=4, audit=True)
    said = capsys.readouterr().err
    assert "Batch audit: 2 of 8 answers differ between batch 1 and batch 4." in said
    assert "count/0002.png/1: 'Yes' -> 'No'" in said


def test_repeating_says_how_much_a_score_moves_by_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = iter(["Yes", "No"] * 2 + ["Yes", "Yes"] * 2)
    model = FakeModel(answer=lambda messages: next(answers), capabilities=data.SEES)
    measure("mme", data.mme(tmp_path / "d", ["count"]), tmp_path / "o", model, repeat=2)
    assert "Noise floor of official: scores 50 to 200 in 2 runs; 2 answers changed." in capsys.readouterr().err


def test_the_preflight_stops_a_run_that_is_not_worth_its_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = data.mme(tmp_path / "d", ["count"])
    with pytest.raises(ReadableError, match="4 of 8 simple questions were answered rightly, 0 answers could"):
        measure("mme", place, tmp_path / "o", Counting(), preflight=True)
    facts = {"snow": "yes", "sun": "no", "fish": "yes", "stones": "no", "ice": "yes", "fire": "no", "birds": "yes"}

    def knows(messages: Sequence[Message]) -> str:
        return next((answer for word, answer in facts.items() if word in messages[0].text), "no")

    model = FakeModel(answer=knows)
    assert measure("mme", place, tmp_path / "p", model, preflight=True, blind=True).scores
    recorded = json.loads((tmp_path / "p" / "preflight.json").read_text("utf-8"))["answers"]
    assert len(recorded) == 8
    facts["snow"] = "Yes"
    capsys.readouterr()
    measure("mme", place, tmp_path / "p", model, preflight=True, blind=True, resume=True)
    assert capsys.readouterr().err.count("Note: the recorded answer was 'yes'.") == 1


class Tokens(FakeModel):
    """Scores options by token, and keeps how many prompts came at once."""

    def __init__(self, scorer: Callable[[str], list[float]]) -> None:
        super().__init__(capabilities=data.SEES)
        self.by_token, self.batches = scorer, list[int]()

    def score_tokens(
        self, prompts: Sequence[Sequence[Message]], options: Sequence[Sequence[str]]
    ) -> list[list[list[float]]]:
        self.batches.append(len(prompts))
        return [[self.by_token(option) for option in each] for each in options]


def test_scores_of_options_are_means_over_their_tokens(tmp_path: Path) -> None:
    """SEED-Bench's rules compare losses: a long option is not worse for being long."""
    place = data.seed(tmp_path / "d")
    model = Tokens(lambda option: [-1.0] * 4 if "two" in option else [-2.0])
    outcome = measure("seed", place, tmp_path / "o", model, rule="choice-text", batch=4)
    assert lines(tmp_path / "o")[0]["scores"] == {"texts": [-2.0, -1.0, -2.0, -2.0]}
    assert outcome.scores[0].value == pytest.approx(100 * 2 / 6)
    assert model.batches == [4, 2]


def test_good_and_poor_are_scored_by_the_first_token_that_tells_them_apart(tmp_path: Path) -> None:
    place = data.qbench_a3(tmp_path / "d", ["koniq"])
    measure("qbench_a3", place, tmp_path / "o", Tokens(lambda option: [-1.0, -2.0 if "good" in option else -3.0, -9.0]))
    assert lines(tmp_path / "o")[0]["scores"] == {"quality": [-2.0, -3.0]}


def test_a_smaller_run_over_the_same_folder_loses_no_answer(tmp_path: Path) -> None:
    place, model = data.mme(tmp_path / "d", ["count"], 3), Counting()
    measure("mme", place, tmp_path / "o", model)
    measure("mme", place, tmp_path / "o", model, resume=True, limit=1)
    assert len(lines(tmp_path / "o")) == 2
    assert len(load_answers(tmp_path / "o")) == 6
    measure("mme", place, tmp_path / "o", model, resume=True)
    assert len(lines(tmp_path / "o")) == 6
    assert sum(model.batches) == 6, "nothing is asked twice"


def test_a_folder_holds_one_benchmark(tmp_path: Path) -> None:
    measure("mme", data.mme(tmp_path / "d", ["count"]), tmp_path / "o", Counting())
    with pytest.raises(ReadableError, match="it holds a run of mme; choose another folder"):
        measure("ccbench", data.write_data("ccbench", tmp_path / "c"), tmp_path / "o", Counting(), resume=True)
    assert len(lines(tmp_path / "o")) == 4
