"""The protocol of a family's wordings, and what is asked of a model."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal, Protocol

from composer.models import Message, Picture, Sampling, merge_turns
from evaluation.questions import Question

# What a rule is computed from: a reply, or scores of options: their letters, their texts, good against poor.
Need = Literal["reply", "letters", "texts", "quality"]

# The shapes of questions that benchmarks ask.
Kind = Literal["yes_no", "choice", "choice_zh", "choice_seed", "short", "describe", "rate"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A whole prompt, and how the model is to answer it."""

    messages: tuple[Message, ...]
    need: Need
    sampling: Sampling  # of a reply
    options: tuple[str, ...] = ()  # of scores

    @property
    def shown(self) -> str:
        """The prompt as one readable text; `<picture>` stands for the picture."""
        return "".join(
            f"<|{turn.role}|>" + "".join(part if isinstance(part, str) else "<picture>" for part in turn.content)
            for turn in merge_turns(self.messages)
        )

    def key(self, picture: bytes, weights: str) -> str:
        """A hash of all that the answer depends on: prompt, bytes of the picture, settings and weights."""
        settings = {"sampling": asdict(self.sampling)} if self.need == "reply" else {"options": self.options}
        said = [
            [turn.role, [p if isinstance(p, str) else None for p in turn.content]]
            for turn in merge_turns(self.messages)
        ]
        described = json.dumps([self.need, said, settings, weights], ensure_ascii=False)
        return hashlib.sha256(described.encode() + hashlib.sha256(picture).digest()).hexdigest()[:32]


class Wording(Protocol):
    """How a family of models is asked."""

    family: str

    def ask(self, kind: Kind, question: Question, picture: Picture | None, need: Need) -> Asked:
        """The prompt for one question. `picture` is None where the model is to answer without seeing it."""
        ...


def wording_hash(wording: Wording, kind: Kind, need: Need) -> str:
    """Eight digits that change when the wording of this kind of question changes."""
    sample = Question("0", "What is it?", None, "0", (("A", "cat"), ("B", "dog")), "hint")
    bare = Question("0", "What is it?", None, "0", (("A", "cat"), ("B", "dog")))
    return hashlib.sha256(
        "".join(wording.ask(kind, q, None, need).key(b"", "") for q in (sample, bare)).encode()
    ).hexdigest()[:8]


def start_with(picture: Picture | None, *texts: str) -> tuple[str | Picture, ...]:
    """The picture, where there is one, before the texts."""
    return (*([picture] if picture is not None else []), *texts)


def lettered(options: Sequence[tuple[str, str]]) -> list[str]:
    return [f"{letter}. {text}" for letter, text in options]
