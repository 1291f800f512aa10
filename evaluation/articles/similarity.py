"""How alike caption, paragraph and picture are to an encoder that took no part in finding the picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from composer import blocks
from composer.article import Article
from evaluation.articles.placing import shown
from retrieval.encoders import encode_pictures, readable
from retrieval.pictures import load_picture

if TYPE_CHECKING:
    import numpy as np

    from retrieval.encoders import Encoder

NAMES = ("caption_paragraph", "picture_caption", "picture_paragraph")


@dataclass(frozen=True, slots=True)
class Judge:
    """An encoder, and whether the gallery was searched with it."""

    encoder: "Encoder"
    independent: bool

    @property
    def note(self) -> str:
        if self.independent:
            return f"Similarities by {self.encoder.name}, which the gallery was not searched with."
        return (
            f"Similarities by {self.encoder.name}, with which the gallery was searched: they favour it. "
            "--encoder names another one."
        )


def similarity_measures(article: Article, encoder: "Encoder | None") -> dict[str, float | None]:
    """The mean cosines over the article's pictures; None where there is nothing that the encoder reads.

    Pictures are placed by their pixels, Chinese words in rough English where the encoder reads English alone.
    """
    found = shown(article)
    if encoder is None or not found:
        return dict.fromkeys(NAMES)
    captions = _texts(encoder, [illustration.caption for _s, illustration, _c in found])
    paragraphs = _texts(encoder, [blocks.words(section) for section, _i, _c in found])
    pictures = encode_pictures(encoder, [load_picture(Path(chosen.path)) for _s, _i, chosen in found])
    pairs = ((captions, paragraphs), (pictures, captions), (pictures, paragraphs))
    return {name: _mean_cosine(*pair) for name, pair in zip(NAMES, pairs, strict=True)}


def _texts(encoder: "Encoder", texts: Sequence[str]) -> "np.ndarray":
    """Unit vectors (N, dim); of a text that the encoder cannot read, zeros."""
    import numpy as np

    read = [readable(text, encoder.query_languages) for text in texts]
    vectors = np.zeros((len(texts), encoder.dim), dtype=np.float32)
    clear = [row for row, text in enumerate(read) if text]
    if clear:
        vectors[clear] = encoder.encode_texts([read[row] for row in clear])
    return vectors


def _mean_cosine(first: "np.ndarray", second: "np.ndarray") -> float | None:
    kept = first.any(axis=1) & second.any(axis=1)
    return float((first[kept] * second[kept]).sum(axis=1).mean()) if kept.any() else None
