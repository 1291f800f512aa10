"""A Milvus collection looked after like a gallery of one's own: what the page and the command line call."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from retrieval.cli import app
from retrieval.editable import EditableGallery
from retrieval.milvus.gallery import MilvusGallery
from retrieval.records import Filters
from tests.retrieval.conftest import ONE_WORKER
from tests.retrieval.helpers import ColourEncoder, paint

pytest.importorskip("pymilvus")
pytest.importorskip("milvus_lite")


class WordsFirst(ColourEncoder):
    """Places a picture that has words by them."""

    words_first = True


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XCOMPOSER_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "pictures"
    paint(made / "town" / "IMG_1.png", "red", mark="twin").with_suffix(".txt").write_text(
        "A bus\ntags: Town, red\ncredit: Ann\nlicence: CC BY 4.0\n"
    )
    with Image.open(made / "town" / "IMG_1.png") as image:
        image.resize((128, 96)).save(made / "town" / "copy of it.jpg", quality=90)
    paint(made / "sea" / "IMG_2.tif", "blue", (48, 64))
    paint(made / "sea" / "a green field.png", "green", (320, 240))
    (made / "sea" / "broken.png").write_bytes(b"nothing")
    return made


@pytest.fixture
def gallery(tmp_path: Path, folder: Path) -> Iterator[MilvusGallery]:
    made = MilvusGallery(str(tmp_path / "g.db"), WordsFirst(), create=True)
    made.add(folder, options=ONE_WORKER)
    yield made
    made.close()


def id_of(gallery: MilvusGallery, words: str) -> str:
    return gallery.search(words, k=1)[0].id


def captions(gallery: MilvusGallery, **filters: object) -> list[str]:
    return sorted(hit.caption for hit in gallery.browse(filters=Filters(**filters)))  # type: ignore[arg-type]


def test_it_is_a_gallery_of_ones_own(gallery: MilvusGallery, folder: Path) -> None:
    assert isinstance(gallery, EditableGallery)
    assert [path for path, _ in gallery.skipped()] == [str(folder / "sea" / "broken.png")]


def test_it_is_browsed_and_filtered(gallery: MilvusGallery, folder: Path) -> None:
    assert captions(gallery) == ["", "A bus", "a green field", "copy of it"]
    assert captions(gallery, tag="TOWN") == ["A bus"]
    assert captions(gallery, folder=str(folder / "sea")) == ["", "a green field"]
    assert captions(gallery, orientation="portrait") == [""]
    assert captions(gallery, min_width=300) == ["a green field"]
    assert len(gallery.browse(limit=2, offset=1)) == 2
    choices = gallery.choices()
    assert choices.tags == {"town": 1, "red": 1}
    assert choices.licences == {"CC BY 4.0": 1}
    assert choices.folders == {str(folder): 4, str(folder / "sea"): 2, str(folder / "town"): 2}


def test_a_picture_is_like_others_and_not_like_itself(gallery: MilvusGallery) -> None:
    blue = next(hit.id for hit in gallery.browse() if not hit.caption)
    hits = gallery.like(blue, k=4)
    assert blue not in [hit.id for hit in hits]
    assert len(hits) == 3
    assert [hit.caption for hit in gallery.like(blue, filters=Filters(min_width=300))] == ["a green field"]
    for absent in ("0" * 20, "no id at all"):
        with pytest.raises(KeyError):
            gallery.like(absent)


def test_what_browsers_do_not_know_is_shown_as_a_copy(gallery: MilvusGallery) -> None:
    tiff = next(hit for hit in gallery.browse() if not hit.caption)
    assert Path(tiff.path).suffix == ".webp"
    assert "thumbnails" in tiff.path
    with Image.open(gallery.get(tiff.id).path) as shown:
        assert (shown.format, shown.size) == ("WEBP", (48, 64))
    with Image.open(gallery.thumbnail(id_of(gallery, "green field"), 64)) as small:
        assert max(small.size) == 64


def test_words_are_changed_and_kept_when_it_is_indexed_again(gallery: MilvusGallery, folder: Path) -> None:
    number = id_of(gallery, "bus")
    changed = gallery.edit(number, caption="The  green tram", tags="Rails, 电车", credit="Ben")
    assert (changed.caption, changed.credit, changed.licence) == ("The green tram", "Ben", "CC BY 4.0")
    seen = gallery.search(Image.new("RGB", (64, 48), (30, 200, 40)), k=2)
    assert number in [hit.id for hit in seen]  # its vector is that of its new words
    assert id_of(gallery, "电车") == number
    assert "A bus" not in captions(gallery)
    assert captions(gallery, tag="rails") == ["The green tram"]
    (folder / "town" / "IMG_1.txt").write_text("A lorry\n")
    (folder / "town" / "IMG_1.png").rename(folder / "sea" / "tram.png")
    gallery.add(folder, options=ONE_WORKER)
    kept = gallery.picture(number)
    assert (kept.caption, kept.tags, kept.credit, kept.edited) == ("The green tram", "rails, 电车", "Ben", True)
    assert kept.path == str(folder / "sea" / "tram.png")
    with pytest.raises(KeyError):
        gallery.edit("0" * 20, caption="nothing")


def test_pictures_that_look_the_same_are_grouped(gallery: MilvusGallery) -> None:
    groups = gallery.duplicates()
    assert [sorted(hit.caption for hit in group) for group in groups] == [["A bus", "copy of it"]]


def test_files_are_taken_in(gallery: MilvusGallery, tmp_path: Path) -> None:
    report = gallery.take([paint(tmp_path / "down" / "a yellow tent.png", "yellow")])
    assert report.added == 1
    assert gallery.search("tent", k=1)[0].caption == "a yellow tent"
    assert gallery.info().pictures == 5


def test_the_command_line_filters_and_looks_for_likeness(gallery: MilvusGallery) -> None:
    runner = CliRunner()
    number = id_of(gallery, "bus")
    gallery.close()  # one program at a time

    def run(*arguments: str) -> list[str]:
        done = runner.invoke(app, ["search", *arguments, "--gallery", gallery.place, "--json"])
        assert done.exit_code == 0, (done.output, done.exception)
        return [hit["caption"] for hit in json.loads(done.stdout)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("retrieval.milvus.collection.load_encoder", lambda name: WordsFirst())
        assert run("picture", "--tag", "town") == ["A bus"]
        assert run("picture", "--min-width", "300") == ["a green field"]
        assert run("--like", number, "-k", "1", "--orientation", "portrait") == [""]


def test_chinese_reaches_an_encoder_of_english_as_in_a_local_gallery(
    gallery: MilvusGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retrieval.encoders.dictionary.in_english", {"绿色": "green"}.__getitem__)
    assert gallery.search("绿色", k=1)[0].caption == "a green field"


def test_a_picture_whose_words_are_taken_away_is_placed_by_its_looks(gallery: MilvusGallery) -> None:
    field = id_of(gallery, "a green field")
    gallery.edit(field, caption="red")
    assert gallery.search(Image.new("RGB", (9, 9), "green"), k=1)[0].id != field
    gallery.edit(field, caption="")
    assert gallery.search(Image.new("RGB", (9, 9), "green"), k=1)[0].id == field


@pytest.mark.skipif(os.name == "nt", reason="names of files are bytes on Unix only")
def test_names_that_are_no_text_are_kept(tmp_path: Path, folder: Path) -> None:
    file = paint(folder / os.fsdecode(b"caf\xe9") / "IMG_7.png", "yellow")
    made = MilvusGallery(str(tmp_path / "g.db"), WordsFirst(), create=True)
    made.add(file.parent, options=ONE_WORKER)
    (hit,) = made.browse(filters=Filters(folder=str(file.parent)))
    hit.path.encode()  # a copy, which articles and pages can name
    assert made.thumbnail(hit.id, 128).is_file()
    assert list(made.choices().folders) == [str(file.parent)]
    made.edit(hit.id, caption="our terrace")
    assert made.picture(hit.id).path == str(file)
    made.close()
