"""Illustrator: reads each paragraph with the model, then chooses places and pictures together, then writes captions.

For families that can be asked whether a picture fits (`composer.prompts.RatesPictures`); `trained.py` is for those that
were trained to name places. Used by `composer.pipeline`, one for an article. A failing gallery or model costs pictures,
never the article: what was found so far stays, and a Notice says what happened.
"""

import itertools
import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

from common.errors import ReadableError
from composer.article import Article, Candidate, Illustration, Language, Section
from composer.errors import FewerPlaces, NoPictureFits, NothingToIllustrate
from composer.events import (
    CaptionReady,
    Event,
    Notice,
    PictureChosen,
    PlacesFound,
    Step,
    StepProgress,
)
from composer.illustrating.candidates import find_candidates
from composer.illustrating.captions import CaptionWriter, plain_caption
from composer.illustrating.evidence import same_subject
from composer.illustrating.fit import FITS, PERHAPS
from composer.illustrating.material import OwnPictures, place_own
from composer.illustrating.places import automatic_count, choose_pictures, most_promising, width
from composer.illustrating.queries import MOST_NOUNS
from composer.illustrating.reading import SURE, ParagraphReader, Reading
from composer.models import Model
from composer.prompts import RatesPictures
from retrieval.base import PictureGallery

log = logging.getLogger(__name__)

REPEATED = (
    0.45  # fit, at most, of a picture whose subject another one shows: it stands only where a number was asked for
)
SEARCHES = 800  # of an article with the paragraphs' own words, before the most promising paragraphs are read
FEWEST_NOUNS = 4  # of a paragraph that are searched for, however many paragraphs there are
SPARE = 2  # paragraphs that are read beyond the number of pictures: so many may have nothing that fits
FEWEST_READ = 6  # paragraphs that are read, if nothing sure is found before: of one picture the best place matters most


def plan(model: Model) -> tuple[Step, ...]:
    """The steps of a composition. A model that does not see writes no captions, see `captions`."""
    return ("write", "retrieve", "spot", "select", *(("caption",) if model.capabilities.sees_pictures else ()))


class Illustrator:
    """The steps retrieve, spot, select and caption over one article, which `article` holds as far as it has come."""

    def __init__(
        self,
        model: Model,
        gallery: PictureGallery,
        prompts: RatesPictures,
        article: Article,
        *,
        pictures: int | None,
        select: bool,
        candidates: int,
        stop: threading.Event,
        own: OwnPictures | None = None,
        kept: frozenset[str] = frozenset(),
        judge: Model | None = None,
    ) -> None:
        """kept: ids of sections that stay as they are, with or without a picture. judge: see `ParagraphReader`."""
        self.article = article
        self._kept = kept
        self._stop = stop
        self._own = frozenset(picture.id for picture in own or ())  # each stands once, before the gallery's
        self._pictures, self._offered = pictures, max(1, candidates)
        self._gallery = gallery
        self._reader = ParagraphReader(model if select else None, gallery, prompts, article, stop, own, judge)
        self._captions, self._at_once = CaptionWriter(model, prompts, gallery, stop), max(1, model.capabilities.at_once)
        self._searched: dict[str, Reading] = {}  # all paragraphs, as their own words say
        self._readings: dict[str, Reading] = {}  # those that the model reads, or has read
        self._read_places: list[str] = []  # that the model has read
        self._chosen: list[str] = []  # places that have a picture of this run
        self._model_works = True
        self._failures: set[str] = set()  # that were said

    # -- the steps -----------------------------------------------------------------------------------

    def steps(self) -> Iterator[tuple[Step, int, Iterator[Event]]]:
        """Name, units of work and events of each step, one after the other; steps without work are left out."""
        self.article = self.article.with_sections(
            [section if section.id in self._kept else _without_plan(section) for section in self.article]
        )
        self._reader.each_once(self.article)
        paragraphs = [section for section in self.article if section.illustratable]
        if self._pictures == 0:
            return
        if not paragraphs:
            yield "retrieve", 0, iter([Notice(NothingToIllustrate())])
            return
        free = [s for s in paragraphs if s.illustration is None and s.id not in self._kept]
        yield "retrieve", len(free), self._search(free)
        if self._readings and not self._stop.is_set():
            yield "spot", len(self._readings), self._read()
        if self._readings and not self._stop.is_set():
            yield "select", 0, self._choose(paragraphs)
        if self._chosen and self._captions.sees and not self._stop.is_set():
            yield "caption", len(self._chosen), self._caption()

    def _failed(self, error: ReadableError) -> Iterator[Notice]:
        """A gallery that fails in one step fails in the next as well: said once."""
        if (said := error.text()) not in self._failures:
            self._failures.add(said)
            yield Notice(error)

    def _search(self, paragraphs: Sequence[Section]) -> Iterator[Event]:
        """What the gallery has for the paragraphs' own words."""
        nouns = min(MOST_NOUNS, max(FEWEST_NOUNS, SEARCHES // len(paragraphs)))
        for done, section in enumerate(paragraphs, 1):
            if self._stop.is_set():
                return
            try:
                self._readings[section.id] = self._searched[section.id] = self._reader.search(section, nouns)
            except ReadableError as error:
                yield from self._failed(error)
                return  # the other paragraphs would wait for the same failure
            yield StepProgress("retrieve", done, len(paragraphs))

    def _read(self) -> Iterator[Event]:
        """The model reads the paragraphs, the most promising first, so that a sure picture stands soon; not all where
        those read have enough sure pictures, or where there are many."""
        wanted = self._pictures
        if wanted is None:
            wanted = automatic_count([width(section.text) for section in self.article if section.illustratable])
            wanted = max(wanted, len(self._own))
        places = list(self._readings)
        widths = [width(self.article.section(place).text) for place in places]
        promises = [self._readings[place].promise for place in places]
        left = [places[number] for number in most_promising(widths, promises, max(wanted + SPARE, FEWEST_READ))]
        self._readings = {place: self._readings[place] for place in left}
        total = len(left)
        while left and not self._sure_of(wanted):
            place = left.pop(0)
            try:
                self._readings[place] = self._reader.read(self._readings[place])
            except ReadableError as error:
                self._model_works = False  # what the words say of the other paragraphs stays
                yield from self._failed(error)
                return
            if self._stop.is_set():
                return
            if (problem := self._reader.judge_problem) is not None:
                self._reader.judge_problem = None  # said once
                yield Notice(problem)
            self._read_places.append(place)
            if len(self._read_places) == 1:
                yield from self._show_at_once(place)
            yield StepProgress("spot", total - len(left), total)
        for place in self._readings:
            if place not in self._read_places:
                self._readings[place] = replace(self._readings[place], candidates=())

    def _sure_of(self, wanted: int) -> bool:
        """Whether the paragraphs that were read have as many sure pictures as are wanted, with text between them."""
        sure = [place for place in self._read_places if self._readings[place].fit >= SURE]
        if len(sure) < wanted:
            return False
        paragraphs = [section for section in self.article if section.illustratable]
        picks = self._picks(paragraphs, self._options(paragraphs))
        places = sorted({*picks, *self._fixed(paragraphs)})
        apart = all(after - before > 1 for before, after in itertools.pairwise(places))
        surely = all((picture.fit or 0.0) >= SURE for picture in picks.values())
        return len(places) >= wanted and surely and (apart or 2 * wanted > len(paragraphs))

    def _show_at_once(self, place: str) -> Iterator[Event]:
        candidates = self._readings[place].candidates
        unused = [c for c in candidates if c.id not in self.article.used_pictures]
        if self._own:
            return  # which of their pictures stands where, all paragraphs say together
        if unused and (unused[0].fit or 0.0) >= SURE:
            yield from self._put(place, unused[0])

    def _fixed(self, paragraphs: Sequence[Section]) -> list[int]:
        """Numbers of the paragraphs that have a picture already."""
        return [number for number, section in enumerate(paragraphs) if self._has_picture(section.id)]

    def _options(self, paragraphs: Sequence[Section]) -> list[list[Candidate]]:
        """For each paragraph the pictures that could stand there."""
        used = self.article.used_pictures
        return [
            [c for c in self._readings[section.id].candidates if c.id not in used]
            if section.id in self._readings and not self._has_picture(section.id)
            else []
            for section in paragraphs
        ]

    def _picks(self, paragraphs: Sequence[Section], options: Sequence[Sequence[Candidate]]) -> dict[int, Candidate]:
        """The person's own pictures, and between them the gallery's."""
        widths, fixed = [width(section.text) for section in paragraphs], self._fixed(paragraphs)
        own: dict[int, Candidate] = {}
        if self._own:
            most = len(paragraphs) if self._pictures is None else self._pictures
            best = [max((c.fit or 0.0 for c in each), default=0.0) for each in options]
            own = place_own(widths, self._own_options(paragraphs), most, fixed=fixed, others=best)
        # where the number is automatic, it is that of the gallery's: a person's own come on top
        counted = [*fixed, *own] if self._pictures is not None else fixed
        others = choose_pictures(
            widths,
            [[] if place in own else each for place, each in enumerate(options)],
            self._pictures,
            same=same_subject,
            worth=FITS,
            fixed=counted,
            taken=[*self._shown(), *own.values()],
        )
        return own | others

    def _own_options(self, paragraphs: Sequence[Section]) -> list[list[Candidate]]:
        """For each paragraph the person's own pictures, those that stand already left out."""
        used = self.article.used_pictures
        return [
            [c for c in self._reading(section.id).own if c.id not in used]
            if section.id in self._searched and not self._has_picture(section.id)
            else []
            for section in paragraphs
        ]

    def _repeats(
        self, paragraphs: Sequence[Section], options: Sequence[Sequence[Candidate]], picks: dict[int, Candidate]
    ) -> dict[int, Candidate]:
        """Further pictures, where too few are left that show something else: weak, however well they fit."""
        found = choose_pictures(
            [width(section.text) for section in paragraphs],
            options,
            self._pictures,
            same=lambda one, other: one.id == other.id,
            worth=FITS,
            fixed=[*self._fixed(paragraphs), *picks],
            taken=[*self._shown(), *picks.values()],
        )
        return {number: replace(picture, fit=min(picture.fit or 0.0, REPEATED)) for number, picture in found.items()}

    def _shown(self) -> list[Candidate]:
        """The pictures that stand in the article."""
        return [s.illustration.chosen for s in self.article.illustrated if s.illustration and s.illustration.chosen]

    def _choose(self, paragraphs: Sequence[Section]) -> Iterator[Event]:
        fixed, options = self._fixed(paragraphs), self._options(paragraphs)
        picks = self._picks(paragraphs, options)
        wanted = 0 if self._pictures is None else min(self._pictures, len(paragraphs)) - len(fixed)
        if len(picks) < wanted:
            # paragraphs about one thing have found the same few pictures: those left without get what else there is
            known = {*self.article.used_pictures, *(c.id for each in options for c in each)}
            try:
                for number, section in enumerate(paragraphs):
                    if number not in picks and number not in fixed and section.id in self._readings:
                        others = self._reader.others(self._readings[section.id], known)
                        options[number] = [*options[number], *others]
                        known.update(c.id for c in others[:1])  # enough for each paragraph to have one of its own
            except ReadableError as error:
                yield from self._failed(error)
            picks = self._picks(paragraphs, options)
        if len(picks) < wanted:
            picks |= self._repeats(paragraphs, options, picks)
        places = tuple(s.id for n, s in enumerate(paragraphs) if n in picks or n in fixed)
        fits = {place: reading.fit for place, reading in self._readings.items()}
        yield PlacesFound(places, fits)
        for number, picture in sorted(picks.items()):
            yield from self._put(paragraphs[number].id, picture)
        self.article = self.article.with_sections([self._with_queries(section) for section in self.article])
        if self._pictures is not None and len(places) < self._pictures:
            yield Notice(FewerPlaces(places=len(places), asked=self._pictures))
        elif not places:
            yield Notice(NoPictureFits(gallery=self._gallery.name))

    def _caption(self) -> Iterator[Event]:
        """As many captions together as the model computes at once, so that the first are there soon."""
        places, done = sorted(self._chosen, key=self._position), 0
        while places and not self._stop.is_set():
            now, places = places[: self._at_once], places[self._at_once :]
            pairs = [(s, s.illustration) for s in map(self.article.section, now) if s.illustration is not None]
            captioned = [illustration for _section, illustration in pairs]
            if self._model_works:
                try:
                    captioned = self._captioned(pairs)
                except ReadableError as error:
                    self._model_works = False
                    yield Notice(error, now[0])
            for place, illustration in zip(now, captioned, strict=True):
                self.article, done = self.article.with_illustration(place, illustration), done + 1
                yield CaptionReady(place, illustration)
                yield StepProgress("caption", done, len(self._chosen))

    # -- one place -----------------------------------------------------------------------------------

    def _put(self, place: str, picture: Candidate) -> Iterator[Event]:
        try:
            illustration = self._illustration(place, picture)
        except ReadableError as error:  # its file cannot be had any more
            yield Notice(error, place)
            return
        self.article = self.article.with_illustration(place, illustration)
        self._chosen.append(place)
        yield PictureChosen(place, illustration)

    def _illustration(self, place: str, picture: Candidate | None) -> Illustration:
        """The picture with the other candidates, captioned by what it is called until the model has a better line.

        Raises RetrievalError or PictureError where the file of the picture cannot be had.
        """
        language = self.article.language
        reading = self._reading(place)
        others = [c for c in (*reading.candidates, *reading.further) if picture is None or c.id != picture.id]
        by_hand = picture is not None and picture.id in self._own
        if picture is None:
            return Illustration("", candidates=tuple(self._with_files(others[: self._offered])))
        picture = self._reader.with_file(picture)
        candidates = (picture, *self._with_files(others[: self._offered - 1]))
        name = plain_caption(picture, language, reading.paragraph.text)
        query = picture.evidence.query if picture.evidence else ""
        return Illustration(name, query=query, candidates=candidates, chosen=picture, by_hand=by_hand)

    def _reading(self, place: str) -> Reading:
        return self._readings.get(place) or self._searched[place]

    def _with_files(self, candidates: Sequence[Candidate]) -> Iterator[Candidate]:
        for each in candidates:
            try:
                yield self._reader.with_file(each)
            except ReadableError as error:
                log.warning("A candidate was left out: %s", error)

    def _captioned(self, pairs: Sequence[tuple[Section, Illustration]]) -> list[Illustration]:
        """The illustrations with the model's captions; who cannot see a picture is told what it shows. Raises what the
        model raises."""
        chosen = [(section, each.chosen) for section, each in pairs if each.chosen is not None]
        captions = self._captions.captions(self.article, chosen)
        return [
            replace(each, caption=caption, alt="" if caption == each.caption else each.caption)
            for (_section, each), caption in zip(pairs, captions, strict=True)
        ]

    def _has_picture(self, place: str) -> bool:
        return self.article.section(place).illustration is not None

    def _position(self, place: str) -> int:
        return next(number for number, section in enumerate(self.article) if section.id == place)

    def _with_queries(self, section: Section) -> Section:
        """A paragraph without a picture remembers what was looked for."""
        reading = self._readings.get(section.id)
        if reading is None or section.illustration is not None:
            return section
        return replace(section, looked_for=tuple(reading.looked_for))

    # -- what a person asks for at one place ----------------------------------------------------------

    def close(self) -> None:
        """Nothing is held."""

    def propose(self, section_id: str) -> Illustration:
        """An illustration for this place: read, searched and chosen by the model. Raises as `Composer.propose`."""
        sections = list(self.article)
        start = sections.index(self.article.section(section_id))
        near = [*sections[start:], *reversed(sections[:start])]  # a heading is illustrated by what follows it
        place = next((section for section in near if section.illustratable), None)
        if place is None:
            raise NothingToIllustrate()
        reading = self._reader.read(self._reader.search(place))
        used = self.article.used_pictures
        unused = [c for c in reading.candidates if c.id not in used]
        further = tuple(c for c in reading.further if c.id not in used)
        reading = replace(reading, candidates=tuple(unused), further=further)
        self._readings[place.id] = reading
        worth = [c for c in unused if (c.fit or 0.0) >= PERHAPS]
        illustration = self._illustration(place.id, worth[0] if worth else None)
        if illustration.chosen is None:
            return replace(illustration, caption=plain_caption(unused[0], self.article.language) if unused else "")
        return self._captioned([(place, illustration)])[0]

    def search(self, caption: str, language: Language, section_id: str) -> tuple[Candidate, ...]:
        """Candidates for a caption in `language`, translated where the gallery does not read it."""
        phrasings = [caption]
        if language not in self._gallery.query_languages:
            phrasings = list(dict.fromkeys((self._captions.in_english(caption), caption)))
        own = next((s.illustration for s in self.article if s.id == section_id), None)
        exclude = self.article.used_pictures - ({own.chosen.id} if own and own.chosen else set())
        return find_candidates(self._gallery, phrasings, count=self._offered, exclude=exclude)


def _without_plan(section: Section) -> Section:
    """The section without a picture that was planned before; what a person made stays."""
    if section.illustration is not None and not section.illustration.by_hand:
        section = replace(section, illustration=None)
    return replace(section, looked_for=())
