"""SEED-Bench: 14,233 choices about pictures in nine types (Li et al. 2023). Its questions about videos are left out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.messages import _
from evaluation.benchmarks.base import Rule
from evaluation.benchmarks.choices import ChoiceBenchmark
from evaluation.questions import Question
from evaluation.reading import (
    TABLES,
    Record,
    find_picture,
    item_unusable,
    items,
    no_data,
    options_of,
    read_json,
    read_picture_table,
    right_letter,
    unusable,
)

# names of the types about pictures, which the JSON file holds and the hub's tables do not
TYPES = {
    "1": "Scene Understanding",
    "2": "Instance Identity",
    "3": "Instance Attributes",
    "4": "Instance Location",
    "5": "Instances Counting",
    "6": "Spatial Relation",
    "7": "Instance Interaction",
    "8": "Visual Reasoning",
    "9": "Text Understanding",
}


class SeedBench(ChoiceBenchmark):
    name, title, kind = "seed", "SEED-Bench (image)", "choice_seed"
    expected = (
        "SEED-Bench.json, with the pictures in SEED-Bench-image/ beside it, or VLMEvalKit's SEEDBench_IMG.tsv, or a "
        "hub's .parquet"
    )
    rules = (
        Rule("letter", "letters", "letter", 'the reference\'s: lowest mean loss of "A." … "D."'),
        Rule("choice-text", "texts", "choice-text", "the official one: lowest mean loss of the options' texts"),
        Rule("generate", "reply", "generate, first letter", "the first letter of a generated answer"),
        Rule("generate-exact", "reply", "generate, exact", "MMBench's reading of a generated answer"),
    )

    def read(self, data: Path, pictures: Path | None = None) -> list[Question]:
        if data.suffix.lower() == ".parquet":
            columns = ("question_id", "question", "choice_a", "choice_b", "answer")
            return read_picture_table(data, columns, lambda record: _of_hub_row(record, data))
        if data.suffix.lower() in TABLES:
            return read_picture_table(data, ("question", "A", "B", "answer"), lambda record: _of_row(record, data))
        path = data / "SEED-Bench.json" if data.is_dir() else data
        if not path.is_file():
            raise no_data(data, self.expected)
        content = read_json(path)
        if not isinstance(content, dict) or "questions" not in content:
            raise no_data(path, self.expected)
        types = {str(number): str(name) for name, number in (content.get("question_type") or {}).items()}
        folders = [
            *([pictures] if pictures else []),
            path.parent / "SEED-Bench-image",
            path.parent / "images",
            path.parent,
        ]
        needed = ("question_id", "question", "choice_a", "choice_b", "answer", "data_id", "question_type_id")
        found: dict[str, Question] = {}
        for number, item in items(path, content["questions"], needed):
            if item.get("data_type", "image") != "image":
                continue
            question = _of_item(path, number, item, types, folders)
            if question.id in found:
                raise item_unusable(path, number, _("the question_id {id} was there already.", id=question.id))
            found[question.id] = question
        if not found:
            raise no_data(path, self.expected)
        return list(found.values())


def _of_item(
    path: Path, number: int, item: Mapping[str, Any], types: Mapping[str, str], folders: list[Path]
) -> Question:
    named = ((letter, item.get(f"choice_{letter.lower()}")) for letter in "ABCDE")
    options = tuple((letter, str(text)) for letter, text in named if text not in (None, ""))
    answer = str(item["answer"]).strip().upper()
    if answer not in dict(options):
        raise item_unusable(path, number, _("the answer is '{answer}', and there is no such option.", answer=answer))
    picture = find_picture(str(item["data_id"]), folders, path, number)
    kind = types.get(str(item["question_type_id"]), str(item["question_type_id"]))
    id_ = str(item["question_id"])
    return Question(id_, str(item["question"]), picture, id_, options, "", (answer,), {"type": kind})


def _of_hub_row(record: Record, path: Path) -> Question | None:
    """The hub's columns are those of the JSON file; its questions about videos have several pictures."""
    if record.get("data_type") not in ("", "image"):
        return None
    named = {letter: record.get(f"choice_{letter.lower()}") for letter in "ABCDE"}
    as_table = Record({**record.fields, **{letter: text for letter, text in named.items() if text}}, record.line)
    kind = TYPES.get(record.get("question_type_id"), record.get("question_type_id"))
    id_, answer = record.get("question_id"), right_letter(as_table, path)
    return Question(
        id_, record.get("question"), None, id_, options_of(as_table), "", answer, {"type": kind} if kind else {}
    )


def _of_row(record: Record, path: Path) -> Question:
    if record.get("l2-category", "L2-category", "hint"):
        raise unusable(path, record.line, _("it has a hint or an l2-category, as MMBench's files have."))
    groups = {"type": record.get("category")}
    index, options = record.get("index"), options_of(record)
    return Question(index, record.get("question"), None, index, options, "", right_letter(record, path), groups)
