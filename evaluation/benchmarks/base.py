"""What the nine benchmarks have in common: how each is read, asked, scored and handed in."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from common.messages import Text, _
from composer.errors import InputError
from composer.models import Picture
from evaluation.prompting import Asked, Kind, Need, Wording
from evaluation.questions import Prediction, Question
from evaluation.reading import Given
from evaluation.scoring import Scores


@dataclass(frozen=True, slots=True)
class Rule:
    """A way of turning predictions into a score."""

    name: str  # as --rule takes it
    need: Need  # what it is computed from
    label: str  # as it stands beside every score
    about: str  # one line: whose rule it is


class Benchmark(ABC):
    """One benchmark. An instance has no state."""

    name: ClassVar[str]
    title: ClassVar[str]
    kind: ClassVar[Kind]
    maximum: ClassVar[float]
    rules: ClassVar[tuple[Rule, ...]]  # the default first
    expected: ClassVar[str]  # what its data is, in a few words

    @abstractmethod
    def read(self, data: Path, pictures: Path | None = None) -> list[Question]:
        """The questions of its files. Raises DataUnusable."""

    @abstractmethod
    def score(self, questions: Sequence[Question], predictions: Mapping[str, Prediction], rule: Rule) -> Scores:
        """The score of predictions, which has one for every question. Every question has its answer."""

    def submit(self, questions: Sequence[Question], predictions: Mapping[str, Prediction], out: Path) -> list[Path]:
        """Writes the files in which the benchmark's makers want predictions; returns them."""
        return []

    def ask(self, question: Question, picture: Picture | None, need: Need, wording: Wording) -> Asked:
        return wording.ask(self.kind, question, picture, need)

    def scorable(self, questions: Sequence[Question]) -> bool:
        """Whether the answers are published, so that a score can be computed here."""
        return all(question.answers or question.value is not None for question in questions)

    def why_unscorable(self) -> Text:
        """Why there is no score where `scorable` is false."""
        return _(
            "{title}: the answers of these questions are not published, so nothing can be scored here. "
            "--out DIR writes the file to hand in.",
            title=self.title,
        )

    def rule(self, name: str | None) -> Rule:
        """The rule of that name; the default for None. Raises InputError with the known ones."""
        found = self.rules[0] if name is None else next((rule for rule in self.rules if rule.name == name), None)
        if found is None:
            known = [*(rule.name for rule in self.rules), "all"]
            raise InputError(
                _("{title} has no rule '{rule}'. Known rules: {known}.", title=self.title, rule=name, known=known)
            )
        return found

    def match(self, questions: Sequence[Question], given: Iterable[Given]) -> "Matched":
        """The predictions of a file by question. Raises PredictionsUnusable for two that contradict each other."""
        # how many scores each takes: one an option; of good and poor two
        options = {q.id: len(q.options) or (2 if self.kind == "rate" else 0) for q in questions}
        found: dict[str, Prediction] = {}
        others = 0
        index = self._index(questions)
        for one in given:
            known = one.id if one.id in options else index.get(self.identify(one.fields), "")
            if not known:
                others += 1
                continue
            for kind, values in one.scores.items():
                if len(values) != options[known] and options[known]:
                    reason = _(
                        "it has {found} scores of {kind}, and the question has {expected} options.",
                        found=len(values),
                        kind=kind,
                        expected=options[known],
                    )
                    raise one.unusable(reason)
            prediction = Prediction(known, one.text, one.scores)
            if known in found:
                merged = _merged(found[known], prediction)
                if merged is None:
                    raise one.unusable(_("question {id} has another prediction already.", id=known))
                prediction = merged
            found[known] = prediction
        return Matched(found, others, [question.id for question in questions if question.id not in found])

    def identify(self, fields: Mapping[str, str]) -> tuple[str, ...]:
        """What tells a question apart in files that do not use our ids; empty where nothing does."""
        return ()

    def _index(self, questions: Sequence[Question]) -> dict[tuple[str, ...], str]:
        """Identity -> id, without those that several questions share."""
        found: dict[tuple[str, ...], str] = {}
        doubled: set[tuple[str, ...]] = {()}
        for question in questions:
            identity = self.identity(question)
            if identity in found:
                doubled.add(identity)
            found[identity] = question.id
        return {identity: id_ for identity, id_ in found.items() if identity not in doubled}

    def identity(self, question: Question) -> tuple[str, ...]:
        """As `identify`, of our own question."""
        return ()


@dataclass(frozen=True, slots=True)
class Matched:
    """The predictions of a file that belong to the questions."""

    predictions: dict[str, Prediction]
    others: int  # predictions for other questions
    missing: list[str]  # ids of questions without one


def _merged(first: Prediction, second: Prediction) -> Prediction | None:
    """Two predictions of one question as one; None where they contradict each other."""
    same_text = first.text is None or second.text is None or first.text == second.text
    clash = any(list(first.scores[k]) != list(second.scores[k]) for k in first.scores.keys() & second.scores.keys())
    if not same_text or clash:
        return None
    text = first.text if first.text is not None else second.text
    return replace(first, text=text, scores={**first.scores, **second.scores})


def texts_of(questions: Sequence[Question], predictions: Mapping[str, Prediction]) -> dict[str, str]:
    """Id -> the text of its prediction."""
    return {question.id: predictions[question.id].text or "" for question in questions}


def lacks(rule: Rule, predictions: Mapping[str, Prediction]) -> Text | None:
    """Why these predictions cannot be scored by the rule; None where they can."""
    if rule.need == "reply":
        without = any(prediction.text is None for prediction in predictions.values())
    else:
        without = any(rule.need not in prediction.scores for prediction in predictions.values())
    if not without:
        return None
    return _(
        "The rule '{rule}' needs {need}, which these predictions do not have; run the model with --rule {rule}.",
        rule=rule.name,
        need=_("replies") if rule.need == "reply" else _("scores of the options"),
    )
