"""MMBench and MMBench-CN: lettered options, asked once for every rotation of them (Liu et al. 2023)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from common.messages import _
from evaluation.benchmarks.base import Rule
from evaluation.benchmarks.choices import ChoiceBenchmark
from evaluation.prompting import Kind
from evaluation.questions import Prediction, Question
from evaluation.reading import Record, no_data, options_of, read_picture_table, right_letter, unusable
from evaluation.scoring import Scores

ROTATION = 1_000_000  # a rotation's index is that of its question plus a multiple of this
SHEET_COLUMNS = ("question", "A", "B", "C", "D", "prediction", "category", "l2-category", "index")


class MmBench(ChoiceBenchmark):
    name, title = "mmbench", "MMBench"
    expected = "a .tsv or .parquet file with the columns index, question, A, B, category and image"
    rules = (
        Rule("circular", "reply", "circular, exact", "the official one: a question counts if every rotation is right"),
        Rule("vanilla", "reply", "vanilla, exact", "without the rotations: only the options in their first order"),
        Rule("circular-first-letter", "reply", "circular, first letter", "the answer's first letter only"),
    )

    def read(self, data: Path, pictures: Path | None = None) -> list[Question]:
        if data.is_dir() or not data.exists():
            raise no_data(data, self.expected)
        return read_picture_table(data, ("question", "A", "B"), lambda record: self._as_question(record, data))

    def _as_question(self, record: Record, path: Path) -> Question:
        index = record.get("index")
        if not index.isdigit():
            raise unusable(path, record.line, _("the index '{index}' is no number.", index=index))
        groups = {"l2-category": record.get("l2-category", "L2-category"), "category": record.get("category")}
        options = options_of(record)
        if len(options) < 2:
            raise unusable(path, record.line, _("it has {count} options.", count=len(options)))
        return Question(
            index,
            record.get("question"),
            None,
            str(int(index) % ROTATION),
            options,
            record.get("hint"),
            right_letter(record, path),
            {kind: name for kind, name in groups.items() if name},
        )

    def score(self, questions: Sequence[Question], predictions: Mapping[str, Prediction], rule: Rule) -> Scores:
        asked = list(questions)
        if rule.name == "vanilla":
            asked = [question for question in questions if question.id == question.unit]
        return super().score(asked, predictions, rule)

    def submit(self, questions: Sequence[Question], predictions: Mapping[str, Prediction], out: Path) -> list[Path]:
        """The sheet that the evaluation server takes."""
        from evaluation.benchmarks.sheets import write_sheet

        rows: list[list[str | int]] = []
        for question in questions:
            options, groups = dict(question.options), question.groups
            said = predictions[question.id].text or ""
            names = (groups.get("category", ""), groups.get("l2-category", ""))
            rows.append(
                [question.text, *(options.get(letter, "") for letter in "ABCD"), said, *names, int(question.id)]
            )
        path = out / f"{self.name}_submission.xlsx"
        write_sheet(path, SHEET_COLUMNS, rows)
        return [path]


class MmBenchCn(MmBench):
    name, title = "mmbench_cn", "MMBench-CN"
    kind: ClassVar[Kind] = "choice_zh"
