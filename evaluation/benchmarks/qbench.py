"""Q-Bench, low-level vision (Wu et al. 2023): A1 answers questions, A2 describes, A3 rates the quality of pictures."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from common.messages import Text, _
from composer.errors import InputError
from evaluation.benchmarks.base import Benchmark, Rule
from evaluation.benchmarks.choices import ChoiceBenchmark
from evaluation.questions import PictureFile, Prediction, Question
from evaluation.reading import find_picture, item_unusable, items, no_data, read_json
from evaluation.scoring import Row, Scores, pearson, spearman

LETTERS = "ABCDEF"
TYPES = {"0": "yes-or-no", "1": "what", "2": "how"}
CONCERNS = {
    "0": "global distortion",
    "1": "global others",
    "2": "in-context distortion",
    "3": "in-context others",
}
DATABASES = ("koniq", "spaq", "flive", "livec", "cgi", "agi", "kadid")
PICTURE_SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".bmp", ".webp"))
RATE = "Rate the quality of the image."
DESCRIBE = "Describe the quality, aesthetics and other low-level appearance of the image in details."


class QBenchA1(ChoiceBenchmark):
    name, title, maximum, scale, places = "qbench_a1", "Q-Bench A1", 1.0, 1.0, 4
    expected = "llvisionqa_dev.json or llvisionqa_test.json, with the pictures in images/ beside it"
    rules = (
        Rule("exact", "reply", "exact", "the one option that the answer names"),
        Rule("first-letter", "reply", "first letter", "the answer's first letter only"),
    )

    def read(self, data: Path, pictures: Path | None = None) -> list[Question]:
        names = ("llvisionqa_dev.json", "llvisionqa_test.json")
        path = next((data / name for name in names if (data / name).is_file()), data) if data.is_dir() else data
        if not path.is_file():
            raise no_data(data, self.expected)
        found: list[Question] = []
        for number, item in items(path, read_json(path), ("img_path", "question", "candidates")):
            if not isinstance(item["candidates"], list):
                raise item_unusable(path, number, _("its candidates are no list."))
            texts = [str(text) for text in item["candidates"] if str(text).strip()]
            options = tuple(zip(LETTERS, texts, strict=False))
            right = str(item.get("correct_ans") or "").strip().lower()
            answers = tuple(letter for letter, text in options if text.strip().lower() == right)
            if right and not answers:
                raise item_unusable(path, number, _("the answer '{answer}' is none of its options.", answer=right))
            groups = {"type": TYPES.get(str(item.get("type"))), "concern": CONCERNS.get(str(item.get("concern")))}
            id_ = str(item.get("id", number - 1))
            found.append(
                Question(
                    id_,
                    str(item["question"]),
                    find_picture(str(item["img_path"]), _folders(path, pictures), path, number),
                    id_,
                    options,
                    answers=answers[:1],
                    groups={kind: name for kind, name in groups.items() if name},
                    source={"img_path": str(item["img_path"])},
                )
            )
        return found

    def submit(self, questions: Sequence[Question], predictions: Mapping[str, Prediction], out: Path) -> list[Path]:
        """The answers of the test split as Q-Bench takes them: the questions with a `response` each."""
        if self.scorable(questions):
            return []
        rows = [
            {
                "img_path": question.source["img_path"],
                "question": question.text,
                "candidates": [text for _letter, text in question.options],
                "response": predictions[question.id].text or "",
            }
            for question in questions
        ]
        return [_write_lines(out / "qbench_a1_submission.jsonl", rows)]


class QBenchA2(Benchmark):
    name, title, kind, maximum = "qbench_a2", "Q-Bench A2", "describe", 6.0
    expected = "a folder of pictures"
    rules = (Rule("judge", "reply", "judge", "by Q-Bench's makers, who hold the golden descriptions"),)

    def read(self, data: Path, pictures: Path | None = None) -> list[Question]:
        folder = pictures or data
        files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES)
        if not files:
            raise no_data(folder, self.expected)
        names = [path.relative_to(folder).as_posix() for path in files]
        return [
            Question(name, DESCRIBE, PictureFile(path), name, source={"img_path": name})
            for name, path in zip(names, files, strict=True)
        ]

    def score(self, questions: Sequence[Question], predictions: Mapping[str, Prediction], rule: Rule) -> Scores:
        raise InputError(self.why_unscorable())

    def why_unscorable(self) -> Text:
        return _(
            "Q-Bench A2 cannot be scored here: it needs the golden descriptions, which are not published, and a "
            "judge. --out DIR writes the descriptions to send to the makers of Q-Bench."
        )

    def submit(self, questions: Sequence[Question], predictions: Mapping[str, Prediction], out: Path) -> list[Path]:
        rows = [
            {"img_path": question.source["img_path"], "response": predictions[question.id].text or ""}
            for question in questions
        ]
        return [_write_lines(out / "qbench_a2_descriptions.jsonl", rows)]


class QBenchA3(Benchmark):
    name, title, kind, maximum = "qbench_a3", "Q-Bench A3", "rate", 1.0
    expected = "koniq.json, spaq.json, flive.json, livec.json, cgi.json, agi.json or kadid.json"
    rules = (
        Rule("softmax-100", "quality", "softmax of logits / 100", "the official one: good against poor, logits / 100"),
        Rule("softmax", "quality", "softmax of logits", "good against poor without the division"),
    )

    def read(self, data: Path, pictures: Path | None = None) -> list[Question]:
        paths = [data / f"{name}.json" for name in DATABASES] if data.is_dir() else [data]
        found: dict[str, Question] = {}
        for path in paths:
            if not path.is_file():
                continue
            for number, item in items(path, read_json(path), ("img_path", "gt_score")):
                try:
                    value = float(item["gt_score"])
                except (TypeError, ValueError) as error:
                    reason = _("the score '{value}' is no number.", value=item["gt_score"])
                    raise item_unusable(path, number, reason) from error
                name = str(item["img_path"])
                picture = find_picture(name, [*_folders(path, pictures), path.parent / path.stem], path, number)
                id_ = f"{path.stem}/{name}"
                if id_ in found:
                    raise item_unusable(path, number, _("the picture '{name}' was there already.", name=name))
                found[id_] = Question(id_, RATE, picture, id_, groups={"database": path.stem}, value=value)
        if not found:
            raise no_data(data, self.expected)
        return list(found.values())

    def score(self, questions: Sequence[Question], predictions: Mapping[str, Prediction], rule: Rule) -> Scores:
        divisor = 100.0 if rule.name == "softmax-100" else 1.0
        databases: dict[str, list[tuple[float, float]]] = {}
        for question in questions:
            good, poor = predictions[question.id].scores["quality"]
            share = 1 / (1 + math.exp(min(700.0, (poor - good) / divisor)))
            databases.setdefault(question.groups["database"], []).append((share, question.value or 0.0))
        rows, undefined = [], 0
        for group, measure in (("SRCC", spearman), ("PLCC", pearson)):
            for database, pairs in databases.items():
                value = measure([share for share, _truth in pairs], [truth for _share, truth in pairs])
                undefined += value is None
                rows.append(Row(group, database, value or 0.0, len(pairs)))
        means = {g: sum(r.value for r in rows if r.group == g) / len(databases) for g in ("SRCC", "PLCC")}
        notes = [f"{len(databases)} of {len(DATABASES)} databases"] if len(databases) < len(DATABASES) else []
        if undefined:
            notes.append(f"{undefined} undefined correlations counted as 0")
        return Scores(
            *(self.name, rule.label, means["SRCC"], self.maximum, len(questions), 0, tuple(rows)),
            parts=means,
            notes=tuple(notes),
            places=3,
        )


def _folders(path: Path, pictures: Path | None) -> list[Path]:
    """Where the pictures of a file may lie."""
    return [*([pictures] if pictures else []), path.parent / "images", path.parent]


def _write_lines(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path
