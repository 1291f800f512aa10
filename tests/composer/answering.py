"""How the fake model answers in the tests of the pipeline."""

from collections.abc import Sequence

from composer.events import Event, StepStarted
from composer.models.base import Message

TITLE = "How to take good care of a pet cat"


def score_by(words: dict[str, float]):  # type: ignore[no-untyped-def]  # a closure that FakeModel takes
    """Yes for paragraphs with these words, as likely as said; letters by their order."""

    def score(messages: Sequence[Message], option: str) -> float:
        asked = messages[-1].text
        if option in ("Yes", "No"):
            yes = next((p for word, p in words.items() if word in asked), 0.05)
            return yes * 10 if option == "Yes" else 5.0
        return {"A": -2.0, "B": -0.2, "C": -3.0, "D": -4.0}[option]

    return score


def answer(messages: Sequence[Message]) -> str | None:
    asked = messages[-1].text
    if "six English words" in asked:
        return f"A picture of {asked.split('paragraph')[0].split('Paragraph')[-1][:4].strip()} {len(asked)}."
    if "图注" in asked:
        return "一张图片"
    if "Translate" in asked:
        return "A sleeping cat."
    return None


def steps(events: Sequence[Event]) -> list[str]:
    return [event.step for event in events if isinstance(event, StepStarted)]
