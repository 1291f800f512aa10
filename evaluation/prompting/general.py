"""The wordings for chat models without prompts of their own: those of the public harnesses, greedy."""

from composer.models import Message, Picture, Sampling, assistant, user
from evaluation.prompting.base import Asked, Kind, Need, lettered, start_with
from evaluation.questions import Question

SHORT = Sampling(max_tokens=16)
DESCRIPTION = Sampling(max_tokens=256)
_LETTER = "Answer with the option's letter from the given choices directly."
_LETTER_ZH = "请直接回答选项字母。"


class GeneralWording:
    """See evaluation.prompting.Wording."""

    family = "general"

    def ask(self, kind: Kind, question: Question, picture: Picture | None, need: Need) -> Asked:
        match kind:
            case "yes_no":
                return Asked((user(*start_with(picture, question.text)),), need, SHORT)
            case "short":
                text = f"{question.text}\nAnswer the question using a single word or phrase."
                return Asked((user(*start_with(picture, text)),), need, SHORT)
            case "describe":
                return Asked((user(*start_with(picture, question.text)),), need, DESCRIPTION)
            case "rate":
                start = assistant("The quality of the image is")
                prompt = user(*start_with(picture, question.text))
                return Asked((prompt, start), need, SHORT, (" good", " poor"))
        lines = [f"Hint: {question.hint}"] if question.hint else []
        lines += [question.text]
        if need != "texts":  # the official rule of SEED-Bench asks without showing the options
            lines += [*lettered(question.options), _LETTER_ZH if kind == "choice_zh" else _LETTER]
        messages: tuple[Message, ...] = (user(*start_with(picture, "\n".join(lines))),)
        if need == "reply":
            return Asked(messages, need, SHORT)
        options = question.letters if need == "letters" else [text for _letter, text in question.options]
        return Asked((*messages, assistant("Answer:")), need, SHORT, tuple(f" {option}" for option in options))
