"""Reading a paragraph for pictures: what could be shown, what the gallery has of it, what the model thinks of that."""

import math
import threading
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from common.errors import ReadableError
from common.messages import _
from composer import blocks, inline
from composer.article import Article, Candidate, Section
from composer.errors import PictureError
from composer.illustrating.evidence import (
    Paragraph,
    TextVectors,
    gather,
    grounded,
    name_in,
    promise,
    same_subject,
)
from composer.illustrating.fit import fit
from composer.illustrating.material import OwnPictures
from composer.illustrating.mentions import given_names
from composer.illustrating.nouns import Words, content_words, deeds, in_english, nouns, participles, things_in
from composer.illustrating.queries import (
    MOST_NOUNS,
    MOST_THINGS,
    SEPARATORS,
    Query,
    paragraph_queries,
    things,
    title_queries,
)
from composer.models import KeepsBeginnings, Message, Model, Picture, Sampling, assistant
from composer.prompts import RatesPictures
from composer.writing import is_other_language
from retrieval.base import FindsMany, Hit, PictureGallery

PICTURES_A_QUERY = 4
RATED = 4  # candidates of a paragraph that the model is asked about, at most
RATED_OWN = 3  # of the person's own pictures, at most
SURE = 0.75  # fit from which a picture will do: the paragraph's other candidates are not asked about
WORTH_ASKING = 0.4  # `promise` below which a candidate is not asked about
# Where none of a paragraph's first candidates fits better, the others, which promised less, do not either.
HOPELESS, HOPELESS_AFTER = 0.2, 2
_ANSWER = Sampling(max_tokens=16, repetition_penalty=1.1, stop=("\n",))


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of a paragraph and its candidates so far."""

    paragraph: Paragraph
    found: tuple[tuple[Query, tuple[Hit, ...]], ...]
    candidates: tuple[Candidate, ...] = ()  # the best first: by promise, and by fit once the model was asked
    further: tuple[Candidate, ...] = ()  # that the model was not asked about, because another one is sure
    own: tuple[Candidate, ...] = ()  # all pictures that the person gave for the article, the best first

    @property
    def promise(self) -> float:
        """How much speaks for the best candidate before the model is asked."""
        return max((promise(c.evidence) for c in (*self.candidates, *self.own) if c.evidence), default=0.0)

    @property
    def fit(self) -> float:
        """Of the best candidate, 0..1."""
        return self.candidates[0].fit or 0.0 if self.candidates else 0.0

    @property
    def looked_for(self) -> list[str]:
        """What the gallery was searched with: the things that the model named, else the paragraph's own first words."""
        named = [query.text for query, _hits in self.found if query.named]
        return named or [query.text for query, _hits in self.found][:MOST_THINGS]


class ParagraphReader:
    """Reads the paragraphs of one article. Without a model only the words decide."""

    def __init__(
        self,
        model: Model | None,
        gallery: PictureGallery,
        prompts: RatesPictures,
        article: Article,
        stop: threading.Event,
        own: OwnPictures | None = None,
        judge: Model | None = None,
    ) -> None:
        """judge: says in the model's place whether a picture fits; one that sees helps a model that does not."""
        self._judge = judge
        self.judge_problem: ReadableError | None = None  # why the judge was given up and the model judges itself
        self._model, self._gallery, self._prompts, self._article, self._stop = model, gallery, prompts, article, stop
        self._own = own
        self._names = given_names(" ".join(map(blocks.words, article)))
        self._begun = False
        self._hits: dict[str, tuple[Hit, ...]] = {}  # by query: neighbouring paragraphs speak of the same things
        self._vectors = TextVectors()
        self._sure: list[Candidate] = []  # of the paragraphs read so far
        self._each_once = False
        # of a text in another language nothing is known but what the model names in English
        self._is_foreign = is_other_language(" ".join(map(blocks.words, article)))
        title = "" if self._is_foreign else inline.plain(article.title)
        # a gallery that counts searches is asked for what the model names and for the title, not for every noun
        few_searches = bool(getattr(gallery, "few_searches", False))
        self._searches_own_words = not (few_searches or self._is_foreign)
        self._title = [] if self._is_foreign else title_queries(article)
        # all of them: "The lighthouse keeper" is an article about a lighthouse
        titled = nouns(title, article.language)
        parts = [part for noun in titled for part in things_in(noun)]  # a match of football shows a football
        things_titled = (*content_words(title), *participles(title), *titled, *parts)
        self._title_words = Words(frozenset(things_titled), english=in_english(titled), deeds=deeds(title))

    def each_once(self, article: Article) -> None:
        """From now on nothing is asked about that shows what stands in `article` or surely fits a paragraph already
        read: an article shows a thing once."""
        self._article, self._each_once = article, True
        self._sure = [s.illustration.chosen for s in article.illustrated if s.illustration and s.illustration.chosen]

    def search(self, section: Section, most: int = MOST_NOUNS) -> Reading:
        """What the gallery has for the paragraph's own words, the first `most` of them. Raises RetrievalError."""
        text, article = blocks.words(section), self._article
        names = self._names | given_names(text)
        paragraph = Paragraph(section.id, text, article.language, article.title, names, self._is_foreign)
        most = most if self._searches_own_words else 0
        queries = paragraph_queries(paragraph.nameless, paragraph.language, (), most)
        return self._gathered(paragraph, [*queries, *(q for q in self._title if q not in queries)])

    def read(self, reading: Reading) -> Reading:
        """The reading with the things that the model names, and its opinion of the best candidates.

        Raises what model and gallery raise.
        """
        if self._model is None:
            return replace(reading, candidates=_by_fit(reading.candidates), own=_by_fit(reading.own))
        asked = self._prompts.things(reading.paragraph.text)
        if not self._begun and isinstance(self._model, KeepsBeginnings):
            self._model.begin_with(asked[:-1])
        self._begun = True
        answer = self._named(asked)
        if self._stop.is_set():
            return reading
        paragraph = reading.paragraph
        named = things(answer)
        if not self._is_foreign:
            own = [*paragraph_queries(paragraph.nameless, paragraph.language, ()), *self._title]
            named = grounded(named, paragraph, own, self._vectors)
        most = MOST_NOUNS if self._searches_own_words else 0
        queries = paragraph_queries(paragraph.nameless, paragraph.language, named, most)
        known = {query.text for query in queries}
        reading = self._gathered(paragraph, [*queries, *(q for q in self._title if q.text not in known)])
        try:
            return self._rated(reading, [*asked, assistant(answer)])
        except ReadableError as error:
            if self._judge is None:
                raise
            self._judge, self.judge_problem = None, error
            return self._rated(reading, [*asked, assistant(answer)])

    def _named(self, asked: Sequence[Message]) -> str:
        """The model's answer, as far as the things go that it was asked for: what comes later is guessed."""
        assert self._model is not None
        answer = ""
        for piece in self._model.stream(asked, _ANSWER, stop=self._stop):
            answer += piece
            parts = SEPARATORS.split(answer)
            if len(parts) > MOST_THINGS:
                return ", ".join(part.strip() for part in parts[:MOST_THINGS])
        return answer

    def others(self, reading: Reading, used: Collection[str]) -> list[Candidate]:
        """Further pictures for a paragraph, none of `used`, judged by their words alone. Raises RetrievalError."""
        queries = [query for query, _ in reading.found if query.named] or [query for query, _ in reading.found]
        found = [(q, self._gallery.search(q.text, k=PICTURES_A_QUERY, exclude=used)) for q in queries[:MOST_THINGS]]
        candidates = gather(reading.paragraph, found, self._title_words, self._vectors)
        return list(_weighed(candidates))

    def _gathered(self, paragraph: Paragraph, queries: Sequence[Query]) -> Reading:
        self._search([query.text for query in queries if query.text not in self._hits])
        found = tuple((query, self._hits[query.text]) for query in queries)
        candidates = gather(paragraph, found, self._title_words, self._vectors)
        own: list[Candidate] = []
        if self._own is not None:
            given = zip(queries, self._own.find([query.text for query in queries]), strict=True)
            own = gather(paragraph, list(given), self._title_words, self._vectors)
        return Reading(paragraph, found, _weighed(candidates), own=_weighed(own))

    def _search(self, queries: Sequence[str]) -> None:
        gallery = self._gallery
        if isinstance(gallery, FindsMany):
            found = gallery.find_many(queries, k=PICTURES_A_QUERY)
        else:
            found = [gallery.search(query, k=PICTURES_A_QUERY) for query in queries]
        self._hits.update(zip(queries, map(tuple, found), strict=True))

    def with_file(self, candidate: Candidate) -> Candidate:
        """The candidate with its picture file. Raises RetrievalError, PictureError where there is none."""
        if candidate.path:
            return candidate
        try:
            return replace(candidate, path=self._gallery.get(candidate.id).path)
        except KeyError as error:
            raise PictureError(
                name=candidate.caption or candidate.id, reason=_("it is no longer in the gallery")
            ) from error

    def _rated(self, reading: Reading, asked: Sequence[Message]) -> Reading:
        """The reading with the model's opinion of the candidates that are worth asking about."""
        assert self._model is not None
        eyes = self._judge or self._model
        looks = eyes.capabilities.sees_pictures and eyes.capabilities.max_pictures > 0
        language = reading.paragraph.language
        own, worth = (
            [
                each
                for each in candidates
                if each.evidence
                and promise(each.evidence) >= WORTH_ASKING
                and (looks or name_in(each.caption, language))
            ]
            for candidates in (reading.own, reading.candidates)
        )
        own = [each for each in own if each.id not in self._article.used_pictures][:RATED_OWN]
        if self._each_once and self._sure:
            self._vectors([name for each in worth if (name := name_in(each.caption, "en"))])  # all at once
        shown = [each for each in worth if self._is_shown(each)]
        worth = [each for each in worth if each not in shown][:RATED]
        rated: list[Candidate] = []
        with eyes.prefix(asked) as ask:

            def opinions(candidates: Sequence[Candidate]) -> Iterator[Candidate]:
                for each in candidates:
                    if self._stop.is_set():
                        return
                    picture = Picture.open(self.with_file(each).path) if looks else None
                    choice = self._prompts.fits(name_in(each.caption, language), picture)
                    yes, no = ask.score(choice.messages, choice.options)
                    yield _believed(each, yes - no)

            believed = {each.id: each for each in opinions(own)}
            reading = replace(reading, own=_by_fit([believed.get(each.id, each) for each in reading.own]))
            if not any(_fit(each) >= SURE for each in believed.values()):  # else one of them will stand here
                for each in opinions(worth):
                    rated.append(each)
                    hopeless = len(rated) >= HOPELESS_AFTER and max(_fit(c) for c in rated) < HOPELESS
                    if self._will_do(each) or hopeless:
                        break
        # what was not asked about had less to say for itself than what was, or stands elsewhere
        further = (*worth[len(rated) :], *shown[: RATED - len(worth)])
        return replace(reading, candidates=_by_fit(rated), further=further)

    def _is_shown(self, candidate: Candidate) -> bool:
        """Whether there is no use in asking about a picture, since it, or one of the same thing, stands elsewhere."""
        if candidate.id in self._article.used_pictures:
            return True
        return self._each_once and any(same_subject(candidate, other, self._vectors) for other in self._sure)

    def _will_do(self, candidate: Candidate) -> bool:
        """Whether the paragraph needs no other picture: this one fits, and nothing like it was found for another."""
        if _fit(candidate) < SURE or any(same_subject(candidate, o, self._vectors) for o in self._sure):
            return False
        self._sure.append(candidate)
        return True


def _believed(candidate: Candidate, odds: float) -> Candidate:
    """The candidate with the model's opinion. odds: the logarithm of Yes over No."""
    assert candidate.evidence is not None
    evidence = replace(candidate.evidence, yes=round(1 / (1 + math.exp(min(-odds, 50.0))), 4))
    return replace(candidate, evidence=evidence, fit=fit(evidence))


def _weighed(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """With their fit as far as the words go."""
    return tuple(replace(c, fit=fit(c.evidence)) for c in candidates if c.evidence)


def _fit(candidate: Candidate) -> float:
    return candidate.fit or 0.0


def _by_fit(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    return tuple(sorted(candidates, key=lambda c: (-_fit(c), c.id)))
