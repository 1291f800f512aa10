"""The text of an article: a model writes, and what comes becomes sections. Knows no pictures and no page."""

import contextlib
import threading
from collections.abc import Generator, Iterator
from dataclasses import replace

from common.errors import ReadableError
from common.messages import _
from composer.article import Article, Section
from composer.errors import InputError
from composer.events import Event, Notice, SectionsReady
from composer.models import Model, Sampling, assistant
from composer.prompts import Prompts, Style
from composer.writing.editing import as_markdown
from composer.writing.headings import with_headings
from composer.writing.language import in_one_script
from composer.writing.reader import ArticleReader, asks_for_placeholders
from composer.writing.request import Request, provisional_title

# for going on where the model went in circles: what it would say most likely is what it has said
_LIVELIER, _LESS_REPETITIVE = 0.8, 1.15  # temperature, repetition penalty


class Writer:
    """Writes one article, which `article` holds as far as it has come."""

    def __init__(
        self,
        model: Model,
        prompts: Prompts,
        article: Article,
        request: Request,
        style: Style,
        sampling: Sampling,
        stop: threading.Event,
        *,
        first: int = 1,
    ) -> None:
        """article: its sections are kept and gone on from. first: number of the first new section."""
        self.article = article
        self._model, self._prompts, self._request, self._style = model, prompts, request, style
        self._sampling, self._stop, self._next = sampling, stop, first

    def events(self) -> Iterator[Event]:
        """What is written, as it comes; where the model fails, a Notice says so behind what there is.

        Small models go in circles: paragraph after paragraph says the same in other places. Then the text goes on once
        more from before the first of these.
        """
        before = len(self.article.sections)
        if before:
            yield SectionsReady(self.article)
        problem, repeated = yield from self._written(self._sampling)
        if repeated and problem is None and not self._stop.is_set():
            self.article = self.article.with_sections(_before(self.article, repeated))
            yield SectionsReady(self.article)
            problem, _repeated_again = yield from self._written(_another_way(self._sampling))
        title = self.article.title or _title_from(self._request, self.article.sections)
        self.article = replace(self.article, title=title)
        if problem is None and len(self.article.sections) <= before and not self._stop.is_set():
            problem = InputError(
                _("The model wrote nothing about this title. Try again, or say more about what you want.")
            )
        if problem is None and not self._stop.is_set() and not before:
            try:
                self.article = with_headings(self._model, self._prompts, self.article, self._stop)
            except ReadableError as error:
                problem = error
        if problem is not None:
            yield Notice(problem)
        yield SectionsReady(self.article)

    def _written(self, sampling: Sampling) -> Generator[Event, None, tuple[ReadableError | None, str]]:
        """Goes on from the sections there are. Returns what went wrong, and the id of the section that the model began
        to repeat, or ""."""
        article, model, stop = self.article, self._model, self._stop
        kept = article.sections
        room = min(self._style.max_tokens(article.language), sampling.max_tokens)
        messages = self._prompts.write(self._request.text, self._request.title, article.language, self._style)
        if kept:
            before = assistant(f"{as_markdown(kept)}\n\n")
            messages = [*messages, before]
            room = max(room - model.count_tokens([before]), room // 4)
        asked = self._request.text
        reader = ArticleReader(
            self._request.title,
            first=self._next,
            kept=kept,
            told=self._told,
            placeholders=asks_for_placeholders(asked),
        )
        pieces, generated, problem = 0, model.usage.generated, None
        try:
            given = asked, self._style.readers, as_markdown(kept)
            sampling = in_one_script(sampling, article.language, *given)
            stream = model.stream(messages, replace(sampling, max_tokens=room), stop=stop)
            with contextlib.closing(_as_generator(stream)) as text:
                for piece in text:
                    pieces += 1
                    for event in reader.feed(piece):
                        self.article = replace(article, sections=(*kept, *reader.sections))
                        yield event
                    if reader.looping:
                        break
        except ReadableError as error:
            problem = error
        # A piece may hold several tokens; the model's count may hold those of another person. Too high does no harm:
        # only a sentence without an end is trimmed. A person who stops keeps every word.
        full = max(pieces, model.usage.generated - generated) >= room
        sections = reader.finish(cut=not stop.is_set() and (problem is not None or full or reader.looping))
        self.article = replace(article, title=article.title or reader.title, sections=(*kept, *sections))
        self._next = reader.next_number
        return problem, reader.repeated

    @property
    def _told(self) -> str:
        """How the model is asked for an article, without what the person says."""
        asked = self._prompts.write("…", "…", self.article.language, Style(self._style.length))
        return "\n".join(message.text for message in asked if message.role == "user")


def _before(article: Article, repeated: str) -> tuple[Section, ...]:
    """The sections before the one that is repeated, without headings over nothing; all there is where it is the
    first."""
    ids = [section.id for section in article]
    kept = list(article.sections[: ids.index(repeated)] if repeated in ids else article.sections)
    while kept and kept[-1].kind == "heading":
        kept.pop()
    return tuple(kept) or article.sections


def _another_way(sampling: Sampling) -> Sampling:
    livelier = sampling.with_choices(
        temperature=max(sampling.temperature, _LIVELIER),
        repetition_penalty=max(sampling.repetition_penalty, _LESS_REPETITIVE),
    )
    return livelier if sampling.seed is None else replace(livelier, seed=sampling.seed + 1)


def _as_generator(pieces: Iterator[str]) -> Generator[str, None, None]:
    """The pieces; closing this closes them, if they can be closed."""
    try:
        yield from pieces
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()


def _title_from(request: Request, sections: tuple[Section, ...]) -> str:
    """A title for an article whose model gave none: its first heading, else the beginning of the instruction."""
    heading = next((section.text for section in sections if section.kind == "heading"), "")
    return heading or provisional_title(request)
