"""Small benchmarks in their real file formats, with pictures drawn here, and models that answer by rules."""

import base64
import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image

from composer.models import Capabilities, Message, Picture
from evaluation.benchmarks import BENCHMARKS, Benchmark
from evaluation.benchmarks.mme import TASKS
from evaluation.benchmarks.qbench import DATABASES
from evaluation.benchmarks.tiny_lvlm import ABILITIES
from evaluation.questions import Question
from tests.fakes import FakeModel

SEES = Capabilities(sees_pictures=True, max_pictures=4, context_tokens=4096)
XCOMPOSER = Capabilities(sees_pictures=True, max_pictures=4, family="xcomposer", beams=True, dtype="float16")


def png(number: int) -> bytes:
    """A picture that no other number has."""
    data = io.BytesIO()
    Image.new("RGB", (8, 8), (number * 37 % 256, number // 7 % 256, number % 256)).save(data, "PNG")
    return data.getvalue()


def write_png(path: Path, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png(number))


def coded(number: int) -> str:
    return base64.b64encode(png(number)).decode()


def write_tsv(path: Path, rows: Sequence[dict[str, object]], **options: object) -> Path:
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, delimiter="\t", lineterminator="\n", restval="", **options)  # type: ignore[arg-type]
        writer.writeheader()
        writer.writerows(rows)
    return path


def mme(folder: Path, tasks: Sequence[str] = TASKS, pictures: int = 2) -> Path:
    for number, task in enumerate(tasks):
        lines = []
        for image in range(pictures):
            name = f"{image:04}.png"
            write_png(folder / task / "images" / name, 100 * number + image)
            for thing, answer in (("cat", "Yes"), ("dog", "No")):
                lines.append(f"{name}\tIs there a {thing}, {task}? Please answer yes or no.\t{answer}")
        (folder / task / f"{task}.txt").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


def mmbench_rows(questions: int = 4, rotations: int = 4, *, hint: bool = True) -> list[dict[str, object]]:
    """Every question in all its rotations; later rotations name the first one's picture by its index."""
    rows: list[dict[str, object]] = []
    for turn in range(rotations):
        for number in range(questions):
            texts = [f"thing {number} {letter}" for letter in "wxyz"]
            texts = texts[-turn:] + texts[:-turn] if turn else texts
            right = texts.index(f"thing {number} x")
            row: dict[str, object] = {"index": turn * 1_000_000 + number, "question": f"What is {number}?"}
            if hint:
                row["hint"] = 'Say "this",\tor\nthat' if number == 0 else ""
            row |= dict(zip("ABCD", texts, strict=True)) | {"answer": "ABCD"[right]}
            row["category"] = f"category {number % 2}"
            row["image"] = coded(number) if turn == 0 else str(number)
            if hint:
                row["l2-category"] = "perception" if number < 2 else "reasoning"
            rows.append(row)
    return rows


def seed(folder: Path, questions: int = 6) -> Path:
    items = []
    for number in range(questions):
        write_png(folder / "SEED-Bench-image" / f"{number}_x", number)
        items.append(
            {
                "question_id": str(100 + number),
                "question": f"How many, {number}?",
                **{
                    f"choice_{letter}": f"{word} of {number}"
                    for letter, word in zip("abcd", ("one", "two", "six", "ten"), strict=True)
                },
                "answer": "abcd"[number % 4],
                "data_id": f"{number}_x",
                "data_type": "image",
                "question_type_id": 1 + number % 2,
            }
        )
    items.append(
        {**items[0], "question_id": "900", "data_type": "video", "data_id": "none.mp4", "question_type_id": 10}
    )
    types = {"Scene Understanding": 1, "Instance Identity": 2, "Action Recognition": 10}
    (folder / "SEED-Bench.json").write_text(json.dumps({"questions": items, "question_type": types}), "utf-8-sig")
    return folder


def qbench_a1(folder: Path, split: str = "dev", questions: int = 6) -> Path:
    items = []
    for number in range(questions):
        write_png(folder / "images" / f"{number}.png", number)
        item: dict[str, object] = {"img_path": f"{number}.png", "question": f"Is {number} sharp?"}
        item |= {"candidates": ["Very blurry", "Quite sharp", "Dark"], "type": number % 3, "concern": number % 4}
        items.append(item | ({"correct_ans": "Quite sharp"} if split == "dev" else {}))
    (folder / f"llvisionqa_{split}.json").write_text(json.dumps(items), "utf-8")
    return folder


def qbench_a3(folder: Path, databases: Sequence[str] = DATABASES, pictures: int = 5) -> Path:
    for place, name in enumerate(databases):
        for number in range(pictures):
            write_png(folder / name / f"{number}.png", 40 * place + number)
        items = [{"img_path": f"{number}.png", "gt_score": 20 + 10.5 * number} for number in range(pictures)]
        (folder / f"{name}.json").write_text(json.dumps(items), "utf-8")
    return folder


def tiny_lvlm(folder: Path, questions: int = 4) -> Path:
    for place, ability in enumerate(ABILITIES):
        items = []
        for number in range(questions):
            write_png(folder / ability / f"{number}.png", 50 * place + number)
            truth: object = ["the two", "2"] if number == 0 else f"truth{number}"
            items.append({"image_path": f"{number}.png", "question": f"What, {number}?", "gt_answers": truth})
        (folder / ability / "dataset.json").write_text(json.dumps(items), "utf-8")
    return folder


def write_data(name: str, folder: Path) -> Path:
    """The small benchmark of that name; returns what --data takes."""
    folder.mkdir(parents=True, exist_ok=True)
    if name in ("mmbench", "mmbench_cn"):
        return write_tsv(folder / f"{name}.tsv", mmbench_rows())
    if name == "ccbench":
        return write_tsv(folder / "ccbench.tsv", mmbench_rows(hint=False))
    if name == "qbench_a2":
        for number in range(3):
            write_png(folder / f"{number}.png", number)
        return folder
    makers: dict[str, Callable[[Path], Path]] = {
        "mme": mme,
        "seed": seed,
        "qbench_a1": qbench_a1,
        "qbench_a3": qbench_a3,
    }
    return {**makers, "tiny_lvlm": tiny_lvlm}[name](folder)


def oracle(benchmark: Benchmark, questions: Sequence[Question], capabilities: Capabilities = SEES) -> FakeModel:
    """Knows every answer by what it is asked about which picture."""
    from evaluation.prompting import wording_for

    wording = wording_for(capabilities.family)
    known: dict[tuple[str, str], Question] = {}
    for question in questions:
        assert question.picture is not None
        picture = Picture.open(question.picture.read())
        for need in dict.fromkeys(rule.need for rule in benchmark.rules):
            asked = benchmark.ask(question, picture, need, wording)
            known[asked.shown, picture.sha256] = question

    def find(messages: Sequence[Message]) -> Question:
        shown = "".join(
            f"<|{message.role}|>" + "".join(part if isinstance(part, str) else "<picture>" for part in message.content)
            for message in messages
        )
        (picture,) = (picture for message in messages for picture in message.pictures)
        return known[shown, picture.sha256]

    def score(messages: Sequence[Message], option: str) -> float:
        question = find(messages)
        if question.value is not None:
            return question.value if "good" in option else -question.value
        right = dict(question.options)[question.answers[0]]
        return -0.1 if option.strip(" .") in (question.answers[0], right) else -3.0

    def reply(messages: Sequence[Message]) -> str:
        question = find(messages)
        return question.answers[0] if question.answers else "A sharp picture."

    return FakeModel(answer=reply, scorer=score, capabilities=capabilities)


def scores_of(name: str, data: Path) -> list[Question]:
    return BENCHMARKS[name].read(data)
