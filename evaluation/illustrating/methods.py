"""Ways of illustrating that are measured: by similarity alone, and as the studio does it."""

import threading
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Protocol

from common.language import is_chinese
from composer.article import Article, Candidate, Language, Section
from composer.illustrating import FITS, ParagraphReader, Words, choose_pictures, same_subject, width, words_met
from composer.models import Model
from composer.prompts import RatesPictures, prompts_for
from evaluation.illustrating.items import Item
from evaluation.illustrating.measures import Fits, assigned
from retrieval.base import GalleryInfo, Hit
from retrieval.encoders import encode_pictures, readable
from retrieval.pictures import load_picture

if TYPE_CHECKING:
    from retrieval.encoders import Encoder, Vectors


class Method(Protocol):
    """A way of illustrating."""

    @property
    def name(self) -> str: ...

    def illustrate(self, item: Item) -> tuple[Fits, list[int]]:
        """The table of fits (paragraphs x pictures), and the paragraphs after which a picture is put."""
        ...


class BySimilarity:
    """Cosines of paragraphs and pictures; all pictures are put where their cosines are highest in sum.

    A picture is placed by its caption for an encoder that puts words first, else by its pixels.
    """

    def __init__(self, encoder: "Encoder") -> None:
        self._encoder = encoder
        self.name = f"similarity, {encoder.name}"

    def illustrate(self, item: Item) -> tuple[Fits, list[int]]:
        pictures = picture_vectors(self._encoder, item)
        texts = text_vectors(self._encoder, item.paragraphs)
        fits: Fits = (texts @ pictures.T).tolist()
        return fits, assigned(fits)


class AsTheStudio:
    """The studio's own reading of paragraphs over a gallery of the article's pictures.

    It is asked for as many pictures as the author has places; whether it would leave one out is measured by its fits.
    With a model it names things and says yes or no; without one the words decide. A picture that is not found for a
    paragraph has the fit 0 there.
    """

    def __init__(self, encoder: "Encoder", model: Model | None = None) -> None:
        self._encoder, self._model = encoder, model
        self.name = f"studio, {model.name if model else 'words alone'}"

    def illustrate(self, item: Item) -> tuple[Fits, list[int]]:
        language: Language = "zh" if item.language == "zh" else "en"
        sections = tuple(Section(f"s{number}", text) for number, text in enumerate(item.paragraphs))
        article = Article(item.title, sections, language)
        gallery, stop = _ItemGallery(self._encoder, item), threading.Event()
        prompts = prompts_for(self._model.capabilities.family if self._model else "general")
        if not isinstance(prompts, RatesPictures):
            prompts = prompts_for("general")
        assert isinstance(prompts, RatesPictures)
        reader = ParagraphReader(self._model, gallery, prompts, article, stop)
        fits = []
        for section in sections:
            found = {c.id: c.fit or 0.0 for c in reader.read(reader.search(section)).candidates}
            fits.append([found.get(picture.id, 0.0) for picture in item.pictures])
        return fits, self._places(item, fits)

    def _places(self, item: Item, fits: Fits) -> list[int]:
        options = [
            [
                Candidate(each.id, each.path, each.caption, fit=fit)
                for each, fit in zip(item.pictures, row, strict=True)
                if fit > 0
            ]
            for row in fits
        ]
        widths = [width(text) for text in item.paragraphs]
        return sorted(choose_pictures(widths, options, len(item.places), same=same_subject, worth=FITS))


class _ItemGallery:
    """The pictures of one article as a gallery: those that share a word with the query first, then by cosine."""

    def __init__(self, encoder: "Encoder", item: Item) -> None:
        self.name, self.query_languages = "article", encoder.query_languages
        self._encoder, self._pictures = encoder, item.pictures
        self._vectors = picture_vectors(encoder, item)

    def search(self, query: object, *, k: int = 4, exclude: Collection[str] = ()) -> list[Hit]:
        phrasings = [query] if isinstance(query, str) else [str(each) for each in query]  # type: ignore[attr-defined]
        cosines = (text_vectors(self._encoder, phrasings) @ self._vectors.T).max(axis=0)
        words = Words(frozenset(word for phrase in phrasings for word in (phrase, *phrase.lower().split())))
        hits = [
            Hit(each.id, each.path, float(cosine) + words_met(each.caption, words)[1], each.caption)
            for each, cosine in zip(self._pictures, cosines, strict=True)
            if each.id not in exclude
        ]
        return sorted(hits, key=lambda hit: (-hit.score, hit.id))[:k]

    def get(self, picture_id: str) -> Hit:
        return next(Hit(each.id, each.path, 0.0, each.caption) for each in self._pictures if each.id == picture_id)

    def info(self) -> GalleryInfo:
        return GalleryInfo(self.name, "memory", len(self._pictures), self._encoder.name)


def text_vectors(encoder: "Encoder", texts: Sequence[str]) -> "Vectors":
    """Unit vectors (N, dim); zeros for a text that the encoder cannot read."""
    import numpy as np

    read = [readable(text, encoder.query_languages) for text in texts]
    vectors = np.zeros((len(texts), encoder.dim), dtype=np.float32)
    clear = [row for row, text in enumerate(read) if text]
    if clear:
        vectors[clear] = encoder.encode_texts([read[row] for row in clear])
    return vectors


def picture_vectors(encoder: "Encoder", item: Item) -> "Vectors":
    """Unit vectors (N, dim) of the pictures."""
    vectors = text_vectors(encoder, [_name(each.caption, encoder) for each in item.pictures])
    for row, picture in enumerate(item.pictures):
        if picture.path and not (encoder.words_first and vectors[row].any()):
            vectors[row] = encode_pictures(encoder, [load_picture(picture.path)])[0]
    return vectors


def _name(caption: str, encoder: "Encoder") -> str:
    """The part of a caption in several languages that the encoder reads."""
    parts = [part for part in caption.split(" · ") if "zh" in encoder.query_languages or not is_chinese(part)]
    return parts[0] if parts else caption
