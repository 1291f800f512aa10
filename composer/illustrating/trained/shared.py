"""An article as the shared beginning of questions about it, which the model computes once.

An article that is too long for the model's context is asked about in parts.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from composer import inline
from composer.article import Article, Section
from composer.models import Model, Replier, user
from composer.prompts import Prompts
from composer.writing import fitting

QUESTION_ROOM = 700  # tokens kept free beside the article for a question and its answer
NUMBER_ROOM = 8  # tokens of the number before a section and the blank lines around it


class SharedArticle:
    """Asks a model about one article. Holds the model's computed beginning between questions until `close`."""

    def __init__(self, model: Model, prompts: Prompts, article: Article) -> None:
        self.model, self.prompts = model, prompts
        capacity = model.capabilities.context_tokens
        room = max(capacity - QUESTION_ROOM, capacity // 2)
        whole = model.count_tokens(prompts.shared(article)) <= room
        self.parts = [article] if whole else split_article(article, room, lambda text: model.count_tokens([user(text)]))
        self._held: tuple[int, contextlib.ExitStack, Replier] | None = None  # number of the part, and the model on it

    def about(self, section_id: str) -> tuple[Article, Replier]:
        """The part of the article that holds this section, and the model on top of it; computed once for all steps."""
        number = next(i for i, part in enumerate(self.parts) if any(s.id == section_id for s in part))
        if self._held is None or self._held[0] != number:
            self.close()
            stack = contextlib.ExitStack()
            beginning = self.prompts.shared(self.parts[number])
            self._held = (number, stack, stack.enter_context(self.model.prefix(beginning)))
        return self.parts[number], self._held[2]

    def by_part(self, section_ids: Sequence[str]) -> Iterator[list[str]]:
        """These sections in groups, each within one part of the article."""
        for part in self.parts:
            inside = [section_id for section_id in section_ids if any(section.id == section_id for section in part)]
            if inside:
                yield inside

    def close(self) -> None:
        """Lets go of the model's computed beginning."""
        if self._held is not None:
            held, self._held = self._held, None
            held[1].close()


def split_article(article: Article, room: int, count: Callable[[str], int]) -> list[Article]:
    """The article as one part, or as several of consecutive sections where it has more tokens than `room`.

    A section that is longer by itself is cut to `room`. `count` says how many tokens a text takes.
    """
    found: list[Article] = []
    sections: list[Section] = []
    used = 0
    for section in article:
        text = section.text
        tokens = count(text) + NUMBER_ROOM
        if tokens > room:
            text, tokens = fitting(inline.plain(text), room - NUMBER_ROOM, count), room
        if sections and used + tokens > room:
            found.append(replace(article, sections=tuple(sections)))
            sections, used = [], 0
        sections.append(replace(section, text=text))
        used += tokens
    return [*found, replace(article, sections=tuple(sections))]
