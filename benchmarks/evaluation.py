"""How far rules move a score, what reading a large table needs, and what the runner adds to the model's own time.

    python -m benchmarks.evaluation rules
    python -m benchmarks.evaluation reading [--gigabytes 1]
    python -m benchmarks.evaluation rate

rules: made predictions of a model that is right in 70 % of all questions, in the styles in which models answer.
rate: a model that takes a fixed time a batch, 512 photographs of 640 x 480 pixels as JPEG; the share of its own rate,
answering and scoring options. Then the native model with random weights of small sizes on the CPU: scored questions a
second one by one and in batches of 8.
"""

import argparse
import base64
import io
import json
import random
import resource
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from composer.models import Capabilities, Message, Sampling, Usage
from evaluation.benchmarks import BENCHMARKS
from evaluation.commands import Options, run, score_file

SEED = 11
THINGS = ("a horse", "a boat", "a lamp", "a cloud")
SIZES = {"hidden_size": 512, "intermediate_size": 1376, "num_hidden_layers": 8, "num_attention_heads": 8}
STYLES: dict[str, Callable[[str, str], str]] = {
    "B": lambda letter, text: letter,
    "B. text": lambda letter, text: f"{letter}. {text}",
    "The answer is B.": lambda letter, text: f"The answer is {letter}.",
    "b": lambda letter, text: letter.lower(),
    "text": lambda letter, text: text,
    "A sentence with the text": lambda letter, text: f"I see {text} in this picture.",
    "B, and why": lambda letter, text: f"{letter}. This is {text}, because A is not to be seen here.",
}
YES_NO: dict[str, Callable[[str], str]] = {
    "Yes / No": lambda answer: answer,
    "yes, … / no, …": lambda answer: f"{answer.lower()}, as far as one can see",
    "The answer is yes.": lambda answer: f"The answer is {answer.lower()}.",
    "There is one. / There is none.": lambda answer: "There is one." if answer == "Yes" else "There is none.",
    "It is so. / Not really.": lambda answer: "It is so." if answer == "Yes" else "Not really.",
}


def _picture(number: int) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (8, 8), (number % 256, number // 256, 7)).save(data, "PNG")
    return data.getvalue()


def rules(folder: Path) -> None:
    draw = random.Random(SEED)
    data = folder / "mmbench.tsv"
    lines = ["index\tquestion\tA\tB\tC\tD\tanswer\tcategory\timage"]
    for turn in range(4):
        for number in range(300):
            texts = [f"a {name} {number}" for name in ("horse", "boat", "lamp", "cloud")]
            texts = texts[turn:] + texts[:turn]
            image = base64.b64encode(_picture(number)).decode() if turn == 0 else str(number)
            answer = "ABCD"[texts.index(f"a boat {number}")]
            row = [str(turn * 1_000_000 + number), f"What is {number}?", *texts, answer, "x", image]
            lines.append("\t".join(row))
    data.write_text("\n".join(lines) + "\n", "utf-8")
    questions = BENCHMARKS["mmbench"].read(data)
    known = {unit for unit in {question.unit for question in questions} if draw.random() < 0.7}
    for style, said in STYLES.items():
        rows = []
        for question in questions:
            letter = question.answers[0] if question.unit in known else draw.choice(question.letters)
            rows.append({"id": question.id, "prediction": said(letter, dict(question.options)[letter])})
        _print(folder, "mmbench", data, style, rows)
    place = folder / "mme"
    for task in ("count", "scene"):
        (place / task).mkdir(parents=True)
        listed = []
        for number in range(200):
            (place / task / f"{number}.png").write_bytes(_picture(number))
            listed += [f"{number}.png\tIs it {word}?\t{answer}" for word, answer in (("so", "Yes"), ("other", "No"))]
        (place / task / f"{task}.txt").write_text("\n".join(listed), "utf-8")
    asked = BENCHMARKS["mme"].read(place)
    for style, answer in YES_NO.items():
        rows = []
        for question in asked:
            right = question.answers[0].title()
            wrong = "No" if right == "Yes" else "Yes"
            rows.append({"id": question.id, "prediction": answer(right if draw.random() < 0.7 else wrong)})
        _print(folder, "mme", place, style, rows)


def _print(folder: Path, name: str, data: Path, style: str, rows: list[dict[str, str]]) -> None:
    path = folder / "predictions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    scores = score_file(BENCHMARKS[name], Options(data, rule="all"), path, partial=False).scores
    found = "  ".join(f"{score.rule} {score.value:.1f} ({score.unparsable} unparsable)" for score in scores)
    print(f"{name}  {style!r}: {found}")


def reading(folder: Path, gigabytes: float) -> None:
    path = folder / "large.tsv"
    noise = base64.b64encode(np.random.default_rng(SEED).bytes(150_000)).decode()
    count = int(gigabytes * 1e9 / len(noise))
    with path.open("w", encoding="utf-8") as file:
        file.write("index\tquestion\tA\tB\tanswer\tcategory\timage\n")
        for number in range(count):
            file.write(f"{number}\tWhat?\ta\tb\tA\tx\t{noise}\n")
    start = time.perf_counter()
    questions = BENCHMARKS["mmbench"].read(path)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = path.stat().st_size / 1e9
    print(f"{size:.2f} GB, {len(questions)} questions: {seconds:.1f} s, {peak:.0f} MiB at most in the whole process")


class _Steady:
    """A model that takes `seconds` for each batch."""

    name = "steady"
    capabilities = Capabilities(sees_pictures=True, max_pictures=1)
    usage = Usage()

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def reply(
        self, prompts: Sequence[Sequence[Message]], sampling: Sampling, *, stop: threading.Event | None = None
    ) -> list[str]:
        time.sleep(self.seconds)
        return ["Yes"] * len(prompts)

    def score_tokens(
        self, prompts: Sequence[Sequence[Message]], options: Sequence[Sequence[str]]
    ) -> list[list[list[float]]]:
        time.sleep(self.seconds)
        return [[[-float(number)] for number in range(len(each))] for each in options]

    def close(self) -> None:
        pass


def rate(folder: Path) -> None:
    photographs = folder / "photographs"
    photographs.mkdir()
    pixels = np.random.default_rng(SEED).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels).resize((640, 480))
    names = [f"{number}.jpg" for number in range(512)]
    for name in names:
        picture.save(photographs / name, quality=90)
    (folder / "count.txt").write_text(
        "\n".join(f"{name}\tIs it {word}?\tYes" for name in names[:256] for word in ("so", "other")), "utf-8"
    )
    choices = [
        {
            **{f"choice_{letter}": f"{thing} {number}" for letter, thing in zip("abcd", THINGS, strict=True)},
            "question_id": str(number),
            "question": f"What is {number}?",
            "answer": "A",
            "question_type_id": 1,
            "data_type": "image",
            "data_id": name,
        }
        for number, name in enumerate(names)
    ]
    seed = folder / "SEED-Bench.json"
    seed.write_text(json.dumps({"questions": choices, "question_type": {"scene": 1}}), "utf-8")
    model: Any = _Steady(0.4)  # 20 questions a second, in batches of 8
    own = 512 / 8 * model.seconds
    mme = folder / "mme" / "count"
    mme.mkdir(parents=True)
    (folder / "count.txt").rename(mme / "count.txt")
    for benchmark, place in (("mme", mme.parent), ("seed", seed)):
        options = Options(place, folder / "out" / benchmark, photographs, batch=8)
        seconds = _timed(
            lambda options=options, benchmark=benchmark: run(BENCHMARKS[benchmark], options, "steady", lambda: model)
        )
        print(
            f"{benchmark}: 512 questions in {seconds:.2f} s; the model alone {own:.2f} s: "
            f"{own / seconds:.3f} of its own rate"
        )
    _rate_of_scores(folder, seed, photographs)


def _rate_of_scores(folder: Path, data: Path, photographs: Path) -> None:
    from composer import load_model
    from tests.composer.xcomposer.tiny import train_tokenizer, write_folder

    place = write_folder(folder / "tiny", train_tokenizer(folder), **SIZES)
    for batch in (1, 8, 1, 8):
        model = load_model(place, num_gpus=0)
        options = Options(data, folder / f"tiny-{batch}-{time.time_ns()}", photographs, limit=32, batch=batch)
        seconds = _timed(lambda options=options, model=model: run(BENCHMARKS["seed"], options, "tiny", lambda: model))
        print(f"native model, {SIZES}, batch {batch}: {32 / seconds:.2f} scored questions a second")


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["rules", "reading", "rate"])
    parser.add_argument("--gigabytes", type=float, default=1.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if arguments.what == "rules":
            rules(Path(name))
        elif arguments.what == "reading":
            reading(Path(name), arguments.gigabytes)
        else:
            rate(Path(name))


if __name__ == "__main__":
    main()
