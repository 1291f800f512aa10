"""Headings for prose that came without any: a person skims an article by them."""

import threading

from composer.article import Article, Section
from composer.models import Model, Sampling
from composer.prompts import Prompts, WritesHeadings
from composer.writing.answers import clean_heading
from composer.writing.lines import width, without_title
from composer.writing.repetition import SPOKEN

FEWEST_PARAGRAPHS = 4  # a shorter article reads well without headings
_SHORTEST_PART = 120  # width: what somebody asks and what another one answers are no part of an article yet
_LONGEST = {"en": 48, "zh": 16}  # characters
_SHORT = Sampling(max_tokens=20, stop=("\n",))


def with_headings(model: Model, prompts: Prompts, article: Article, stop: threading.Event | None = None) -> Article:
    """The article with a heading over each part after the first paragraph, where it had none and the family of the
    model gives some; otherwise the article as it is. Raises what the model raises."""
    paragraphs = list(article.sections)
    if not isinstance(prompts, WritesHeadings) or len(paragraphs) < FEWEST_PARAGRAPHS:
        return article
    if any(section.kind == "heading" for section in paragraphs):
        return article
    sections: list[Section] = [paragraphs[0]]
    number = int(article.next_section_id()[1:])
    taken: set[str] = set()
    with model.prefix(prompts.shared(article)) as ask:
        for part in parts(paragraphs[1:]):
            (answer,) = ask.reply([prompts.heading(article, part)], _SHORT, stop=stop)
            words = without_title(clean_heading(answer), article.title)
            if words and len(words) <= _LONGEST[article.language] and words.lower() not in taken:
                taken.add(words.lower())
                sections.append(Section(f"s{number}", words, "heading", 2))
                number += 1
            sections += part
    return article.with_sections(sections)


def parts(paragraphs: list[Section]) -> list[list[Section]]:
    """The paragraphs in twos; more where they are short or people speak with each other; the last ones are not left
    alone."""
    found: list[list[Section]] = []
    for section in paragraphs:
        if not found or (_is_whole(found[-1]) and not (_speaks(found[-1][-1]) and _speaks(section))):
            found.append([])
        found[-1].append(section)
    if len(found) > 1 and not _is_whole(found[-1]):
        found[-2:] = [[*found[-2], *found[-1]]]
    return found


def _is_whole(part: list[Section]) -> bool:
    return len(part) > 1 and sum(width(section.text) for section in part) >= _SHORTEST_PART


def _speaks(section: Section) -> bool:
    return bool(SPOKEN.search(section.text))
