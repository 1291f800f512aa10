"""Pictures of which a person wrote tags and nothing else, and what goes with the file that said it."""

import json
import os
import shutil
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


def test_all_that_a_file_beside_a_picture_said_goes_with_it(gallery: Gallery, pictures: Path) -> None:
    picture = paint(pictures / "IMG_0001.png")
    gallery.add(pictures, options=ONE_WORKER)
    before = gallery.browse()[0], gallery.picture(gallery.browse()[0].id).date
    takeout = pictures / "IMG_0001.png.json"
    takeout.write_text(
        json.dumps({"title": "x", "description": "a seal", "photoTakenTime": {"timestamp": "1577836800"}})
    )
    written(picture, "a walrus\ntags: ice\ncredit: Ann\nlicence: CC0\nsource: https://example.org/")
    gallery.add(pictures, options=ONE_WORKER)
    known = gallery.picture(before[0].id)
    assert (known.caption, known.tags, known.credit, known.date) == ("a walrus", "ice", "Ann", "2020-01-01T00:00:00")
    takeout.unlink()
    picture.with_suffix(".txt").unlink()
    gallery.add(pictures, options=ONE_WORKER)
    assert (gallery.browse()[0], gallery.picture(before[0].id).date) == before


def test_what_is_said_beside_one_of_several_copies_goes_and_what_is_said_beside_the_others_stays(
    gallery: Gallery, pictures: Path
) -> None:
    first, second = paint(pictures / "IMG_0001.png"), pictures / "IMG_0002.png"
    shutil.copy(first, second)
    written(first, "a walrus\ntags: ice\ncredit: Ann")
    written(second, "a seal\ntags: water\nlicence: CC0")
    gallery.add(pictures, options=ONE_WORKER)
    number = gallery.browse()[0].id
    assert gallery.picture(number).tags == "ice, water"
    first.with_suffix(".txt").unlink()
    gallery.add(pictures, options=ONE_WORKER)
    known = gallery.picture(number)
    assert (known.caption, known.tags, known.credit, known.licence) == ("a seal", "water", "", "CC0")
    assert gallery.add(pictures, options=ONE_WORKER).unchanged == 2
