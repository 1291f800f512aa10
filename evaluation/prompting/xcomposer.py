"""The wordings with which InternLM-XComposer's published scores were measured.

MME, MMBench and its relatives, SEED-Bench and Q-Bench's rating are the published ones; Tiny LVLM and Q-Bench's
descriptions, whose wording was not published with them, are asked as MME and in Q-Bench's own words.
"""

from composer.models import Picture, Sampling, assistant, user
from evaluation.prompting.base import Asked, Kind, Need, lettered, start_with
from evaluation.questions import Question

SHORT = Sampling(max_tokens=5, beams=5, repetition_penalty=1.5)
DESCRIPTION = Sampling(max_tokens=256, beams=5, repetition_penalty=1.5)
_CHOICE_START = " Answer: The answer is"


class XComposerWording:
    """See evaluation.prompting.Wording."""

    family = "xcomposer"

    def ask(self, kind: Kind, question: Question, picture: Picture | None, need: Need) -> Asked:
        match kind:
            case "yes_no" | "short":
                prompt = start_with(picture, f" {question.text} Answer this question briefly")
                return Asked((user(*prompt),), need, SHORT)
            case "describe":
                return Asked((user(*start_with(picture, f" {question.text}")),), need, DESCRIPTION)
            case "rate":
                prompt = start_with(picture, f" {question.text}")
                start = assistant(" The quality of the image is")
                return Asked((user(*prompt), start), need, SHORT, (" good", " poor"))
        instruction = "" if kind == "choice_seed" else "Please answer this question by choosing the correct choice."
        # the published script for SEED-Bench prints the brackets of an empty list there
        heading = "Options: []\n" if kind == "choice_seed" else "Options: "
        text = (
            f"{instruction}Context: {question.hint or 'N/A'}\nQuestion: {question.text}\n"
            f"{heading}{chr(10).join(lettered(question.options))}"
        )
        options = (
            [f"{letter}." for letter in question.letters]
            if need == "letters"
            else [f" {t}" for _l, t in question.options]
        )
        return Asked((user(*start_with(picture, text)), assistant(_CHOICE_START)), need, SHORT, tuple(options))
