"""Tiny LVLM-eHub: short questions in five abilities; an answer is right if it contains the truth (Shao et al. 2023)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from common.messages import _
from evaluation.benchmarks.base import Benchmark, Rule, texts_of
from evaluation.questions import Prediction, Question
from evaluation.reading import find_picture, item_unusable, items, no_data, read_json
from evaluation.scoring import Judgement, Scores, accuracy_rows, has_word, normalise

ABILITIES = (
    *("Visual_Reasoning", "Visual_Perception", "Visual_Knowledge_Acquisition", "Visual_Commonsense"),
    "Object_Hallucination",
)


class TinyLvlm(Benchmark):
    name, title, kind, maximum = "tiny_lvlm", "Tiny LVLM", "short", 500.0
    expected = "a folder for each ability with dataset.json"
    rules = (
        Rule("word", "reply", "word", "the official one: a truth as whole words in the normalised answer"),
        Rule("contains", "reply", "contains", "a truth anywhere in the answer, also within a word"),
        Rule("exact", "reply", "exact", "the normalised answer equals a truth"),
    )

    def read(self, data: Path, pictures: Path | None = None) -> list[Question]:
        found: dict[str, Question] = {}
        for ability in ABILITIES:
            path = data / ability / "dataset.json"
            if not path.is_file():
                continue
            folders = [*([pictures] if pictures else []), path.parent, data, path.parent / "images"]
            for number, item in items(path, read_json(path), ("image_path", "question", "gt_answers")):
                truths = item["gt_answers"] if isinstance(item["gt_answers"], list) else [item["gt_answers"]]
                answers = tuple(str(truth) for truth in truths if normalise(str(truth)))
                if not answers:
                    raise item_unusable(path, number, _("it has no answer."))
                id_ = f"{ability}/{number - 1}"
                picture = find_picture(str(item["image_path"]), folders, path, number)
                text = str(item["question"])
                source = {"image_path": str(item["image_path"])}
                found[id_] = Question(
                    id_, text, picture, id_, answers=answers, groups={"ability": ability}, source=source
                )
        if not found:
            raise no_data(data, self.expected)
        return list(found.values())

    def score(self, questions: Sequence[Question], predictions: Mapping[str, Prediction], rule: Rule) -> Scores:
        judged: dict[str, Judgement] = {}
        for question_id, text in texts_of(questions, predictions).items():
            judged[question_id] = Judgement(question_id, question_id, normalise(text), False)
        for question in questions:
            answer = judged[question.id].read
            right = any(_agrees(rule.name, answer, normalise(truth)) for truth in question.answers)
            judged[question.id] = Judgement(question.id, question.unit, answer, right)
        rows = accuracy_rows(questions, judged, 100.0)
        notes = () if len(rows) == len(ABILITIES) else (f"{len(rows)} of {len(ABILITIES)} abilities",)
        return Scores(
            *(self.name, rule.label, sum(row.value for row in rows), 100.0 * len(rows), len(judged)),
            sum(not judgement.readable for judgement in judged.values()),
            rows=rows,
            judgements=tuple(judged.values()),
            notes=notes,
            places=2,
        )


def _agrees(rule: str, answer: str, truth: str) -> bool:
    if rule == "exact":
        return answer == truth
    return truth in answer if rule == "contains" else has_word(answer, truth)
