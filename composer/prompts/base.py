"""What a family of models is asked, and how the answer is given: the protocols of prompts.

Every question about an article begins with the same messages, `shared(article)`: title and text, paragraphs numbered.
What is asked comes last, so that a model computes the article once (`Model.prefix`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from composer.article import Article, Candidate, Illustration, Language, Section
from composer.models import Message, Picture, Replier

Length = Literal["short", "medium", "long"]
LENGTHS: tuple[Length, ...] = ("short", "medium", "long")
LETTERS = "ABCDEFGHIJKLMNOP"


@dataclass(frozen=True, slots=True)
class Choice:
    """A question whose answer is one of `options`, for `Replier.score`."""

    messages: tuple[Message, ...]
    options: tuple[str, ...]


class Prompts(Protocol):
    """How a family of models is asked. All but `write` and `translate` ask after `shared(article)`, or what the family
    has in its place (`ContinuesConversation`)."""

    def write(self, request: str, title: str, language: Language, length: Length) -> list[Message]:
        """Asks for the article. `title` is empty where the request is an instruction and the model finds a title."""
        ...

    def shared(self, article: Article) -> list[Message]:
        """The beginning of every question about this article."""
        ...

    def spot(
        self, ask: Replier, article: Article, paragraphs: Sequence[Section], count: int | None
    ) -> Iterator[tuple[str, float]]:
        """Section id and probability (0..1) that a picture belongs after it, one by one. `ask` continues
        `shared(article)`, or `spot_shared` where the family has it; `count` pictures are wanted; None: any number."""
        ...

    def query(self, article: Article, section: Section, taken: Sequence[str]) -> list[Message]:
        """Asks what the picture after this section should show, as a short English phrase; `taken` are shown."""
        ...

    def caption(self, article: Article, section: Section, query: str, taken: Sequence[str]) -> list[Message]:
        """Asks for the line under that picture in the article's language. Empty: the query serves as the caption."""
        ...

    def translate(self, caption: str) -> list[Message]:
        """Asks for a caption in English, for a gallery that reads only English."""
        ...

    def choose(
        self,
        article: Article,
        section: Section,
        illustration: Illustration,
        candidates: Sequence[tuple[Candidate, Picture | None]],
        chosen: Sequence[tuple[Section, Picture | None]],
    ) -> Choice:
        """Which candidate fits best. With pictures where the model sees them; `chosen` stand in the article already.
        `options[i]` stands for `candidates[i]`."""
        ...


@runtime_checkable
class SpotsParagraphsAlone(Protocol):
    """A family that judges each paragraph by itself, without the article."""

    def spot_shared(self, article: Article) -> list[Message]:
        """The beginning of the questions of `Prompts.spot`, in place of `Prompts.shared`."""
        ...


@runtime_checkable
class ContinuesConversation(Protocol):
    """A family that can be asked about an article in the conversation in which it has just written it.

    The keys and values of the text exist already, so the first question costs no more than the others.
    """

    def continue_conversation(self, article: Article, asked: Sequence[Message], written: str) -> list[Message]:
        """The beginning of every question, in place of `Prompts.shared`; empty where that one serves better.
        `written`, as it came from the model, answered `asked` and became `article`."""
        ...


@runtime_checkable
class WritesHeadings(Protocol):
    """A family that writes prose without headings and is asked for them afterwards."""

    def heading(self, article: Article, part: Sequence[Section]) -> list[Message]:
        """Asks, after `shared(article)`, for a short heading over these paragraphs."""
        ...


WORDS: dict[Length, int] = {"short": 160, "medium": 300, "long": 600}  # of an English article of that length


def max_tokens(length: Length, language: Language) -> int:
    """Room for an article of that length: its words, times what a word takes, and half again for long-winded ones."""
    return int(WORDS[length] * (2.6 if language == "zh" else 2.2))
