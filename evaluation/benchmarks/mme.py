"""MME: yes-or-no questions in 14 tasks, two for each picture (Fu et al. 2023).

A task's score is 100 x (accuracy + accuracy+), where accuracy+ counts pictures with both answers right.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from common.messages import _
from evaluation.benchmarks.base import Benchmark, Rule, texts_of
from evaluation.errors import DataUnusable
from evaluation.questions import PictureFile, Prediction, Question
from evaluation.reading import TABLES, Record, no_data, read_picture_table, unusable
from evaluation.scoring import Row, Scores, judge, share, unit_outcomes, yes_or_no, yes_or_no_anywhere

PERCEPTION = (
    *("existence", "count", "position", "color", "posters", "celebrity", "scene", "landmark", "artwork", "OCR"),
)
COGNITION = ("commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning")
TASKS = (*PERCEPTION, *COGNITION)
PICTURE_SUFFIXES = (".jpg", ".png", ".jpeg")


class Mme(Benchmark):
    name, title, kind, maximum = "mme", "MME", "yes_no", 2800.0
    expected = "a folder for each task with TASK.txt and its pictures, or VLMEvalKit's MME.tsv, or a hub's .parquet"
    rules = (
        Rule("official", "reply", "official", "MME's own: yes or no in the first four characters"),
        Rule("anywhere", "reply", "anywhere", "VLMEvalKit's: one of the two words anywhere in the answer"),
    )

    def read(self, data: Path, pictures: Path | None = None) -> list[Question]:
        if data.suffix.lower() in TABLES:
            return self._read_table(data)
        questions: list[Question] = []
        for task in TASKS:
            questions += _read_task(data, task, pictures)
        if not questions:
            raise no_data(data, self.expected)
        return questions

    def _read_table(self, path: Path) -> list[Question]:
        def as_question(record: Record) -> Question:
            answer = _answer(record.get("answer"), path, record.line)
            task = record.get("category")
            # the two questions of a picture have the name of its file, or neighbouring indices
            unit = record.get("image_path", "question_id") or str(int(float(record.get("index"))) // 2)
            groups, source = {"task": task}, {"image": unit, "answer": record.get("answer")}
            unit = f"{task}/{unit}"
            return Question(
                record.get("index"), record.get("question"), None, unit, (), "", answer, groups, None, source
            )

        return read_picture_table(path, ("question", "answer", "category"), as_question)

    def score(self, questions: Sequence[Question], predictions: Mapping[str, Prediction], rule: Rule) -> Scores:
        read = yes_or_no if rule.name == "official" else yes_or_no_anywhere
        judged = judge(questions, texts_of(questions, predictions), lambda _question, text: read(text))
        rows: dict[str, Row] = {}
        for task in TASKS:
            found = [judged[question.id] for question in questions if question.groups["task"] == task]
            if found:
                accuracy = share([judgement.right for judgement in found])
                plus = share(list(unit_outcomes(found).values()))
                unread = sum(not judgement.readable for judgement in found)
                rows[task] = Row("task", task, 100 * (accuracy + plus), len(found), unread)
        parts = {
            "perception": sum(rows[task].value for task in PERCEPTION if task in rows),
            "cognition": sum(rows[task].value for task in COGNITION if task in rows),
        }
        notes = () if len(rows) == len(TASKS) else (f"{len(rows)} of {len(TASKS)} tasks",)
        unparsable = sum(not judgement.readable for judgement in judged.values())
        total = parts["perception"] + parts["cognition"]
        return Scores(
            *(self.name, rule.label, total, 200.0 * len(rows), len(judged), unparsable),
            rows=tuple(rows.values()),
            judgements=tuple(judged.values()),
            parts=parts,
            notes=notes,
        )

    def submit(self, questions: Sequence[Question], predictions: Mapping[str, Prediction], out: Path) -> list[Path]:
        """The results folder that MME's own calculation reads: picture, question, answer, prediction."""
        folder = out / "mme_results"
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for task in dict.fromkeys(question.groups["task"] for question in questions):
            lines = []
            for question in questions:
                if question.groups["task"] == task:
                    said = " ".join((predictions[question.id].text or "").split())
                    lines.append("\t".join((question.source["image"], question.text, question.source["answer"], said)))
            written.append(folder / f"{task}.txt")
            written[-1].write_text("\n".join(lines) + "\n", "utf-8")
        return written

    def identify(self, fields: Mapping[str, str]) -> tuple[str, ...]:
        image = fields.get("image", "") or fields.get("question_id", "").rpartition("/")[2]
        text = fields.get("question", "")
        return (fields.get("category", ""), image, text) if image and text else ()

    def identity(self, question: Question) -> tuple[str, ...]:
        return (question.groups["task"], question.source["image"].rpartition("/")[2], question.text)


def _read_task(data: Path, task: str, pictures: Path | None) -> Iterator[Question]:
    """The questions of one task, in any of the forms in which it is distributed; none where it is not there."""
    found: list[tuple[Path, int, str, str, str]] = []  # file, line, picture, question, answer
    lists = [data / task / f"{task}.txt", data / f"{task}.txt"]
    if (listed := next((path for path in lists if path.is_file()), None)) is not None:
        for line, parts in _lines(listed, 3):
            found.append((listed, line, parts[0], parts[1], parts[2]))
    else:  # the archive of some tasks has a file for each picture
        folders = [data / task / "questions_answers_YN", data / task]
        folder = next((folder for folder in folders if any(folder.glob("*.txt"))), None)
        for path in sorted(folder.glob("*.txt")) if folder else []:
            for line, parts in _lines(path, 2):
                found.append((path, line, path.stem, parts[0], parts[1]))
    folders = [*([pictures / task, pictures] if pictures else []), data / task / "images", data / task]
    for number, (path, line, image, text, answer) in enumerate(found):
        first = found[number - number % 2]
        if first[2] != image or (number == len(found) - 1 and number % 2 == 0):
            raise unusable(
                path,
                line,
                _("two lines that follow each other must ask about one picture; '{image}' stands alone.", image=image),
            )
        names = [image, *(f"{image}{suffix}" for suffix in PICTURE_SUFFIXES)]
        file = next((folder / name for name in names for folder in folders if (folder / name).is_file()), None)
        if file is None:
            raise unusable(
                path, line, _("there is no picture '{image}' in {folders}.", image=image, folders=[*map(str, folders)])
            )
        unit = f"{task}/{file.name}"
        yield Question(
            f"{unit}/{number % 2 + 1}",
            text,
            PictureFile(file),
            unit,
            answers=_answer(answer, path, line),
            groups={"task": task},
            source={"image": file.name, "answer": answer},
        )


def _lines(path: Path, columns: int) -> Iterator[tuple[int, list[str]]]:
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataUnusable(place=path, reason=_("it cannot be read ({error}).", error=error)) from error
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        parts = [part.strip() for part in line.split("\t")]
        if len(parts) < columns:
            raise unusable(
                path, number, _("it has {count} columns, not {expected}.", count=len(parts), expected=columns)
            )
        yield number, parts[:columns]


def _answer(answer: str, path: Path, line: int) -> tuple[str, ...]:
    lowered = answer.strip().lower()
    if lowered not in ("yes", "no"):
        raise unusable(path, line, _("the answer is '{answer}'; Yes or No is expected.", answer=answer))
    return (lowered,)
