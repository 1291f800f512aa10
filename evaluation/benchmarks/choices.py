"""What benchmarks with lettered options have in common: reading the answer, counting, circular or not."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from evaluation.benchmarks.base import Benchmark, Rule, texts_of
from evaluation.prompting import Kind
from evaluation.questions import Prediction, Question
from evaluation.scoring import Scores, accuracy_rows, exact_letter, first_letter, judge, share, unit_outcomes


class ChoiceBenchmark(Benchmark):
    """Questions with one right option."""

    kind: ClassVar[Kind] = "choice"
    maximum = 100.0
    scale = 100.0
    places = 1

    def score(self, questions: Sequence[Question], predictions: Mapping[str, Prediction], rule: Rule) -> Scores:
        if rule.need == "reply":
            read = first_letter if "first-letter" in rule.name else exact_letter
            texts = texts_of(questions, predictions)
            judged = judge(questions, texts, lambda question, text: read(text, dict(question.options)))
        else:
            best = {question.id: best_letter(question, predictions[question.id], rule.need) for question in questions}
            judged = judge(questions, best, lambda _question, letter: letter)
        circular = rule.name.startswith("circular")
        outcomes = unit_outcomes(judged.values()) if circular else {j.id: j.right for j in judged.values()}
        notes = ("no rotations in the file",) if circular and len(outcomes) == len(judged) else ()
        return Scores(
            *(self.name, rule.label, self.scale * share(list(outcomes.values())), self.scale, len(judged)),
            sum(not judgement.readable for judgement in judged.values()),
            rows=accuracy_rows(questions, judged, self.scale, by_unit=circular),
            judgements=tuple(judged.values()),
            notes=notes,
            by_unit=circular,
            places=self.places,
        )


def best_letter(question: Question, prediction: Prediction, need: str) -> str:
    """The letter of the option with the highest score; the first of equals."""
    scores = prediction.scores[need]
    return question.letters[max(range(len(scores)), key=scores.__getitem__)]
