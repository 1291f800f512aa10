"""RemoteGallery against the real server on a loopback port."""

import hashlib
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from retrieval.base import FindsMany, Hit, PictureGallery
from retrieval.errors import GalleryUnreadable, RetrievalError
from retrieval.protocol import PictureReply
from retrieval.serve.server import create_app
from retrieval.sources.remote import RemoteGallery
from tests.fakes import FakeGallery
from tests.retrieval.serve.gallery_serving import SHORT_TIMEOUTS, running


@pytest.fixture
def gallery(tmp_path: Path) -> FakeGallery:
    folder = tmp_path / "served"
    folder.mkdir()
    return FakeGallery(folder, count=8, query_languages=("en", "zh"))


@pytest.fixture
def remote(gallery: FakeGallery, tmp_path: Path) -> Iterator[RemoteGallery]:
    with running(create_app(gallery)) as address:
        yield RemoteGallery(address, folder=tmp_path / "cache")


def test_it_is_a_gallery_with_the_facts_of_the_server(remote: RemoteGallery) -> None:
    assert isinstance(remote, PictureGallery)
    assert (remote.name, remote.query_languages) == ("fake", ("en", "zh"))
    info = remote.info()
    assert info.pictures == 8
    assert info.place.startswith("http://127.0.0.1:")


def test_search_brings_pictures_captions_and_credits(remote: RemoteGallery, gallery: FakeGallery) -> None:
    hits = remote.search(["a cat", "猫"], k=3, exclude={"p0"})
    assert gallery.queries[-1] == ["a cat", "猫"]
    assert [hit.id for hit in hits] == ["p1", "p2", "p3"]
    assert (hits[0].caption, hits[0].credit, hits[0].licence) == ("picture 1", "A. Painter", "CC0")
    with Image.open(hits[0].path) as image:
        assert image.size == (64, 48)
        assert image.convert("RGB").getpixel((9, 9)) == pytest.approx((20, 120, 200), abs=6)
    assert Path(hits[0].path).stem != Path(hits[1].path).stem


def test_many_queries_download_nothing(remote: RemoteGallery, gallery: FakeGallery, tmp_path: Path) -> None:
    assert isinstance(remote, FindsMany)
    found = remote.find_many(["a cat", " ", "a dog"], k=2)
    assert [[hit.id for hit in hits] for hits in found] == [["p0", "p1"], [], ["p0", "p1"]]
    assert {hit.path for hits in found for hit in hits} == {""}
    assert gallery.queries == [["a cat"], ["a dog"]]
    assert not list((tmp_path / "cache").rglob("*.png"))
    assert Path(remote.get("p0").path).is_file()


def test_what_is_less_likely_is_told_and_a_server_of_before_says_nothing_of_it(
    remote: RemoteGallery, gallery: FakeGallery
) -> None:
    gallery.pictures["p1"] = replace(gallery.pictures["p1"], likely=False)
    assert [hit.likely for hit in remote.search("a cat", k=3)] == [True, False, True]
    assert PictureReply.model_validate({"id": "p1", "score": 0.5}).likely


def test_search_by_picture_sends_it_small_and_without_metadata(remote: RemoteGallery, gallery: FakeGallery) -> None:
    remote.search(Image.new("RGB", (3000, 2000), "purple"), k=1)
    query = gallery.queries[-1]
    assert isinstance(query, Image.Image)
    assert query.size == (512, 341)


def test_empty_queries_ask_nobody(remote: RemoteGallery, gallery: FakeGallery) -> None:
    assert remote.search(" ") == []
    assert remote.search([]) == []
    assert gallery.queries == []


def test_get_knows_ids_of_any_form(remote: RemoteGallery, gallery: FakeGallery) -> None:
    gallery.pictures["夏/?#%2F 1"] = Hit(id="夏/?#%2F 1", path=gallery.pictures["p0"].path, score=0, caption="odd")
    assert remote.get("夏/?#%2F 1").caption == "odd"
    with pytest.raises(KeyError):
        remote.get("nothing")


def test_pictures_are_kept_under_the_hash_of_their_content(
    remote: RemoteGallery, gallery: FakeGallery, tmp_path: Path
) -> None:
    path = Path(remote.get("p1").path)
    assert path.stem == hashlib.sha256(path.read_bytes()).hexdigest()
    served = Path(gallery.pictures["p1"].path)
    Image.new("RGB", (10, 10)).save(served)
    assert remote.get("p1").path == str(path)  # fresh: not fetched again
    note = next(note for note in (tmp_path / "cache" / "addresses").iterdir() if path.stem in note.read_text())
    os.utime(note, (0, 0))
    changed = Path(remote.get("p1").path)
    assert changed != path
    os.utime(note, (0, 0))
    assert Path(remote.get("p1").path) == changed  # 304: the same file again
    assert note.stat().st_mtime > time.time() - 60
    assert not list((tmp_path / "cache").glob("arriving-*"))


def test_a_kept_file_that_was_deleted_is_fetched_again(remote: RemoteGallery) -> None:
    path = Path(remote.get("p1").path)
    path.unlink()
    assert Path(remote.get("p1").path).is_file()


def test_a_lost_picture_is_left_out_and_only_all_lost_is_an_error(
    remote: RemoteGallery, gallery: FakeGallery, caplog: pytest.LogCaptureFixture
) -> None:
    Path(gallery.pictures["p1"].path).unlink()
    assert [hit.id for hit in remote.search("x", k=3)] == ["p0", "p2"]
    assert "left out" in caplog.text
    with pytest.raises(RetrievalError):
        remote.search("x", k=1, exclude=[one for one in gallery.pictures if one != "p1"])


def test_the_token_opens_the_server(gallery: FakeGallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(create_app(gallery, token="right")) as address:
        for token in (None, "wrong"):
            with pytest.raises(RetrievalError, match="set XCOMPOSER_GALLERY_TOKEN") as caught:
                RemoteGallery(address, token=token)
            assert "令牌" in caught.value.text("zh")
        assert len(RemoteGallery(address, token="right", folder=tmp_path).search("x")) == 4
        monkeypatch.setenv("XCOMPOSER_GALLERY_TOKEN", "right")
        assert RemoteGallery(address, folder=tmp_path).info().pictures == 8


def test_searches_from_several_threads(remote: RemoteGallery) -> None:
    def ask(number: int) -> list[str]:
        return [hit.id for hit in remote.search("x", k=1, exclude=[f"p{n}" for n in range(number)])]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [[f"p{n}"] for n in range(8)]


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("ftp://example.org", "no http or https"),
        ("https://", "no http or https"),
        ("http://user:pass@127.0.0.1:1", "user name or password"),
        ("http://127.0.0.1:99999", "malformed"),
        ("http://[::1", "malformed"),
        ("http://127.0.0.1:9", "cannot be reached"),
    ],
)
def test_bad_addresses_are_explained_and_passwords_not_sent(address: str, named: str) -> None:
    with pytest.raises(GalleryUnreadable, match=named) as caught:
        RemoteGallery(address, timeouts=SHORT_TIMEOUTS)
    assert caught.value.text("zh") != caught.value.text("en")
