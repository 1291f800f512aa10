"""--show: whole prompts, without a model."""

from collections.abc import Sequence

from PIL import Image

from composer.models import Picture
from evaluation.benchmarks import Benchmark
from evaluation.prompting import Need, wording_for
from evaluation.questions import Question


def shown_prompts(benchmark: Benchmark, questions: Sequence[Question], need: Need, families: Sequence[str]) -> str:
    """The prompts of the questions for each family of models, as they are sent; `<picture: NAME>` is one."""
    stand_in = Picture(Image.new("RGB", (1, 1)))
    lines = []
    for family in families:
        wording = wording_for(family)
        for question in questions:
            asked = benchmark.ask(question, stand_in if question.picture else None, need, wording)
            name = question.picture.name if question.picture else ""
            shown = asked.shown.replace("<picture>", f"<picture: {name}>", 1)
            sampling = asked.sampling
            how = (
                f"reply, beam {sampling.beams}, at most {sampling.max_tokens} tokens, "
                f"repetition penalty {sampling.repetition_penalty:g}"
                if asked.need == "reply"
                else f"scores of {list(asked.options)}"
            )
            right = ", ".join(question.answers) if question.answers else question.value
            lines += [
                f"--- {family}, question {question.id} ({how}) ---",
                shown,
                f"right: {right}",
                "",
            ]
    return "\n".join(lines)
