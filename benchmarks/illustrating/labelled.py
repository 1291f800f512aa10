"""Paragraphs whose fitting pictures a careful reader has listed, and the galleries that hold the pictures."""

import contextlib
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from benchmarks.retrieval.captioned import PHOTOGRAPHS
from composer.article import Candidate
from composer.illustrating import name_in
from retrieval import Gallery, open_gallery
from retrieval.base import Hit, PictureGallery
from retrieval.encoders import shared_label_encoder

_HERE = Path(__file__).parent
NameOf = Callable[[Candidate | Hit], str]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A paragraph with the names of the pictures that fit beside it."""

    language: str
    title: str
    text: str
    fitting: frozenset[str]
    fitted: bool  # of the half that coefficients are fitted on


def beside_drawings() -> list[Labelled]:
    """154 paragraphs with drawings of OpenMoji, titles by turns in two halves."""
    rows = _rows("fitting_drawings.jsonl")
    titles = {title: number for number, title in enumerate(dict.fromkeys(row.title for row in rows))}
    return [Labelled(r.language, r.title, r.text, r.fitting, titles[r.title] % 2 == 0) for r in rows]


def beside_photographs() -> list[Labelled]:
    """51 paragraphs with photographs, by their file names. Nothing is fitted on them."""
    return _rows("fitting_photographs.jsonl")


def _rows(name: str) -> list[Labelled]:
    rows = [json.loads(line) for line in (_HERE / name).read_text(encoding="utf-8").splitlines()]
    return [Labelled(r["language"], r["title"], r["text"], frozenset(r["fitting"]), False) for r in rows]


@contextlib.contextmanager
def drawings() -> Iterator[tuple[PictureGallery, NameOf]]:
    """OpenMoji, and what a drawing is called in the set."""
    yield open_gallery(None), lambda picture: name_in(picture.caption, "en")


@contextlib.contextmanager
def photographs(folder: Path) -> Iterator[tuple[PictureGallery, NameOf]]:
    """A gallery of the photographs of `folder` that `benchmarks.retrieval.captioned` names, found by the encoder
    `labels` alone: their pixels only, under names as cameras give them. And the name that a photograph's file had."""
    with tempfile.TemporaryDirectory() as name:
        pictures, stems = Path(name) / "pictures", dict[str, str]()
        pictures.mkdir()
        for number, file in enumerate(file for file in sorted(folder.iterdir()) if file.stem in PHOTOGRAPHS):
            stems[f"IMG_{number:04d}"] = file.stem
            with Image.open(file) as image:
                image.convert("RGB").save(pictures / f"IMG_{number:04d}.png")
        with Gallery.open(Path(name) / "gallery", create=True, encoder=shared_label_encoder()) as gallery:
            gallery.add(pictures)
            yield gallery, lambda picture: stems[Path(gallery.get(picture.id).path).stem]
