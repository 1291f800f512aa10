"""Illustrator: finds places in an article, says what each picture shows, searches for it and chooses. One article each.

Used by `composer.pipeline`. A failing gallery or model costs pictures, never the article: a Notice says what happened.
"""

import contextlib
import dataclasses
import math
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

from common.errors import ReadableError
from common.messages import _
from composer import inline
from composer.article import Article, Candidate, Illustration, Language, Section
from composer.errors import FewerPlaces, InputError, NoPictureFound
from composer.events import (
    CandidatesReady,
    CaptionReady,
    Event,
    Notice,
    PictureChosen,
    PlacesFound,
    Step,
    StepProgress,
)
from composer.illustrating.places import choose_places, width
from composer.models import Message, Model, Picture, Replier, Sampling
from composer.prompts import LETTERS, Prompts, SpotsParagraphsAlone
from composer.writing import alike, clean_caption, clean_query, detect_language, estimated_tokens, from_text
from retrieval.base import Hit, PictureGallery

TRIES = 2  # to get another answer than an earlier picture's, before the same thing may be shown twice
QUESTION_ROOM = 700  # tokens kept free beside the article for a question and its answer
_LINE = Sampling(max_tokens=64, stop=("\n",))
_PHRASE = Sampling(max_tokens=24, stop=("\n",))


class Illustrator:
    """The steps spot, caption, retrieve and select over one article, which `article` holds as far as it has come."""

    def __init__(
        self,
        model: Model,
        gallery: PictureGallery,
        prompts: Prompts,
        article: Article,
        *,
        pictures: int | None,
        select: bool,
        candidates: int,
        stop: threading.Event,
        written: Sequence[Message] = (),
    ) -> None:
        """written: the conversation in which the model has just written the article (see `ContinuesConversation`)."""
        self.article = article
        self._model, self._gallery, self._prompts, self._stop = model, gallery, prompts, stop
        self._pictures, self._selects, self._offered = pictures, select, max(1, min(candidates, len(LETTERS)))
        self._places: list[str] = []
        self._model_works = True
        room = model.capabilities.context_tokens - QUESTION_ROOM
        self._parts = parts(article, room)
        fits = sum(estimated_tokens(message.text) for message in written) <= room
        self._written = list(written) if fits and len(self._parts) == 1 else []
        self._held: tuple[int, contextlib.ExitStack, Replier] | None = None

    # -- the article as the model's shared beginning -------------------------------------------------

    def _ask(self, section_id: str) -> tuple[Article, Replier]:
        """The part of the article that holds this section, and the model on top of it; computed once for all steps."""
        number = next(i for i, part in enumerate(self._parts) if any(s.id == section_id for s in part))
        if self._held is None or self._held[0] != number:
            self.close()
            stack = contextlib.ExitStack()
            beginning = self._written or self._prompts.shared(self._parts[number])
            self._held = (number, stack, stack.enter_context(self._model.prefix(beginning)))
        return self._parts[number], self._held[2]

    def close(self) -> None:
        """Lets go of the model's shared beginning."""
        if self._held is not None:
            held, self._held = self._held, None
            held[1].close()

    # -- the steps -----------------------------------------------------------------------------------

    def steps(self) -> Iterator[tuple[Step, int, Iterator[Event]]]:
        """Name, units of work and events of each step, one after the other; steps without work are left out."""
        kept = [
            s if s.illustration is None or s.illustration.by_hand else replace(s, illustration=None)
            for s in self.article
        ]
        if kept != list(self.article):
            self.article = self.article.with_sections(kept)
        paragraphs = [section for section in self.article if section.kind == "paragraph"]
        try:
            if not paragraphs or self._pictures == 0:
                return
            yield "spot", len(paragraphs), self._spot(paragraphs)
            if not self._places or self._stop.is_set():
                return
            yield "caption", len(self._places), self._caption()
            if self._stop.is_set():
                return
            yield "retrieve", len(self._places), self._retrieve()
            if self._stop.is_set():
                return
            found = [place for place in self._places if self._illustration(place).candidates]
            if found:
                yield "select", len(found), self._select(found)
        finally:
            self.close()

    def _spot(self, paragraphs: Sequence[Section]) -> Iterator[Event]:
        fixed = [i for i, section in enumerate(paragraphs) if section.illustration is not None]
        asked = [section for section in paragraphs if section.illustration is None]
        probabilities: dict[str, float] = {}
        try:
            for part in self._parts:
                of_part = [section for section in asked if any(s.id == section.id for s in part)]
                if not of_part:
                    continue
                with self._spotting(part, of_part) as ask:
                    for section_id, probability in self._prompts.spot(ask, part, of_part, self._pictures):
                        probabilities[section_id] = probability
                        yield StepProgress("spot", len(probabilities), len(asked))
                        if self._stop.is_set():
                            return
        except ReadableError as error:
            self._model_works = False
            yield Notice(error)
            return
        widths = [width(section.text) for section in paragraphs]
        chances = [probabilities.get(section.id, 0.0) for section in paragraphs]
        places = choose_places(widths, chances, self._pictures, fixed=fixed)
        self._places = [paragraphs[place].id for place in places if place not in fixed]
        if self._pictures is not None and len(places) < self._pictures:
            yield Notice(FewerPlaces(places=len(places), asked=self._pictures))
        yield PlacesFound(tuple(self._places), probabilities)

    def _spotting(self, part: Article, paragraphs: Sequence[Section]) -> contextlib.AbstractContextManager[Replier]:
        """The model on top of what the questions about places begin with."""
        if isinstance(self._prompts, SpotsParagraphsAlone):
            return self._model.prefix(self._prompts.spot_shared(part))
        return contextlib.nullcontext(self._ask(paragraphs[0].id)[1])

    def _caption(self) -> Iterator[Event]:
        done = 0
        # A processor answers one prompt after the other, so each can know the ones before; a graphics card takes many.
        batch = 1 if self._model.capabilities.devices == ("cpu",) else 8
        for start in range(0, len(self._places), batch):
            places = self._places[start : start + batch]
            problem = None
            try:
                made = self._describe(places) if self._model_works else None
            except ReadableError as error:
                made, problem, self._model_works = None, error, False
            if self._stop.is_set():
                return
            if problem is not None:
                yield Notice(problem)
            for place, illustration in zip(places, made or map(self._plain_illustration, places), strict=True):
                self.article = self.article.with_illustration(place, illustration)
                done += 1
                yield CaptionReady(place, illustration)
                yield StepProgress("caption", done, len(self._places))

    def _describe(self, places: Sequence[str]) -> list[Illustration]:
        """What the pictures at these places show: the search phrase first, then the caption to go with it."""
        taken = [s.illustration.query or s.illustration.caption for s in self.article.illustrated if s.illustration]
        made = []
        for part_places in self._by_part(places):
            part, ask = self._ask(part_places[0])
            sections = [part.section(place) for place in part_places]
            asked = [self._prompts.query(part, section, taken) for section in sections]
            answers = ask.reply(asked, _PHRASE, stop=self._stop)
            queries: list[str] = []
            for question, answer, section in zip(asked, answers, sections, strict=True):
                query = self._other(ask, question, clean_query(answer), [*taken, *queries])
                queries.append(query or from_text(section.text, self.article.language))
            asked = [self._prompts.caption(part, s, q, taken) for s, q in zip(sections, queries, strict=True)]
            answers = ask.reply(asked, _LINE, stop=self._stop) if all(asked) else queries
            for query, answer in zip(queries, answers, strict=True):
                caption = clean_caption(answer, self.article.language) or query
                made.append(Illustration(caption, query=self._in_english(query)))
        return made

    def _in_english(self, query: str) -> str:
        """The search phrase in English where it is Chinese and the gallery reads only English."""
        languages = self._gallery.query_languages
        if self._stop.is_set() or "en" not in languages or detect_language(query) in languages:
            return query
        (answer,) = self._model.reply([self._prompts.translate(query)], _PHRASE, stop=self._stop)
        return clean_query(answer) or query

    def _other(self, ask: Replier, question: Sequence[Message], query: str, taken: Sequence[str]) -> str:
        """The query, or another answer to the question where it says what one of `taken` says."""
        for attempt in range(TRIES):
            if self._stop.is_set() or not any(alike(query, other) for other in taken):
                break
            (answer,) = ask.reply([question], replace(_PHRASE, temperature=1.0, seed=attempt), stop=self._stop)
            query = clean_query(answer) or query
        return query

    def _by_part(self, places: Sequence[str]) -> Iterator[list[str]]:
        for part in self._parts:
            inside = [place for place in places if any(section.id == place for section in part)]
            if inside:
                yield inside

    def _plain_illustration(self, place: str) -> Illustration:
        """What a picture shows when no model says it: the paragraph's own first words."""
        return Illustration(from_text(self.article.section(place).text, self.article.language))

    def _retrieve(self) -> Iterator[Event]:
        for done, place in enumerate(self._places, 1):
            if self._stop.is_set():
                return
            illustration = self._illustration(place)
            try:
                candidates = self._find(_phrasings(illustration), exclude=self.article.used_pictures)
            except ReadableError as error:
                yield Notice(error, place)
                return  # the other places would wait for the same failure
            illustration = replace(illustration, candidates=candidates)
            self.article = self.article.with_illustration(place, illustration)
            if not candidates:
                yield Notice(NoPictureFound(caption=illustration.caption), place)
            yield CandidatesReady(place, illustration)
            yield StepProgress("retrieve", done, len(self._places))

    def _select(self, places: Sequence[str]) -> Iterator[Event]:
        for done, place in enumerate(places, 1):
            if self._stop.is_set():
                return
            illustration = self._illustration(place)
            try:
                illustration = self._unused(illustration)
                if illustration.candidates:
                    illustration = self._chosen(place, illustration)
            except ReadableError as error:
                yield Notice(error, place)
                self._model_works = False
                unused = [c for c in illustration.candidates if c.id not in self.article.used_pictures]
                illustration = replace(illustration, chosen=unused[0] if unused else None)
            self.article = self.article.with_illustration(place, illustration)
            if illustration.chosen is None:
                yield Notice(NoPictureFound(caption=illustration.caption), place)
            yield PictureChosen(place, illustration)
            yield StepProgress("select", done, len(places))

    # -- one place -----------------------------------------------------------------------------------

    def _illustration(self, place: str) -> Illustration:
        illustration = self.article.section(place).illustration
        assert illustration is not None  # every place got one in the step "caption"
        return illustration

    def _find(self, phrasings: Sequence[str], *, exclude: frozenset[str]) -> tuple[Candidate, ...]:
        return tuple(map(candidate, self._gallery.search(phrasings, k=self._offered, exclude=exclude)))

    def _unused(self, illustration: Illustration) -> Illustration:
        """The illustration without candidates that were chosen elsewhere since, and others in their stead."""
        used = self.article.used_pictures
        if any(candidate.id in used for candidate in illustration.candidates):
            return replace(illustration, candidates=self._find(_phrasings(illustration), exclude=used))
        return illustration

    def _chosen(self, place: str, illustration: Illustration) -> Illustration:
        """The illustration with the best of its candidates, and the model's share for each where the model chose."""
        offered = illustration.candidates
        if not (self._selects and self._model_works) or len(offered) == 1:
            return replace(illustration, chosen=offered[0])
        shares = self._shares(place, illustration)
        offered = tuple(replace(c, share=share) for c, share in zip(offered, shares, strict=True))
        best = max(range(len(offered)), key=lambda i: shares[i])
        return replace(illustration, candidates=offered, chosen=offered[best])

    def _shares(self, place: str, illustration: Illustration) -> list[float]:
        """The model's probability for each candidate, in the gallery's order. Averaging over other orders of the
        letters costs a question each and chooses no better (benchmarks/compose_selection)."""
        part, ask = self._ask(place)
        section, offered = part.section(place), illustration.candidates
        sees = self._model.capabilities
        looks = sees.sees_pictures and sees.max_pictures >= len(offered)
        pictures = [Picture.open(c.path) if looks else None for c in offered]
        here = {s.id for s in part}
        chosen = [
            (s, Picture.open(s.illustration.chosen.path) if looks else None)
            for s in self.article.illustrated
            if s.id in here and s.illustration and s.illustration.chosen
        ]
        lettered = list(zip(offered, pictures, strict=True))
        choice = self._prompts.choose(part, section, illustration, lettered, chosen)
        return softmax(ask.score(choice.messages, choice.options))

    # -- a person's own wishes -----------------------------------------------------------------------

    def propose(self, section_id: str) -> Illustration:
        """An illustration for this place: described, searched and chosen by the model. Raises as `Composer.propose`."""
        sections = list(self.article)
        start = sections.index(self.article.section(section_id))
        near = [*sections[start:], *reversed(sections[:start])]  # a heading is illustrated by what follows it
        place = next((section.id for section in near if section.kind == "paragraph"), None)
        if place is None:
            raise InputError(_("There is no paragraph to illustrate. Write some text first."))
        own = self.article.section(section_id).illustration
        self.article = self.article.with_illustration(section_id, None)
        try:
            (illustration,) = self._describe([place])
            elsewhere = self.article.used_pictures
            exclude = elsewhere | ({own.chosen.id} if own and own.chosen else set())
            illustration = replace(illustration, candidates=self._find(_phrasings(illustration), exclude=exclude))
            return self._chosen(place, illustration) if illustration.candidates else illustration
        finally:
            self.close()

    def search(self, caption: str, language: Language, section_id: str) -> tuple[Candidate, ...]:
        """Candidates for a caption in `language`, translated where the gallery does not read it."""
        phrasings = [caption]
        if language not in self._gallery.query_languages:
            phrasings = list(dict.fromkeys((self._in_english(caption), caption)))
        own = next((s.illustration for s in self.article if s.id == section_id), None)
        exclude = self.article.used_pictures - ({own.chosen.id} if own and own.chosen else set())
        return self._find(phrasings, exclude=exclude)


def parts(article: Article, room: int) -> list[Article]:
    """The article as one part, or as several of consecutive sections where it has more tokens than `room`.

    A section that is longer by itself is cut to `room`. Tokens are estimated from above.
    """
    found: list[Article] = []
    sections: list[Section] = []
    used = 0
    for section in article:
        text, tokens = section.text, estimated_tokens(section.text) + 8
        if tokens > room:
            text, tokens = inline.plain(text)[: max(room // 2, 1)], room // 2
        if sections and used + tokens > room:
            found.append(replace(article, sections=tuple(sections)))
            sections, used = [], 0
        sections.append(replace(section, text=text))
        used += tokens
    return [*found, replace(article, sections=tuple(sections))]


def candidate(hit: Hit) -> Candidate:
    """A picture found, as an article keeps it."""
    return Candidate(**dataclasses.asdict(hit))


def softmax(logarithms: Sequence[float]) -> list[float]:
    """Probabilities in proportion to the exponentials, adding up to one."""
    highest = max(logarithms)
    if highest == -math.inf:
        return [1 / len(logarithms)] * len(logarithms)
    powers = [math.exp(each - highest) for each in logarithms]
    return [power / sum(powers) for power in powers]


def _phrasings(illustration: Illustration) -> list[str]:
    return list(dict.fromkeys(text for text in (illustration.query, illustration.caption) if text))
