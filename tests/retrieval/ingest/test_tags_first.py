"""Pictures of which a person wrote tags and nothing else."""

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from retrieval.encoders import LabelEncoder
from retrieval.gallery import Gallery
from retrieval.ingest.metadata import Metadata
from tests.retrieval.conftest import ONE_WORKER
from tests.retrieval.helpers import ColourEncoder, paint


def labelling() -> LabelEncoder:
    """An encoder whose classifier sees a seashore everywhere."""
    labeller = SimpleNamespace(
        names=["seashore, coast", "sandbar"], probabilities=lambda pixels: np.tile([[0.9, 0.05]], (len(pixels), 1))
    )
    return LabelEncoder(ColourEncoder(), labeller)  # type: ignore[arg-type]  # enough of both


def written(picture: Path, text: str) -> None:
    beside = picture.with_suffix(".txt")
    before = beside.stat().st_mtime if beside.exists() else picture.stat().st_mtime
    beside.write_text(text)
    os.utime(beside, (before + 2, before + 2))


@pytest.mark.parametrize(("encoder", "guess"), [(labelling, "seashore"), (ColourEncoder, "")])
def test_a_persons_tags_come_before_a_classifiers_guess(
    tmp_path: Path, pictures: Path, encoder: type[ColourEncoder], guess: str
) -> None:
    picture = paint(pictures / "IMG_1.png", "blue")
    written(picture, "tags: Ann, Lisbon\n")
    with Gallery.open(tmp_path / "g", create=True, encoder=encoder()) as gallery:

        def caption(text: str) -> tuple[str, bool]:
            written(picture, text)
            gallery.add(pictures, options=ONE_WORKER)
            (hit,) = gallery.browse()
            return hit.caption, hit.approximate

        def guessed(tags: str) -> tuple[str, bool]:
            return ", ".join(filter(None, (tags, guess))), bool(guess)

        assert caption("tags: Ann, Lisbon\n") == guessed("Ann, Lisbon")
        assert caption("tags: Ann, Bob, a, b, c, d\n") == guessed("Ann, Bob, a, b, c")
        assert caption("credit: Ann\n") == guessed("")
        assert caption("tags: Lisbon\n") == guessed("Lisbon")
        assert gallery.search("lisbon", k=1)[0].likely
        paint(pictures / "IMG_2.png", "blue", mark="IMG_1.png")
        written(pictures / "IMG_2.png", "tags: evening\n")
        assert caption("tags: Lisbon\n") == guessed("Lisbon, evening"), "a copy has tags, too"
        written(pictures / "IMG_2.png", "Our last evening\ntags: evening\n")
        assert caption("tags: Lisbon\n") == ("Our last evening", False)


def test_the_guess_is_found_behind_the_tags() -> None:
    for words in (Metadata(tags="Ann, Lisbon"), Metadata(), Metadata(tags="a,b, c,d,e,f")):
        assert words.captioned("seashore, sandbar").guess() == "seashore, sandbar"
    assert Metadata(caption="A walk", tags="Ann").captioned("seashore").caption == "A walk"
