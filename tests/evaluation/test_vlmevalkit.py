"""Our rules against VLMEvalKit's own code, where it is installed (`pip install --no-deps ms-vlmeval`).

Its files are run one by one, without the packages that the whole of it needs.
"""

import importlib.util
import random
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest

from evaluation.benchmarks import BENCHMARKS
from evaluation.questions import Prediction
from evaluation.scoring import exact_letter, yes_or_no, yes_or_no_anywhere
from tests.evaluation import data

WORDS = [
    "A",
    "B.",
    "(C)",
    "D",
    "E",
    "a",
    "yes",
    "No",
    "no,",
    "dog",
    "a dog",
    "two cats",
    "none of them",
    "is",
    "*B*",
    "!",
]
OPTIONS = {"A": "a cat", "B": "a dog", "C": "two cats", "D": "none of them"}


@pytest.fixture(scope="module")
def kit() -> Path:
    spec = importlib.util.find_spec("vlmeval")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("VLMEvalKit is not installed: pip install --no-deps ms-vlmeval")
    return Path(spec.submodule_search_locations[0])


def part(file: Path, monkeypatch: pytest.MonkeyPatch, **modules: dict[str, Any]) -> ModuleType:
    """One file of it as a module; `modules` stand in for what it imports."""
    for name, content in modules.items():
        stand_in = ModuleType(f"vlmeval.{name.replace('_', '.')}")
        vars(stand_in).update(content)
        monkeypatch.setitem(sys.modules, stand_in.__name__, stand_in)
    module = ModuleType(file.stem)
    exec(compile(file.read_text("utf-8"), str(file), "exec"), vars(module))
    return module


def answers(count: int, most: int) -> list[str]:
    draw = random.Random(5)
    return [" ".join(draw.choices(WORDS, k=draw.randint(0, most))) for _number in range(count)]


def test_letters_are_read_as_it_reads_them(kit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In answers of up to four words: in longer ones its present version looks for the letter only at the end."""
    monkeypatch.delenv("VERBOSE", raising=False)
    log: dict[str, Any] = {"get_logger": lambda name: None}
    matching = part(kit / "utils" / "matching_util.py", monkeypatch, smp_log=log)
    compared = 0
    for answer in answers(4000, 4):
        if len(answer.split()) <= 4:
            theirs = matching.can_infer(answer, dict(OPTIONS)) or ""
            assert exact_letter(answer, OPTIONS) == theirs, answer
            compared += 1
    assert compared > 1000


def test_yes_and_no_and_the_scores_of_mme_are_its_own(
    kit: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    misc = (kit / "smp" / "misc.py").read_text("utf-8")
    start = misc.index("def process_punctuation")
    found: dict[str, Any] = {}
    exec(misc[start : misc.index("\ndef ", start)], found)
    smp = {"process_punctuation": found["process_punctuation"], "load": lambda table: table, "d2df": dict}
    yorn = part(kit / "dataset" / "utils" / "yorn.py", monkeypatch, smp=smp)
    for answer in answers(2000, 4):
        if "*" not in answer:  # which it leaves in words
            theirs = yorn.YOrN_Extraction(answer)
            assert yes_or_no_anywhere(answer) == {"Yes": "yes", "No": "no", "Unknown": ""}[theirs], answer
    questions = BENCHMARKS["mme"].read(data.mme(tmp_path, pictures=5))
    draw = random.Random(6)
    said = {question.id: draw.choice(["Yes", "no", "yes.", "who knows"]) for question in questions}
    rows = [
        {"category": q.groups["task"], "image_path": q.unit, "score": yes_or_no(said[q.id]) in q.answers}
        for q in questions
    ]
    theirs = yorn.MME_rating(pd.DataFrame(rows))
    benchmark = BENCHMARKS["mme"]
    ours = benchmark.score(questions, {id_: Prediction(id_, text) for id_, text in said.items()}, benchmark.rule(None))
    assert {row.name: row.value for row in ours.rows} == pytest.approx(
        {row.name: theirs[row.name] for row in ours.rows}
    )
    assert ours.parts["perception"] == pytest.approx(theirs["perception"])
    assert ours.parts["cognition"] == pytest.approx(theirs["reasoning"])
