"""How the fake model answers in the tests of the pipeline: a family that reads paragraph after paragraph."""

import math
from collections.abc import Sequence

from composer.events import Event, StepStarted
from composer.illustrating.nouns import content_words
from composer.models.base import Message

TITLE = "How to take good care of a pet cat"


def score_by(words: dict[str, float]):  # type: ignore[no-untyped-def]  # a closure that FakeModel takes
    """Yes for pictures beside paragraphs with these words, as likely as said; letters by their order."""

    def score(messages: Sequence[Message], option: str) -> float:
        if option in ("Yes", "No"):
            yes = next((p for word, p in words.items() if word in paragraph_of(messages)), 0.05)
            return math.log(yes if option == "Yes" else 1 - yes)
        return {"A": -2.0, "B": -0.2, "C": -3.0, "D": -4.0}[option]

    return score


def paragraph_of(messages: Sequence[Message]) -> str:
    """The paragraph that a question about a picture is about: it stands before the things that were named in it."""
    return messages[-3].text if len(messages) > 2 and "fit beside" in messages[-1].text else ""


def answer(messages: Sequence[Message]) -> str | None:
    asked = messages[-1].text
    if "You name the things" in messages[0].text:
        return ", ".join(content_words(asked)[:3]) or "bowl, 猫"
    if "You write the line" in messages[0].text:
        name = asked.split("\n")[0].split(":")[-1].split("：")[-1].strip()
        return f"A {name} beside it"
    if "Translate" in asked:
        return "A sleeping cat."
    return None


def steps(events: Sequence[Event]) -> list[str]:
    return [event.step for event in events if isinstance(event, StepStarted)]
