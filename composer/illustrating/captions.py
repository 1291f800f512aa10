"""What the pictures of an article show: for each place a search phrase, and the caption that goes with it."""

import threading
from collections.abc import Sequence
from dataclasses import replace

from composer.article import Article, Illustration
from composer.illustrating.shared import SharedArticle
from composer.models import Message, Replier, Sampling
from composer.writing import alike, clean_caption, clean_query, detect_language, from_text
from retrieval.base import PictureGallery

TRIES = 2  # to get another answer than an earlier picture's, before the same thing may be shown twice
_LINE = Sampling(max_tokens=64, stop=("\n",))
_PHRASE = Sampling(max_tokens=24, stop=("\n",))


class CaptionWriter:
    """Asks the model for search phrases and captions. Of the gallery it knows only the languages that it reads."""

    def __init__(self, shared: SharedArticle, gallery: PictureGallery, stop: threading.Event) -> None:
        self._shared, self._gallery, self._stop = shared, gallery, stop

    def illustrations(self, article: Article, places: Sequence[str]) -> list[Illustration]:
        """What the pictures at these places show; nothing that the article shows already. Raises what the model
        raises."""
        taken = [s.illustration.query or s.illustration.caption for s in article.illustrated if s.illustration]
        written = []
        for part_places in self._shared.by_part(places):
            part, ask = self._shared.about(part_places[0])
            sections = [part.section(place) for place in part_places]
            asked = [self._shared.prompts.query(part, section, taken) for section in sections]
            answers = ask.reply(asked, _PHRASE, stop=self._stop)
            queries: list[str] = []
            for question, answer, section in zip(asked, answers, sections, strict=True):
                query = self._different(ask, question, clean_query(answer), [*taken, *queries])
                queries.append(query or from_text(section.text, article.language))
            asked = [self._shared.prompts.caption(part, s, q, taken) for s, q in zip(sections, queries, strict=True)]
            answers = ask.reply(asked, _LINE, stop=self._stop) if all(asked) else queries
            for query, answer in zip(queries, answers, strict=True):
                caption = clean_caption(answer, article.language) or query
                written.append(Illustration(caption, query=self.in_english(query)))
        return written

    def in_english(self, phrase: str) -> str:
        """The phrase in English where the gallery reads English and not the phrase's language."""
        languages = self._gallery.query_languages
        if self._stop.is_set() or "en" not in languages or detect_language(phrase) in languages:
            return phrase
        (answer,) = self._shared.model.reply([self._shared.prompts.translate(phrase)], _PHRASE, stop=self._stop)
        return clean_query(answer) or phrase

    def _different(self, ask: Replier, question: Sequence[Message], query: str, taken: Sequence[str]) -> str:
        """The query, or another answer to the question where it means the same as one of `taken`."""
        for attempt in range(TRIES):
            if self._stop.is_set() or not any(alike(query, other) for other in taken):
                break
            (answer,) = ask.reply([question], replace(_PHRASE, temperature=1.0, seed=attempt), stop=self._stop)
            query = clean_query(answer) or query
        return query


def without_model(article: Article, place: str) -> Illustration:
    """What a picture shows when no model says it: the paragraph's own first words."""
    return Illustration(from_text(article.section(place).text, article.language))
