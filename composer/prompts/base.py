"""What a family of models is asked, and how the answer is given: the protocols of prompts.

Every question about an article begins with the same messages, `shared(article)`: title and text, paragraphs numbered.
What is asked comes last, so that a model computes the article once (`Model.prefix`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from composer.article import Article, Candidate, Illustration, Language, Section
from composer.models import Message, Picture, Replier
from composer.prompts.style import Style

LETTERS = "ABCDEFGHIJKLMNOP"


@dataclass(frozen=True, slots=True)
class Choice:
    """A question whose answer is one of `options`, for `Replier.score`."""

    messages: tuple[Message, ...]
    options: tuple[str, ...]


class Prompts(Protocol):
    """How a family of models is asked to write. How it finds pictures is one of the two protocols below."""

    def write(self, request: str, title: str, language: Language, style: Style) -> list[Message]:
        """Asks for the article. `title` is empty where the request is an instruction and the model finds a title."""
        ...

    def shared(self, article: Article) -> list[Message]:
        """The beginning of every question about the whole article."""
        ...

    def translate(self, caption: str) -> list[Message]:
        """Asks for a caption in English, for a gallery that reads only English."""
        ...


@runtime_checkable
class RatesPictures(Prompts, Protocol):
    """A family that is asked of one paragraph after the other what could be shown, and whether a picture fits."""

    def things(self, text: str) -> list[Message]:
        """Asks which visible things a paragraph speaks of: short English names, separated by commas, or "none"."""
        ...

    def fits(self, name: str, picture: Picture | None) -> Choice:
        """Asks, after `things` and its answer, whether a picture of that name fits beside the paragraph: yes, no.
        With the picture itself where the model sees it."""
        ...

    def caption_of(self, name: str, picture: Picture, sentence: str, language: Language) -> list[Message]:
        """Asks for the line under this picture of that name, which stands beside this sentence."""
        ...


@runtime_checkable
class NamesPlaces(Prompts, Protocol):
    """A family that was trained to name places and to caption them before a picture is searched for. All questions
    come after `shared(article)`."""

    def spot(
        self, ask: Replier, article: Article, paragraphs: Sequence[Section], count: int | None
    ) -> Iterator[tuple[str, float]]:
        """Section id and probability (0..1) that a picture belongs after it, one by one. `count` pictures are wanted;
        None: any number."""
        ...

    def query(self, article: Article, section: Section, taken: Sequence[str]) -> list[Message]:
        """Asks what the picture after this section should show; `taken` are shown."""
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
class WritesHeadings(Protocol):
    """A family that writes prose without headings and is asked for them afterwards."""

    def heading(self, article: Article, part: Sequence[Section]) -> list[Message]:
        """Asks, after `shared(article)`, for a short heading over these paragraphs."""
        ...
