"""Answers on disk while they come: JSON lines that survive being killed, found again by what was asked."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.messages import _
from evaluation.errors import RunUnusable
from evaluation.prompting import Need
from evaluation.questions import Prediction

FILE = "predictions.jsonl"
KEPT = "predictions.earlier.jsonl"  # answers that the last run did not ask for


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, as a line of predictions.jsonl."""

    id: str
    need: Need
    key: str  # of prompt, picture, settings and weights: the same key is not asked again
    prompt: str
    prediction: str | None = None
    options: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()

    @property
    def identity(self) -> tuple[str, Need, str]:
        return self.id, self.need, self.key

    def to_json(self) -> str:
        line: dict[str, Any] = {"id": self.id, "need": self.need, "key": self.key, "prompt": self.prompt}
        if self.need == "reply":
            line["prediction"] = self.prediction
        else:
            line |= {"options": self.options, "scores": {self.need: self.scores}}
        return json.dumps(line, ensure_ascii=False)


def part_file(out: Path, rank: int) -> Path:
    """The file that process number `rank` writes to."""
    return out / (FILE if rank == 0 else f"predictions.part{rank}.jsonl")


# What tells an answer apart: id, need and key.
Known = dict[tuple[str, Need, str], Answer]


def load_answers(out: Path) -> Known:
    """The answers of all processes of earlier runs. A line that was cut when they were killed is no answer."""
    found: Known = {}
    for path in sorted(out.glob("predictions*.jsonl")):
        for line in _whole_lines(path):
            answer = _parsed(line)
            if answer is not None:
                found[answer.identity] = answer
    return found


def _whole_lines(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield line.decode("utf-8", "replace")


def _parsed(line: str) -> Answer | None:
    try:
        item = json.loads(line)
        scores = item.get("scores") or {}
        return Answer(
            item["id"],
            item["need"],
            item["key"],
            item["prompt"],
            item.get("prediction"),
            tuple(item.get("options", ())),
            tuple(scores.get(item["need"], ())),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None  # torn, or of another program: it is asked again


class Writer:
    """Appends answers; what was appended is in the file when `add` returns."""

    def __init__(self, path: Path) -> None:
        _cut_torn_line(path)
        self._file = path.open("a", encoding="utf-8")

    def add(self, answers: Iterable[Answer]) -> None:
        self._file.write("".join(f"{answer.to_json()}\n" for answer in answers))
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def _cut_torn_line(path: Path) -> None:
    if not path.is_file() or path.stat().st_size == 0:
        return
    with path.open("rb+") as file:
        data = file.read()
        if not data.endswith(b"\n"):
            file.truncate(data.rfind(b"\n") + 1)


def write_in_order(out: Path, answers: Sequence[Answer]) -> Path:
    """Puts the answers into one file, in the order given, in place of those of all processes.

    Those to other questions, or under other settings, move to a file of their own, where `load_answers` finds them.
    """
    path = out / FILE
    wanted = {answer.identity for answer in answers}
    others = [answer for identity, answer in load_answers(out).items() if identity not in wanted]
    if others:
        kept = out / KEPT
        kept.with_suffix(".new").write_text("".join(f"{answer.to_json()}\n" for answer in others), "utf-8")
        os.replace(kept.with_suffix(".new"), kept)  # noqa: PTH105  # atomic also where the target exists
    written = path.with_suffix(".jsonl.new")
    written.write_text("".join(f"{answer.to_json()}\n" for answer in answers), "utf-8")
    os.replace(written, path)  # noqa: PTH105  # atomic also where the target exists
    for part in out.glob("predictions.part*.jsonl"):
        part.unlink()
    return path


def as_predictions(answers: Iterable[Answer]) -> dict[str, Prediction]:
    """Id -> what was answered, of all needs together."""
    found: dict[str, Prediction] = {}
    for answer in answers:
        before = found.get(answer.id, Prediction(answer.id))
        text = answer.prediction if answer.need == "reply" else before.text
        scores = before.scores if answer.need == "reply" else {**before.scores, answer.need: list(answer.scores)}
        found[answer.id] = Prediction(answer.id, text, scores)
    return found


def check_new(out: Path, benchmark: str, *, resume: bool) -> None:
    """Refuses a folder that holds answers already, unless they are to be continued, or a run of something else.

    Raises RunUnusable.
    """
    if out.exists() and not out.is_dir():
        raise RunUnusable(place=out, reason=_("it is a file; --out takes a folder."))
    if not resume and any(out.glob("predictions*.jsonl")):
        raise RunUnusable(
            place=out, reason=_("it holds answers of another run. --resume continues it; or choose another folder.")
        )
    try:
        facts = json.loads((out / "run.json").read_text("utf-8"))
        other = str(facts.get("benchmark") or "composition")
    except (OSError, ValueError, AttributeError):
        return
    if other != benchmark:
        raise RunUnusable(place=out, reason=_("it holds a run of {other}; choose another folder.", other=other))
