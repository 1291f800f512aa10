"""Search by meaning and by words, fused. Knows catalogue, index and encoder; no files, no folders.

Each phrasing of a query gives up to four rankings: by vector, by full text, by single Chinese characters, and by what
things are called in the other language.
"""

import logging
import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from retrieval.encoders import Encoder, Vectors, read_dictionary, unit
from retrieval.index.catalogue import Catalogue, Slots
from retrieval.index.fulltext import WIDER, find_all_words, find_captions, find_names
from retrieval.index.fusion import Colours, fuse, near_duplicates
from retrieval.index.likely import exactly, judged
from retrieval.index.query import Query, in_both_languages, other_language, parse_query, query_vectors
from retrieval.index.vectors import VectorIndex
from retrieval.records import Filters, Picture

log = logging.getLogger(__name__)

DENSE_WEIGHT = 1.0
WORDS_WEIGHT = 1.0
CHARACTERS_WEIGHT = 0.3  # single Chinese characters: often a part of another word
NAMES_WEIGHT = 0.5  # names in the other language: a dictionary knows meanings that are not meant
MOST_UNWANTED = 10_000
MOST_SLOTS = 8  # of a picture, that are looked at from the beginning
DEPTH = 50  # pictures looked at in each ranking, at least
POOL = 48  # the best of the rankings together, which a search looks at again


class Searcher:
    """Searches one catalogue. All calls may come from several threads; new pictures are seen at the next search."""

    def __init__(
        self,
        catalogue: Catalogue,
        dim: int,
        folder: Path | None = None,
        *,
        both_languages: bool = False,
        colours: Colours | None = None,
    ) -> None:
        """`both_languages`: Chinese queries find English words and the other way round, by the dictionary. `colours`
        tells near-duplicates from pictures that have the same hash only."""
        self._catalogue = catalogue
        self._both_languages = both_languages
        self._dim = dim
        self._colours = colours
        self.index = VectorIndex(dim, folder)
        self._slots_a_picture = 1  # as many are looked at as the searches until now needed
        self._refreshing = threading.Lock()
        self._rebuild: threading.Thread | None = None
        self._beside = ThreadPoolExecutor(4, thread_name_prefix="gallery-words")
        if both_languages:
            read_dictionary()
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
    ) -> list[tuple[Picture, float, bool]]:
        """The k best pictures for several phrasings of one query, with whether each is a likely one; what is called so
        word by word comes first. The answer for k is the beginning of that for more."""
        called = exactly(phrasings)

        def page(barred: Collection[int]) -> list[tuple[Picture, float, bool]]:
            scores = dict(list(self.scores(phrasings, encoder, DEPTH, barred, filters).items())[:POOL])
            # a caption among many tags may lie behind the rankings' best
            exact = find_captions(self._catalogue.connection, phrasings, POOL + len(barred), filters)
            scores |= {number: max(scores.values(), default=0.0) for number in exact if number not in barred}
            pictures = self._catalogue.by_numbers(list(scores))
            found = [(pictures[number], score) for number, score in scores.items() if number in pictures]
            first = {picture.number for picture in pictures.values() if called(picture)}
            known = [
                (picture, score, likely or picture.number in first)
                for picture, score, likely in judged(self._catalogue, phrasings, found, encoder)
            ]
            known.sort(key=lambda each: (each[0].number not in first, not each[2]))
            duplicate = self._near_duplicates([picture for picture, *_ in known], not encoder.words_first)
            order = sorted(range(len(known)), key=lambda place: (not known[place][2], duplicate[place]))
            return [known[place] for place in order]

        return _paged(page, k, {*excluded, *self._unwanted(*map(parse_query, phrasings))})

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
        queries = [parse_query(phrasing) for phrasing in phrasings]
        # SQLite and FAISS both let other threads run meanwhile
        words = self._beside.submit(self._word_rankings, queries, depth, excluded, filters)
        names = None
        if self._both_languages and not in_both_languages(phrasings):
            names = self._beside.submit(self._name_rankings, queries, depth, excluded, filters)
        rankings: list[tuple[list[int], float]] = []
        for vector in query_vectors(queries, encoder, reading):
            near = self._nearest(vector, depth, excluded, filters)
            rankings.append(([number for number, _ in near], DENSE_WEIGHT))
        return fuse(rankings + words.result() + (names.result() if names else []))

    def _word_rankings(
        self, queries: Sequence[Query], depth: int, excluded: Collection[int], filters: Filters | None
    ) -> list[tuple[list[int], float]]:
        rankings: list[tuple[list[int], float]] = []
        for query in queries:
            barred = {*excluded, *self._unwanted(query)}
            strong, weak = self._catalogue.find_words(" ".join(query.plus), depth + len(barred), filters)
            rankings.append(([n for n in strong if n not in barred][:depth], WORDS_WEIGHT))
            rankings.append(([n for n in weak if n not in barred][:depth], CHARACTERS_WEIGHT))
        return rankings

    def _name_rankings(
        self, queries: Sequence[Query], depth: int, excluded: Collection[int], filters: Filters | None
    ) -> list[tuple[list[int], float]]:
        """Rankings by what things are called in the other language."""
        rankings: list[tuple[list[int], float]] = []
        for query in queries:
            barred = {*excluded, *self._unwanted(query)}
            things = [names for phrase in query.plus for names in other_language(phrase)]
            found = find_names(self._catalogue.connection, things, depth + len(barred), filters)
            rankings.append(([n for n in found if n not in barred][:depth], NAMES_WEIGHT))
        return rankings

    def _unwanted(self, *queries: Query) -> set[int]:
        """Pictures that have a thing which a query excludes, by all its words, in either language where that counts."""
        unwanted: set[int] = set()
        for phrase in (phrase for query in queries for phrase in query.minus):
            unwanted.update(find_all_words(self._catalogue.connection, phrase, MOST_UNWANTED))
            if self._both_languages:
                unwanted.update(find_names(self._catalogue.connection, other_language(phrase), MOST_UNWANTED, None))
        return unwanted

    def by_vector(
        self, vector: Vectors, k: int, excluded: Collection[int] = (), filters: Filters | None = None
    ) -> list[tuple[Picture, float]]:
        """The k pictures nearest to a vector (dim,), with their cosine, near-duplicates behind the others. The answer
        for k is the beginning of that for more."""
        self.refresh()

        def page(barred: Collection[int]) -> list[tuple[Picture, float]]:
            near = self._nearest(vector, POOL, barred, filters)
            found = self._catalogue.by_numbers([number for number, _ in near])
            ranked = [(found[number], score) for number, score in near if number in found]
            duplicate = self._near_duplicates([picture for picture, _ in ranked], looks=False)
            return [ranked[place] for place in sorted(range(len(ranked)), key=duplicate.__getitem__)]

        return _paged(page, k, excluded)

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
        wanted = (depth + len(excluded)) * (8 if rerank else 1) * self._slots_a_picture
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
            wanted *= 2  # many slots of the same picture, or of pictures that are gone
            self._slots_a_picture = min(2 * self._slots_a_picture, MOST_SLOTS)
        if rerank:
            exact = self._catalogue.vectors_of(list(best), self._dim)
            best = {number: float((vectors @ vector).max()) for number, vectors in exact.items()}
            best = dict(sorted(best.items(), key=lambda entry: -entry[1]))
        return list(best.items())[:depth]

    def _near_duplicates(self, pictures: Sequence[Picture], looks: bool) -> list[bool]:
        """Which pictures, best first, are like a better one. `looks`: the encoder sees pixels, so that vectors tell
        pictures apart as hashes do."""
        numbers = [picture.number for picture in pictures if picture.number is not None]
        vectors = self._catalogue.vectors_of(numbers, self._dim) if looks else {}
        return near_duplicates(pictures, vectors, self._colours)


def _paged(page: Callable[[Collection[int]], Sequence[Any]], k: int, excluded: Collection[int]) -> list[Any]:
    """The first k of what `page` gives without the pictures that came before, each with its picture first. How many
    are wanted changes no page: whoever asks for more gets what he has, and more."""
    found: list[Any] = []
    barred = set(excluded)
    while len(found) < k and (more := page(barred)):
        found += more
        barred.update(picture.number for picture, *_ in more)
    return found[:k]
