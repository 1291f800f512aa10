"""Whether a run can be trusted: eight questions with known answers before it, the effect of the batch, the noise."""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image, ImageDraw

from composer.models import Model
from evaluation.questions import Prediction, Question
from evaluation.running.runner import Job, ask_all
from evaluation.running.store import Answer
from evaluation.scoring import exact_letter, yes_or_no

AUDITED = 32  # questions of the batch audit
ENOUGH = 6  # of the eight questions; six or more by chance: 14 % of the time, eight: 0.4 %
COLOURS = {"red": (220, 30, 30), "green": (30, 160, 60), "blue": (40, 70, 220), "yellow": (245, 220, 40)}
FACTS = (("Is snow cold?", "yes"), ("Is the sun cold?", "no"), ("Do fish swim?", "yes"), ("Do stones swim?", "no"))


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture that was drawn here."""

    name: str
    data: bytes

    def read(self) -> bytes:
        return self.data


@dataclass(frozen=True, slots=True)
class Check:
    """One question of the preflight, and what came."""

    question: str
    expected: str
    answer: str
    read: str  # empty where nothing could be read

    @property
    def right(self) -> bool:
        return self.read == self.expected


def preflight_questions(*, blind: bool, choice: bool) -> list[Question]:
    """Eight questions with known answers, four of each: about drawn pictures, or about facts where blind."""
    if blind:
        asked = [*FACTS, ("Is ice made of water?", "yes"), ("Is fire wet?", "no"), ("Can birds fly?", "yes")]
        asked.append(("Is the moon made of cheese?", "no"))
        pairs: list[tuple[str, str, Drawn | None]] = [(text, answer, None) for text, answer in asked]
    else:
        names = list(COLOURS)
        pairs = []
        for number, colour in enumerate(names):
            drawn = _drawing(colour)
            other = names[(number + 1) % len(names)]
            pairs += [
                (f"Is the square in the picture {said}?", "yes" if said == colour else "no", drawn)
                for said in (colour, other)
            ]
    questions = []
    for number, (text, answer, picture) in enumerate(pairs):
        id_ = f"preflight/{number + 1}"
        if choice:
            options = (("A", "Yes"), ("B", "No"))
            letter = "A" if answer == "yes" else "B"
            questions.append(Question(id_, text, picture, id_, options, answers=(letter,)))
        else:
            questions.append(Question(id_, f"{text} Please answer yes or no.", picture, id_, answers=(answer,)))
    return questions


def _drawing(colour: str) -> Drawn:
    image = Image.new("RGB", (224, 224), "white")
    ImageDraw.Draw(image).rectangle((32, 32, 192, 192), fill=COLOURS[colour])
    data = io.BytesIO()
    image.save(data, "PNG")
    return Drawn(f"{colour}.png", data.getvalue())


def preflight(job: Job, model: Model) -> list[Check]:
    """Asks the eight questions in the wording and the batch of the run."""
    choice = job.benchmark.kind.startswith("choice")
    questions = preflight_questions(blind=job.blind, choice=choice)
    answers = ask_fresh(Job(job.benchmark, ("reply",), job.weights, job.batch, job.blind), model, questions)
    checks = []
    for question, answer in zip(questions, answers, strict=True):
        text = answer.prediction or ""
        read = exact_letter(text, dict(question.options)) if choice else yes_or_no(text)
        checks.append(Check(question.text, question.answers[0], text, read))
    return checks


def ask_fresh(job: Job, model: Model, questions: Sequence[Question]) -> list[Answer]:
    """The answers, without looking at or keeping those of other runs."""
    with TemporaryDirectory() as folder:
        return ask_all(job, model, questions, {}, Path(folder) / "answers.jsonl")


def batch_audit(job: Job, model: Model, questions: Sequence[Question]) -> list[tuple[Answer, Answer]]:
    """Questions whose answers differ between batch 1 and the run's batch: (alone, in a batch). AUDITED are asked."""
    step = max(1, len(questions) // AUDITED)
    some = list(questions[::step])[:AUDITED]
    alone = ask_fresh(Job(job.benchmark, job.needs, job.weights, 1, job.blind), model, some)
    together = ask_fresh(job, model, some)
    return [(one, other) for one, other in zip(alone, together, strict=True) if _decision(one) != _decision(other)]


def _decision(answer: Answer) -> object:
    """What an answer decides: its text, or which option is best."""
    if answer.need == "reply":
        return answer.prediction
    return max(range(len(answer.scores)), key=answer.scores.__getitem__)


def changed(first: Mapping[str, Prediction], second: Mapping[str, Prediction], ids: Iterable[str]) -> list[str]:
    """The questions whose predictions differ between two runs."""
    return [id_ for id_ in ids if first[id_] != second[id_]]
