"""Filters and likeness over HTTP, with a real gallery behind the server."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from retrieval.editable import FilteredGallery
from retrieval.errors import RetrievalError
from retrieval.gallery import Gallery
from retrieval.records import Filters
from retrieval.serve.server import create_app
from retrieval.sources.remote import RemoteGallery
from tests.fakes import FakeGallery
from tests.retrieval.conftest import ONE_WORKER
from tests.retrieval.helpers import paint
from tests.retrieval.serve.gallery_serving import running


@pytest.fixture
def address(gallery: Gallery, pictures: Path) -> Iterator[str]:
    paint(pictures / "red boat.png", "red").with_suffix(".txt").write_text("red boat\ntags: sea\nlicence: CC BY 4.0\n")
    paint(pictures / "blue bus.png", "blue", (48, 64))
    paint(pictures / "blue door.png", "blue", (320, 240))
    gallery.add(pictures, options=ONE_WORKER)
    with running(create_app(gallery)) as served:
        yield served


def test_searches_are_narrowed_by_the_server(address: str, tmp_path: Path) -> None:
    remote = RemoteGallery(address, folder=tmp_path / "cache")
    assert isinstance(remote, FilteredGallery)

    def found(**filters: object) -> set[str]:
        return {hit.caption for hit in remote.search("picture", k=9, filters=Filters(**filters))}  # type: ignore[arg-type]

    assert found() == {"red boat", "blue bus", "blue door"}
    assert found(tag="Sea") == {"red boat"}
    assert found(licence="CC BY") == {"red boat"}
    assert found(orientation="portrait") == {"blue bus"}
    assert found(min_width=300, min_height=200) == {"blue door"}
    assert found(before="1990-01-01") == set()
    with pytest.raises(RetrievalError, match="Leave the folder out"):
        found(folder="/home")


def test_likeness_is_asked_of_the_server(address: str, tmp_path: Path) -> None:
    remote = RemoteGallery(address, folder=tmp_path / "cache")
    bus = remote.search("bus", k=1)[0]
    assert [hit.caption for hit in remote.like(bus.id, k=1)] == ["blue door"]
    assert [hit.caption for hit in remote.like(bus.id, filters=Filters(tag="sea"))] == ["red boat"]
    with pytest.raises(KeyError):
        remote.like("0" * 20)


def test_quick_searches_bring_thumbnails(address: str, tmp_path: Path) -> None:
    remote = RemoteGallery(address, folder=tmp_path / "cache")
    door = remote.search("door", k=1, quick=True)[0]
    [like] = remote.like(remote.search("bus", k=1, quick=True)[0].id, k=1, quick=True)
    for path, size in ((door.path, (256, 192)), (like.path, (256, 192)), (remote.get(door.id).path, (320, 240))):
        with Image.open(path) as image:
            assert image.size == size


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"queries": ["x"], "like": "a"}, "give one of"),
        ({"queries": ["x"], "filters": {"folder": "/home"}}, "filters.folder"),
        ({"queries": ["x"], "filters": {"after": "yesterday"}}, "filters.after"),
        ({"queries": ["x"], "filters": {"min_width": -1}}, "filters.min_width"),
    ],
)
def test_questions_that_cannot_be_answered_are_explained(address: str, asked: dict[str, object], named: str) -> None:
    answer = httpx.post(f"{address}/v1/search", json=asked)
    assert answer.status_code == 422
    assert named in answer.json()["error"]["message"]


def test_a_gallery_without_filters_says_so(tmp_path: Path) -> None:
    with running(create_app(FakeGallery(tmp_path))) as served:
        remote = RemoteGallery(served, folder=tmp_path / "cache")
        with pytest.raises(RetrievalError, match="cannot be filtered"):
            remote.search("x", filters=Filters(tag="sea"))
