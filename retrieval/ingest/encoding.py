"""What was read of pictures -> their vectors, by their words or by their pixels. Knows encoders, no catalogue."""

from collections.abc import Sequence

import numpy as np

from retrieval.encoders import Encoder, LabelEncoder, Vectors, readable
from retrieval.ingest.decode import Decoded

Encoded = tuple[Vectors | None, str]  # None: keep what is stored; and a classifier's labels, where it spoke


def encode(encoder: Encoder, batch: Sequence[Decoded], step: int) -> list[Encoded]:
    """The vectors (1, dim) of each. step: pictures whose pixels are encoded at once."""
    results: dict[int, Encoded] = {}
    by_words = [i for i, each in enumerate(batch) if placed_by_words(encoder, each.words.caption)]
    by_pixels = [i for i, each in enumerate(batch) if i not in set(by_words) and each.pixels is not None]
    if by_words:
        texts = [readable(batch[i].words.caption, encoder.query_languages) for i in by_words]
        results.update({i: (row[None], "") for i, row in zip(by_words, encoder.encode_texts(texts), strict=True)})
    for start in range(0, len(by_pixels), step):
        chosen = by_pixels[start : start + step]
        pixels = np.stack([p for i in chosen if (p := batch[i].pixels) is not None])  # (B, side, side, 3)
        if isinstance(encoder, LabelEncoder):
            rows, labels = encoder.encode_labelled(pixels)
        else:
            rows, labels = encoder.encode_prepared(pixels), [""] * len(chosen)
        results.update({i: (row[None], label) for i, row, label in zip(chosen, rows, labels, strict=True)})
    return [results.get(i, (None, "")) for i in range(len(batch))]


def placed_by_words(encoder: Encoder, caption: str) -> bool:
    """Whether the encoder places a picture with this caption by it, whatever its pixels are."""
    return encoder.words_first and bool(readable(caption, encoder.query_languages))
