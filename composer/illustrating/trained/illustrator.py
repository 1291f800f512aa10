"""TrainedIllustrator: for a family that was trained to name places and captions before a picture is searched for.

Used by `composer.pipeline`, one for an article. A failing gallery or model costs pictures, never the article: a Notice
says what happened.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

from common.errors import ReadableError
from composer import blocks
from composer.article import Article, Candidate, Illustration, Language, Section
from composer.errors import FewerPlaces, NoPictureFound, NothingToIllustrate
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
from composer.illustrating.candidates import find_candidates, phrasings_of
from composer.illustrating.captions import CaptionWriter
from composer.illustrating.evidence import Paragraph, with_evidence
from composer.illustrating.places import choose_places, width
from composer.illustrating.trained.selection import select_candidate
from composer.illustrating.trained.shared import SharedArticle
from composer.models import Message, Model, Replier, Sampling
from composer.prompts import LETTERS, NamesPlaces
from composer.writing import alike, clean_caption, clean_query, from_text
from retrieval.base import PictureGallery

BATCH = 8  # captions that a graphics card writes at once
TRIES = 2  # to get another answer than an earlier picture's, before the same thing may be shown twice
TRAINED_PLAN: tuple[Step, ...] = ("write", "spot", "caption", "retrieve", "select")
_PHRASE = Sampling(max_tokens=24, stop=("\n",))


class TrainedIllustrator:
    """The steps spot, caption, retrieve and select over one article, which `article` holds as far as it has come."""

    def __init__(
        self,
        model: Model,
        gallery: PictureGallery,
        prompts: NamesPlaces,
        article: Article,
        *,
        pictures: int | None,
        select: bool,
        candidates: int,
        stop: threading.Event,
        kept: frozenset[str] = frozenset(),
    ) -> None:
        """kept: ids of sections that stay as they are, with or without a picture."""
        self.article = article
        self._kept = kept
        self._model, self._gallery, self._stop = model, gallery, stop
        self._pictures, self._selects, self._offered = pictures, select, max(1, min(candidates, len(LETTERS)))
        self._places: list[str] = []
        self._model_works = True
        self._prompts = prompts
        self._shared = SharedArticle(model, prompts, article)
        self._captions = CaptionWriter(model, prompts, gallery, stop)

    def close(self) -> None:
        """Lets go of the model's shared beginning."""
        self._shared.close()

    # -- the steps -----------------------------------------------------------------------------------

    def steps(self) -> Iterator[tuple[Step, int, Iterator[Event]]]:
        """Name, units of work and events of each step, one after the other; steps without work are left out."""
        kept = [
            s
            if s.illustration is None or s.illustration.by_hand or s.id in self._kept
            else replace(s, illustration=None)
            for s in self.article
        ]
        if kept != list(self.article):
            self.article = self.article.with_sections(kept)
        paragraphs = [section for section in self.article if section.illustratable]
        try:
            if self._pictures == 0:
                return
            if not paragraphs:
                yield "spot", 0, iter([Notice(NothingToIllustrate())])
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
        asked = [s for s in paragraphs if s.illustration is None and s.id not in self._kept]
        probabilities: dict[str, float] = {}
        try:
            for part in self._shared.parts:
                of_part = [section for section in asked if any(s.id == section.id for s in part)]
                if not of_part:
                    continue
                _part, ask = self._shared.about(part.sections[0].id)
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

    def _caption(self) -> Iterator[Event]:
        done = 0
        # A processor answers one prompt after the other, so each can know the ones before; a graphics card takes many.
        batch = 1 if self._model.capabilities.devices == ("cpu",) else BATCH
        for start in range(0, len(self._places), batch):
            places = self._places[start : start + batch]
            problem, illustrations = None, [_without_model(self.article, place) for place in places]
            try:
                if self._model_works:
                    illustrations = self._described(places)
            except ReadableError as error:
                problem, self._model_works = error, False
            if self._stop.is_set():
                return
            if problem is not None:
                yield Notice(problem)
            for place, illustration in zip(places, illustrations, strict=True):
                self.article = self.article.with_illustration(place, illustration)
                done += 1
                yield CaptionReady(place, illustration)
                yield StepProgress("caption", done, len(self._places))

    def _retrieve(self) -> Iterator[Event]:
        for done, place in enumerate(self._places, 1):
            if self._stop.is_set():
                return
            illustration = self._illustration(place)
            try:
                candidates = self._find(phrasings_of(illustration), exclude=self.article.used_pictures)
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
                illustration = self._without_used(illustration)
                if illustration.candidates:
                    illustration = self._with_choice(place, illustration)
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

    def _described(self, places: Sequence[str]) -> list[Illustration]:
        """What the pictures at these places show; nothing that the article shows already. Raises what the model
        raises."""
        taken = [s.illustration.query or s.illustration.caption for s in self.article.illustrated if s.illustration]
        written = []
        for part_places in self._shared.by_part(places):
            part, ask = self._shared.about(part_places[0])
            sections = [part.section(place) for place in part_places]
            asked = [self._prompts.query(part, section, taken) for section in sections]
            answers = ask.reply(asked, _PHRASE, stop=self._stop)
            queries: list[str] = []
            for question, answer, section in zip(asked, answers, sections, strict=True):
                query = self._different(ask, question, clean_query(answer), [*taken, *queries])
                queries.append(query or from_text(blocks.words(section), self.article.language))
            for query in queries:
                caption = clean_caption(query, self.article.language) or query
                written.append(Illustration(caption, query=self._captions.in_english(query)))
        return written

    def _different(self, ask: Replier, question: Sequence[Message], query: str, taken: Sequence[str]) -> str:
        """The query, or another answer to the question where it means the same as one of `taken`."""
        for attempt in range(TRIES):
            if self._stop.is_set() or not any(alike(query, other) for other in taken):
                break
            (answer,) = ask.reply([question], replace(_PHRASE, temperature=1.0, seed=attempt), stop=self._stop)
            query = clean_query(answer) or query
        return query

    # -- one place -----------------------------------------------------------------------------------

    def _illustration(self, place: str) -> Illustration:
        illustration = self.article.section(place).illustration
        assert illustration is not None  # every place got one in the step "caption"
        return illustration

    def _find(self, phrasings: Sequence[str], *, exclude: frozenset[str]) -> tuple[Candidate, ...]:
        return find_candidates(self._gallery, phrasings, count=self._offered, exclude=exclude)

    def _with_evidence(self, place: str, illustration: Illustration) -> Illustration:
        """The illustration with what the words say of its candidates."""
        text = blocks.words(self.article.section(place))
        paragraph = Paragraph(place, text, self.article.language, self.article.title)
        candidates = tuple(
            with_evidence(paragraph, illustration.query or illustration.caption, illustration.candidates)
        )
        return replace(illustration, candidates=candidates)

    def _without_used(self, illustration: Illustration) -> Illustration:
        """The illustration without candidates that were chosen elsewhere since, and others in their stead."""
        used = self.article.used_pictures
        if any(candidate.id in used for candidate in illustration.candidates):
            return replace(illustration, candidates=self._find(phrasings_of(illustration), exclude=used))
        return illustration

    def _with_choice(self, place: str, illustration: Illustration) -> Illustration:
        """The illustration with one of its candidates chosen: by the model where it is to choose, else the first."""
        if not (self._selects and self._model_works) or len(illustration.candidates) == 1:
            return replace(illustration, chosen=illustration.candidates[0])
        illustration = self._with_evidence(place, illustration)
        return select_candidate(self._shared, self._prompts, self.article, place, illustration)

    # -- what a person asks for at one place ----------------------------------------------------------

    def propose(self, section_id: str) -> Illustration:
        """An illustration for this place: described, searched and chosen by the model. Raises as `Composer.propose`."""
        sections = list(self.article)
        start = sections.index(self.article.section(section_id))
        near = [*sections[start:], *reversed(sections[:start])]  # a heading is illustrated by what follows it
        place = next((section.id for section in near if section.illustratable), None)
        if place is None:
            raise NothingToIllustrate()
        own = self.article.section(section_id).illustration
        self.article = self.article.with_illustration(section_id, None)
        try:
            (illustration,) = self._described([place])
            elsewhere = self.article.used_pictures
            exclude = elsewhere | ({own.chosen.id} if own and own.chosen else set())
            illustration = replace(illustration, candidates=self._find(phrasings_of(illustration), exclude=exclude))
            return self._with_choice(place, illustration) if illustration.candidates else illustration
        finally:
            self.close()

    def search(self, caption: str, language: Language, section_id: str) -> tuple[Candidate, ...]:
        """Candidates for a caption in `language`, translated where the gallery does not read it."""
        phrasings = [caption]
        if language not in self._gallery.query_languages:
            phrasings = list(dict.fromkeys((self._captions.in_english(caption), caption)))
        own = next((s.illustration for s in self.article if s.id == section_id), None)
        exclude = self.article.used_pictures - ({own.chosen.id} if own and own.chosen else set())
        return self._find(phrasings, exclude=exclude)


def _without_model(article: Article, place: str) -> Illustration:
    """What a picture shows when no model says it: the paragraph's own first words."""
    return Illustration(from_text(blocks.words(article.section(place)), article.language))
