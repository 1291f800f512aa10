"""How well an encoder finds pictures by their captions, measured on a folder of captioned pictures.

Every picture is placed by its pixels alone, every caption asks for its own picture among all: recall@k is the share of
captions whose picture is among the first k, the median rank the middle of their places (1 is best). The protocol of
text-to-image retrieval on Flickr30k and COCO (Karpathy and Fei-Fei 2015). English and Chinese are counted apart.

Captions: the text file beside a picture (ingest/metadata.py), one query a line, "NAME.zh.txt" for further ones.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from common.language import is_chinese
from common.messages import _
from retrieval.encoders import Encoder, Vectors, readable
from retrieval.errors import FolderUnreadable, PictureUnreadable
from retrieval.ingest import scan_folder, sidecar_lines
from retrieval.pictures import load_picture

CUTS = (1, 5, 10)


@dataclass(frozen=True, slots=True)
class Score:
    """One language's result. Recalls are shares from 0 to 1."""

    queries: int
    recall: dict[int, float]
    median_rank: float


@dataclass(slots=True)
class Evaluation:
    encoder: str
    pictures: int
    scores: dict[str, Score] = field(default_factory=dict)  # "en", "zh"
    skipped: int = 0  # pictures that cannot be read

    def as_dict(self) -> dict[str, object]:
        languages = {
            language: {
                "queries": score.queries,
                **{f"recall@{cut}": round(value, 4) for cut, value in score.recall.items()},
                "median_rank": score.median_rank,
            }
            for language, score in self.scores.items()
        }
        return {"encoder": self.encoder, "pictures": self.pictures, "skipped": self.skipped, **languages}

    def text(self) -> str:
        """A line for each language."""
        lines = [f"{self.pictures} pictures, encoder {self.encoder}"]
        for language, score in self.scores.items():
            recalls = "  ".join(f"recall@{cut} {score.recall[cut]:.3f}" for cut in CUTS)
            lines.append(f"{language}: {score.queries} captions  {recalls}  median rank {score.median_rank:g}")
        return "\n".join(lines)


def measure_encoder(folder: Path, encoder: Encoder, progress: Callable[[int, int], None] | None = None) -> Evaluation:
    """Measures `encoder` on a captioned folder. Raises FolderUnreadable where there is nothing to measure."""
    jobs = [job for job in scan_folder(folder).jobs if sidecar_lines(Path(job.path))]
    result = Evaluation(encoder.name, 0)
    rows: list[Vectors] = []
    queries: list[tuple[int, str]] = []  # (row of its picture, caption)
    waiting: list[np.ndarray] = []

    def encode() -> None:
        if waiting:
            rows.append(encoder.encode_prepared(np.stack(waiting)))
            waiting.clear()

    for done, job in enumerate(jobs, 1):
        try:
            pixels = encoder.preparation.apply(load_picture(job.path))
        except PictureUnreadable:
            result.skipped += 1
            continue
        waiting.append(pixels)
        queries += [(result.pictures, line) for line in sidecar_lines(Path(job.path))]
        result.pictures += 1
        if len(waiting) >= encoder.batch:
            encode()
        if progress is not None:
            progress(done, len(jobs))
    encode()
    if not result.pictures:
        raise FolderUnreadable(place=folder, reason=_("it holds no picture with a text file of captions beside it"))
    pictures = np.concatenate(rows)  # (N, dim)
    for language in ("en", "zh"):
        asked = [(row, text) for row, text in queries if is_chinese(text) == (language == "zh")]
        if asked:
            vectors = _asked(encoder, [text for _, text in asked])  # (Q, dim)
            result.scores[language] = _score(vectors @ pictures.T, np.array([row for row, _ in asked]))
    return result


def _asked(encoder: Encoder, texts: list[str]) -> Vectors:
    """Vectors (Q, dim) as a gallery's search makes them: Chinese in rough English for an encoder of English alone.

    Of a text that it cannot read at all the vector is zero: its picture counts as found last.
    """
    read = [readable(text, encoder.query_languages) for text in texts]
    vectors = np.zeros((len(texts), encoder.dim), dtype=np.float32)
    clear = [row for row, text in enumerate(read) if text]
    vectors[clear] = encoder.encode_texts([read[row] for row in clear])
    return vectors


def _score(similarities: Vectors, own: np.ndarray) -> Score:
    """From similarities (Q, N) and each query's own picture (Q,). A tie counts as if the other came first."""
    target = np.take_along_axis(similarities, own[:, None], axis=1)  # (Q, 1)
    ranks = (similarities >= target).sum(axis=1)  # the picture itself counts as one
    return Score(len(own), {cut: float((ranks <= cut).mean()) for cut in CUTS}, float(np.median(ranks)))
