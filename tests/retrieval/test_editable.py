"""A gallery of one's own is changed: words, pictures dropped in. A local folder; Milvus has its own tests."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from retrieval import gallery as galleries
from retrieval.encoders.base import Vectors
from retrieval.errors import GalleryFull
from retrieval.gallery import Gallery
from retrieval.ingest.pipeline import Ingest
from tests.retrieval.conftest import ONE_WORKER
from tests.retrieval.helpers import ColourEncoder, paint


class WordsFirst(ColourEncoder):
    """Places pictures by their words where they have some."""

    words_first = True


@pytest.fixture
def red_words(tmp_path: Path, pictures: Path) -> Gallery:
    """A blue picture that is called red."""
    paint(pictures / "IMG_1.png", "blue").with_suffix(".txt").write_text("red")
    opened = Gallery.open(tmp_path / "own", create=True, encoder=WordsFirst())
    opened.add(pictures, options=ONE_WORKER)
    return opened


def nearness(gallery: Gallery, colour: str) -> float:
    return gallery.search(Image.new("RGB", (9, 9), colour))[0].score


def test_new_words_are_cleaned(gallery: Gallery, pictures: Path) -> None:
    paint(pictures / "a.png")
    gallery.add(pictures, options=ONE_WORKER)
    picture_id = gallery.browse()[0].id
    hit = gallery.edit(picture_id, caption="  our \n red\tdoor ", tags=" house ,\n the  door", credit="\nAnn  B ")
    picture = gallery.picture(picture_id)
    assert (hit.caption, picture.caption, picture.credit) == ("our red door", "our red door", "Ann B")
    assert (picture.tags, picture.tag_list) == ("house , the door", ["house", "the door"])
    assert (picture.edited, picture.licence) == (True, "")


def test_a_picture_whose_words_are_taken_away_is_found_by_its_looks(red_words: Gallery) -> None:
    assert nearness(red_words, "red") > 0.9
    red_words.edit(red_words.browse()[0].id, caption=" ")
    assert nearness(red_words, "red") < 0
    assert nearness(red_words, "blue") > 0.5
    red_words.close()


def test_what_another_thread_changes_meanwhile_is_kept(red_words: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    picture_id = red_words.browse()[0].id
    encode = red_words.encoder.encode_texts

    def slowly(texts: Sequence[str]) -> Vectors:
        monkeypatch.undo()
        red_words.edit(picture_id, credit="Ben", tags="sea")
        return encode(texts)

    monkeypatch.setattr(red_words.encoder, "encode_texts", slowly)
    red_words.edit(picture_id, caption="yellow")
    picture = red_words.picture(picture_id)
    assert (picture.caption, picture.credit, picture.tags) == ("yellow", "Ben", "sea")
    red_words.close()


def test_a_long_chinese_name_can_be_dropped_in(gallery: Gallery, pictures: Path) -> None:
    path = paint(pictures / f"{'很长的名字' * 16}名名字.png")
    assert gallery.take([path]).added == 1
    assert gallery.browse()[0].caption.endswith("很长的名字名名字")


def test_an_opening_that_was_cut_off_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(galleries, "Catalogue", killed)
    with pytest.raises(KeyboardInterrupt):
        Gallery.open(tmp_path / "g", create=True, encoder=ColourEncoder())
    monkeypatch.undo()
    Gallery.open(tmp_path / "g", create=True, encoder=ColourEncoder()).close()


def test_only_a_full_disk_is_called_full(gallery: Gallery, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: Ingest, root: Path) -> None:
        raise PermissionError(13, "Permission denied", "/media/full backup")

    monkeypatch.setattr(Ingest, "run", refused)
    with pytest.raises(PermissionError):
        gallery.add(pictures)

    def full(_: Ingest, root: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Ingest, "run", full)
    with pytest.raises(GalleryFull):
        gallery.add(pictures)
