"""Search by meaning and by words, fused. Knows catalogue, index and encoder; no files, no folders.

Each phrasing of a wish gives up to three rankings: by vector, by full text, by single Chinese characters. They are
fused by weighted reciprocal rank: sum over the rankings of weight / (K + rank), after Cormack, Clarke and Büttcher
2009 (SIGIR), who use K = 60 for lists of a thousand; our lists are short, and a smaller K lets the first ranks count.
"""

import logging
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from retrieval.catalogue import Catalogue, Slots
from retrieval.encoders import Encoder, Vectors, encode_pictures, unit
from retrieval.fulltext import WIDER
from retrieval.records import Filters, Picture
from retrieval.vectors import VectorIndex
from retrieval.words import is_chinese

if TYPE_CHECKING:
    from PIL import Image

log = logging.getLogger(__name__)

RANK_CONSTANT = 10.0
DENSE_WEIGHT = 1.0
WORDS_WEIGHT = 1.0
CHARACTERS_WEIGHT = 0.3  # single Chinese characters: often a part of another word
DEPTH = 50  # pictures looked at in each ranking, at least
TWIN_BITS = 6  # of 64 in which two difference hashes of the same scene may differ
TWIN_COSINE = 0.97  # for encoders that look at the pixels

_TERM = re.compile(r"(?:^|(?<=\s))([+\-\u2212\u2013])\s+")  # a sign between blanks: "dog + beach - people"


@dataclass(frozen=True, slots=True)
class Wish:
    """A query taken apart: what should be there and what should not."""

    plus: tuple[str, ...]
    minus: tuple[str, ...] = ()


def parse(query: str) -> Wish:
    """ "dog + beach - people" -> plus (dog, beach), minus (people). Without such signs the query is one phrase."""
    parts = _TERM.split(query.strip())
    signed = list(zip(["+", *parts[1::2]], parts[0::2], strict=True))
    plus = tuple(text.strip() for sign, text in signed if sign == "+" and text.strip())
    minus = tuple(text.strip() for sign, text in signed if sign != "+" and text.strip())
    return Wish(plus, minus) if plus else Wish((query.strip(),))


def understood(phrasing: str, languages: Collection[str]) -> bool:
    """Whether an encoder of these query languages can read the phrasing."""
    return "zh" in languages or not is_chinese(phrasing)


def _in_rough_english(wish: Wish) -> Wish:
    return Wish(*(tuple(filter(None, (readable(p, ("en",)) for p in phrases))) for phrases in (wish.plus, wish.minus)))


def readable(text: str, languages: Collection[str]) -> str:
    """The text as an encoder of these languages can read it: itself, or in rough English; "" where that is nothing."""
    if understood(text, languages):
        return text
    from retrieval.glossary import in_english

    return in_english(text)


def placed(encoder: Encoder, caption: str, picture: "Callable[[], Image.Image]") -> Vectors:
    """Where an encoder that puts words first places a picture, (1, dim): by its caption, or by its pixels where it can
    read none."""
    text = readable(caption, encoder.query_languages)
    return encoder.encode_texts([text]) if text else encode_pictures(encoder, [picture()])


def fuse(rankings: Sequence[tuple[Sequence[int], float]], constant: float = RANK_CONSTANT) -> dict[int, float]:
    """Weighted reciprocal rank fusion of (items best first, weight); item -> score, best first."""
    scores: dict[int, float] = defaultdict(float)
    for items, weight in rankings:
        for rank, item in enumerate(items):
            scores[item] += weight / (constant + rank + 1)
    return dict(sorted(scores.items(), key=lambda entry: (-entry[1], entry[0])))


def wish_vectors(wishes: Sequence[Wish], encoder: Encoder, reading: Callable[[str], str] = str) -> list[Vectors]:
    """One vector (dim,) for each wish that the encoder can read: what is wanted less what is not.

    `reading` gives the encoder's version of a phrase.
    """
    languages = encoder.query_languages
    clear = [wish for wish in wishes if all(understood(p, languages) for p in (*wish.plus, *wish.minus))]
    if not clear:  # a phrasing in the encoder's own language says it better than a word-by-word translation
        clear = [wish for wish in (_in_rough_english(wish) for wish in wishes) if wish.plus]
    flat = [reading(phrase) for wish in clear for phrase in (*wish.plus, *wish.minus)]
    encoded = iter(encoder.encode_texts(flat))
    vectors = []
    for wish in clear:
        total = sum((next(encoded) for _ in wish.plus), np.zeros(encoder.dim, dtype=np.float32))
        total = total - sum((next(encoded) for _ in wish.minus), np.zeros(encoder.dim, dtype=np.float32))
        vectors.append(unit(total))
    return vectors


class Searcher:
    """Searches one catalogue. All calls may come from several threads; new pictures are seen at the next search."""

    def __init__(self, catalogue: Catalogue, dim: int, folder: Path | None = None) -> None:
        self._catalogue = catalogue
        self._dim = dim
        self.index = VectorIndex(dim, folder)
        self._refreshing = threading.Lock()
        self._rebuild: threading.Thread | None = None
        self._beside = ThreadPoolExecutor(4, thread_name_prefix="gallery-words")
        self.refresh()

    def close(self) -> None:
        """Ends the search: waits for what is going on; nothing can be searched afterwards."""
        self.wait()
        self._beside.shutdown()

    def wait(self) -> None:
        """Waits for a rebuild that is going on."""
        if self._rebuild is not None:
            self._rebuild.join()

    def refresh(self) -> None:
        """Takes in what was stored since the last time, by this process or another."""
        if not self.index.reload() and self._catalogue.newest_slot() <= self.index.last_slot:
            return
        with self._refreshing:
            while True:
                after = self.index.last_slot
                slots, vectors = self._catalogue.vectors_after(after, self._dim, limit=50_000)
                if not len(slots):
                    break
                self.index.add(slots, vectors, after)

    def rebuild_if_wanted(self) -> None:
        """Starts making a new index file in the background where the old one has fallen behind."""
        alive = self._catalogue.counts()["vectors"]
        if self.index.folder is None or not self.index.rebuild_wanted(alive):
            return
        if self._rebuild is None or not self._rebuild.is_alive():
            self._rebuild = threading.Thread(target=self._rebuild_beside, name="gallery-rebuild")
            self._rebuild.start()

    def _rebuild_beside(self) -> None:
        try:
            self.rebuild()
        except OSError as error:  # searches stay exact for what the file does not hold
            log.warning("The index in '%s' could not be written: %s", self.index.folder, error)

    def rebuild(self) -> None:
        """Makes a new index file now. Raises OSError."""
        self.index.build(lambda: self._catalogue.chunks(self._dim), self._catalogue.counts()["vectors"])
        self.refresh()

    # -- searching ---------------------------------------------------------------------------------

    def by_text(
        self,
        phrasings: Sequence[str],
        encoder: Encoder,
        k: int,
        excluded: Collection[int] = (),
        filters: Filters | None = None,
        reading: Callable[[str], str] = str,
    ) -> list[tuple[Picture, float]]:
        """The k best pictures for several phrasings of one wish. `reading` gives the encoder's version of a phrase."""
        pictures = self._catalogue.by_numbers
        scores = self.scores(phrasings, encoder, max(DEPTH, 4 * k), excluded, filters, reading)
        ranked = list(scores.items())[: max(4 * k, 20)]
        found = pictures([number for number, _ in ranked])
        return self._varied([(found[n], score) for n, score in ranked if n in found], not encoder.words_first)[:k]

    def scores(
        self,
        phrasings: Sequence[str],
        encoder: Encoder,
        depth: int,
        excluded: Collection[int] = (),
        filters: Filters | None = None,
        reading: Callable[[str], str] = str,
    ) -> dict[int, float]:
        """number -> fused score, best first."""
        self.refresh()
        wishes = [parse(phrasing) for phrasing in phrasings]
        # SQLite and FAISS both let other threads run meanwhile
        words = self._beside.submit(self._word_rankings, wishes, depth, excluded, filters)
        rankings: list[tuple[list[int], float]] = []
        for vector in wish_vectors(wishes, encoder, reading):
            near = self._nearest(vector, depth, excluded, filters)
            rankings.append(([number for number, _ in near], DENSE_WEIGHT))
        return fuse(rankings + words.result())

    def _word_rankings(
        self, wishes: Sequence[Wish], depth: int, excluded: Collection[int], filters: Filters | None
    ) -> list[tuple[list[int], float]]:
        rankings: list[tuple[list[int], float]] = []
        for wish in wishes:
            unwanted = {n for phrase in wish.minus for n in self._catalogue.find_words(phrase, 10_000)[0]}
            barred = {*excluded, *unwanted}
            strong, weak = self._catalogue.find_words(" ".join(wish.plus), depth + len(barred), filters)
            rankings.append(([n for n in strong if n not in barred][:depth], WORDS_WEIGHT))
            rankings.append(([n for n in weak if n not in barred][:depth], CHARACTERS_WEIGHT))
        return rankings

    def by_vector(
        self, vector: Vectors, k: int, excluded: Collection[int] = (), filters: Filters | None = None
    ) -> list[tuple[Picture, float]]:
        """The k pictures nearest to a vector (dim,), with their cosine."""
        self.refresh()
        near = self._nearest(vector, max(4 * k, 20), excluded, filters)
        found = self._catalogue.by_numbers([number for number, _ in near])
        return self._varied([(found[n], score) for n, score in near if n in found], looks=False)[:k]

    def like(
        self, picture: Picture, k: int, excluded: Collection[int] = (), filters: Filters | None = None
    ) -> list[tuple[Picture, float]]:
        """The k pictures nearest to one of the catalogue."""
        assert picture.number is not None
        own = self._catalogue.vectors_of([picture.number], self._dim).get(picture.number)
        return [] if own is None else self.by_vector(unit(own.mean(0)), k, excluded, filters)

    def _nearest(
        self, vector: Vectors, depth: int, excluded: Collection[int], filters: Filters | None
    ) -> list[tuple[int, float]]:
        """The `depth` pictures nearest to a vector (dim,) that pass the filters, as (number, cosine), best first."""
        if filters is None or not filters.where()[0]:
            return self._nearest_of(vector, depth, excluded, None)
        # most filters keep many pictures, and then enough of the nearest: to look up all that pass takes far longer
        wide = self._nearest_of(vector, WIDER * depth, excluded, None)
        passing = self._catalogue.passing([number for number, _ in wide], filters)
        kept = [entry for entry in wide if entry[0] in passing]
        if len(kept) >= depth:
            return kept[:depth]
        return self._nearest_of(vector, depth, excluded, self._catalogue.allowed_slots(filters))

    def _nearest_of(
        self, vector: Vectors, depth: int, excluded: Collection[int], allowed: Slots | None
    ) -> list[tuple[int, float]]:
        """The same among the pictures of the allowed slots, each picture once."""
        manifest = self.index.manifest
        rerank = manifest is not None and manifest.rerank
        wanted = (depth + len(excluded)) * (8 if rerank else 1)
        while True:
            found = self.index.search(vector, wanted, allowed)
            owners = self._catalogue.numbers_of_slots([slot for slot, _ in found])
            best: dict[int, float] = {}
            for slot, cosine in found:
                number = owners.get(slot)
                if number is not None and number not in excluded:
                    best.setdefault(number, cosine)
            if len(best) >= depth or len(found) < wanted:
                break
            wanted *= 4  # many slots of the same picture, or of pictures that are gone
        if rerank:
            exact = self._catalogue.vectors_of(list(best), self._dim)
            best = {number: float((vectors @ vector).max()) for number, vectors in exact.items()}
            best = dict(sorted(best.items(), key=lambda entry: -entry[1]))
        return list(best.items())[:depth]

    def _varied(self, ranked: list[tuple[Picture, float]], looks: bool) -> list[tuple[Picture, float]]:
        """Near-twins of a better picture behind everything else: by difference hash, with `looks` also by vector."""
        own = (
            self._catalogue.vectors_of([p.number for p, _ in ranked if p.number is not None], self._dim)
            if looks
            else {}
        )
        first: list[tuple[Picture, float]] = []
        later: list[tuple[Picture, float]] = []
        for picture, score in ranked:
            twin = any(_twins(picture, other, own) for other, _ in first)
            (later if twin else first).append((picture, score))
        return first + later


def _twins(one: Picture, other: Picture, vectors: dict[int, Vectors]) -> bool:
    if one.phash is not None and other.phash is not None and differing_bits(one.phash, other.phash) <= TWIN_BITS:
        return True
    mine, theirs = vectors.get(one.number or 0), vectors.get(other.number or 0)
    return mine is not None and theirs is not None and float((mine @ theirs.T).max()) >= TWIN_COSINE


def differing_bits(one: int, other: int) -> int:
    """In how many of 64 bits two signed hashes differ."""
    return ((one ^ other) & 0xFFFF_FFFF_FFFF_FFFF).bit_count()
