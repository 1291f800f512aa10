"""OpenverseGallery against a local server that answers in the form Openverse documents (its API's own examples)."""

import copy
import io
import json
import socket
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from PIL import Image

from retrieval.base import PictureGallery
from retrieval.errors import RetrievalError
from retrieval.sources.openverse import ORIGIN, OpenverseGallery
from tests.retrieval.serve.gallery_serving import running

IDS = [str(uuid.UUID(int=number)) for number in range(1, 61)]


def result(base: str, number: int, **changed: object) -> dict[str, Any]:
    """One result as the documentation shows it, with every field it names."""
    one = IDS[number]
    return {
        "id": one,
        "title": f"Tree Bark Photo {number}",
        "indexed_on": "2022-08-27T17:39:48Z",
        "foreign_landing_url": "https://stocksnap.io/photo/XNVBVXO3B7",
        "url": "https://cdn.stocksnap.io/img-thumbs/960w/XNVBVXO3B7.jpg",
        "creator": "Tim Sullivan",
        "creator_url": "https://www.secretagencygroup.com",
        "license": "by-sa",
        "license_version": "4.0",
        "license_url": "https://creativecommons.org/licenses/by-sa/4.0/",
        "provider": "stocksnap",
        "source": "stocksnap",
        "category": "photograph",
        "filesize": 896128,
        "filetype": "jpg",
        "tags": [{"accuracy": None, "name": "tree", "unstable__provider": "stocksnap"}],
        "attribution": f'"Tree Bark Photo {number}" by Tim Sullivan is licensed under CC BY-SA 4.0.',
        "fields_matched": ["title"],
        "mature": False,
        "height": 4016,
        "width": 6016,
        "thumbnail": f"{base}/v1/images/{one}/thumb/",
        "detail_url": f"{base}/v1/images/{one}/",
        "related_url": f"{base}/v1/images/{one}/related/",
        "unstable__sensitivity": [],
        **changed,
    }


class Openverse:
    """The documented API over made-up results; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.headers: list[str | None] = []
        self.thumbs: list[str] = []
        self.results: list[dict[str, Any]] = []
        self.limit: int | None = None
        self.base = ""
        self.app = FastAPI()
        self.app.get("/v1/images/")(self.search)
        self.app.get("/v1/images/stats/")(self.stats)
        self.app.get("/v1/images/{one}/")(self.detail)
        self.app.get("/v1/images/{one}/thumb/")(self.thumb)

    def search(self, request: Request) -> Response:
        self.asked.append(dict(request.query_params))
        self.headers.append(request.headers.get("authorization"))
        if self.limit is not None and len(self.asked) > self.limit:
            return JSONResponse({"detail": "Request was throttled. Expected available in 3000 seconds."}, 429)
        size, page = int(request.query_params["page_size"]), int(request.query_params["page"])
        found = (
            [one for one in self.results if "lake" in one["title"].lower()] if "lake" in self.asked[-1]["q"] else None
        )
        chosen = self.results if found is None else found
        body = {
            "result_count": len(chosen),
            "page_count": -(-len(chosen) // size),
            "page_size": size,
            "page": page,
            "results": chosen[(page - 1) * size : page * size],
        }
        return JSONResponse(body)

    def detail(self, one: str) -> Response:
        for known in self.results:
            if known["id"] == one:
                return JSONResponse(known)
        return JSONResponse({"detail": "Not found."}, 404)

    def stats(self) -> list[dict[str, object]]:
        return [{"source_name": name, "display_name": name, "media_count": 2500} for name in ("flickr", "stocksnap")]

    def thumb(self, one: str) -> Response:
        self.thumbs.append(one)
        written = io.BytesIO()
        Image.new("RGB", (600, 400), (IDS.index(one) * 4, 90, 90)).save(written, "JPEG")
        return Response(written.getvalue(), media_type="image/jpeg")


@pytest.fixture
def openverse() -> Iterator[Openverse]:
    service = Openverse()
    with running(service.app) as base:
        service.base = base
        service.results = [result(base, number) for number in range(12)]
        yield service


@pytest.fixture
def gallery(openverse: Openverse, tmp_path: Path) -> OpenverseGallery:
    return OpenverseGallery(origin=openverse.base, folder=tmp_path)


def test_it_is_a_gallery_and_asks_in_the_documented_form(gallery: OpenverseGallery, openverse: Openverse) -> None:
    assert isinstance(gallery, PictureGallery)
    hits = gallery.search("  bark of\n a tree ", k=3)
    assert openverse.asked == [
        {"q": "bark of a tree", "page_size": "20", "page": "1", "license_type": "commercial", "mature": "false"}
    ]
    assert [hit.id for hit in hits] == IDS[:3]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert len(openverse.thumbs) == 3


def test_hits_keep_attribution_licence_and_page_and_show_a_real_picture(gallery: OpenverseGallery) -> None:
    hit = gallery.search("tree", k=4)[2]
    assert hit.credit == '"Tree Bark Photo 2" by Tim Sullivan is licensed under CC BY-SA 4.0.'
    assert hit.licence == "CC BY-SA 4.0"
    assert hit.source == "https://stocksnap.io/photo/XNVBVXO3B7"
    assert hit.caption == "Tree Bark Photo 2"
    with Image.open(hit.path) as image:
        assert image.size == (600, 400)
        assert image.getpixel((9, 9)) == pytest.approx((8, 90, 90), abs=4)


@pytest.mark.parametrize(
    ("licence", "version", "shown"),
    [
        ("cc0", "1.0", "CC0 1.0"),
        ("pdm", "1.0", "Public Domain Mark 1.0"),
        ("by", None, "CC BY"),
        ("BY", "2.0", "CC BY 2.0"),
    ],
)
def test_licences_are_named_as_people_know_them(
    gallery: OpenverseGallery, openverse: Openverse, licence: str, version: str | None, shown: str
) -> None:
    openverse.results = [result(openverse.base, 0, license=licence, license_version=version)]
    assert gallery.search("tree")[0].licence == shown


def test_a_missing_attribution_is_composed(gallery: OpenverseGallery, openverse: Openverse) -> None:
    openverse.results = [result(openverse.base, 0, attribution=None), result(openverse.base, 1, attribution=None)]
    openverse.results[1] |= {"title": None, "creator": None, "license_url": None}
    first, second = gallery.search("tree")
    assert first.credit == (
        '"Tree Bark Photo 0" by Tim Sullivan, CC BY-SA 4.0 (https://creativecommons.org/licenses/by-sa/4.0/)'
    )
    assert second.credit == '"Untitled" by unknown, CC BY-SA 4.0'


def test_mature_sensitive_and_non_commercial_results_are_left_out(
    gallery: OpenverseGallery, openverse: Openverse
) -> None:
    openverse.results[0]["mature"] = True
    openverse.results[1]["unstable__sensitivity"] = ["sensitive_text"]
    openverse.results[2]["license"] = "by-nc-sa"
    openverse.results[3]["license"] = "nc-sampling+"
    assert [hit.id for hit in gallery.search("tree", k=20)] == IDS[4:12]
    assert set(openverse.thumbs) == set(IDS[4:12])


def test_excluded_pictures_are_replaced_from_later_pages(gallery: OpenverseGallery, openverse: Openverse) -> None:
    openverse.results = [result(openverse.base, number) for number in range(45)]
    hits = gallery.search("tree", k=4, exclude=IDS[:41])
    assert [hit.id for hit in hits] == IDS[41:45]
    assert [asked["page"] for asked in openverse.asked] == ["1", "2", "3"]
    assert sorted(openverse.thumbs) == IDS[41:45]


def test_phrasings_are_fused_and_repeated_questions_are_not_asked_again(
    gallery: OpenverseGallery, openverse: Openverse
) -> None:
    openverse.results[7]["title"] = "A lake"
    hits = gallery.search(["trees", "a lake", "trees"], k=2)
    assert {hit.id for hit in hits} == {IDS[0], IDS[7]}
    assert [asked["q"] for asked in openverse.asked] == ["trees", "a lake"]
    gallery.search("trees", k=3, exclude=IDS[:1])
    assert len(openverse.asked) == 2
    assert sorted(openverse.thumbs) == sorted(set(openverse.thumbs))


def test_only_three_phrasings_cost_a_search_and_long_ones_are_cut(
    gallery: OpenverseGallery, openverse: Openverse
) -> None:
    gallery.search(["x" * 300, "b", "c", "d", "e"], k=1)
    assert [asked["q"] for asked in openverse.asked] == ["x" * 200, "b", "c"]
    assert gallery.search("  ") == []
    assert gallery.search([]) == []
    assert len(openverse.asked) == 3


def test_get_asks_for_one_and_takes_only_uuids(gallery: OpenverseGallery) -> None:
    assert gallery.get(IDS[5]).caption == "Tree Bark Photo 5"
    for unknown in (IDS[50], "../stats", "p1", ""):
        with pytest.raises(KeyError):
            gallery.get(unknown)


def test_info_sums_the_statistics(gallery: OpenverseGallery, openverse: Openverse) -> None:
    info = gallery.info()
    assert info.pictures == 5000
    assert info.place == openverse.base
    assert "Openverse" in info.attribution


def test_a_picture_cannot_be_asked_for_and_says_so(gallery: OpenverseGallery) -> None:
    with pytest.raises(RetrievalError, match="words only") as caught:
        gallery.search(Image.new("RGB", (9, 9)))
    assert "文字" in caught.value.text("zh")


def test_too_many_searches_become_a_sentence(gallery: OpenverseGallery, openverse: Openverse) -> None:
    openverse.limit = 0
    with pytest.raises(RetrievalError, match="asked too often") as caught:
        gallery.search("tree")
    assert "XCOMPOSER_OPENVERSE_TOKEN" in str(caught.value)
    assert "频繁" in caught.value.text("zh")
    assert len(openverse.asked) == 1


def test_the_token_is_sent_where_one_is_set(
    openverse: Openverse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XCOMPOSER_OPENVERSE_TOKEN", "mine")
    OpenverseGallery(origin=openverse.base, folder=tmp_path).search("tree", k=1)
    monkeypatch.delenv("XCOMPOSER_OPENVERSE_TOKEN")
    OpenverseGallery(origin=openverse.base, folder=tmp_path).search("tree", k=1)
    assert openverse.headers == ["Bearer mine", None]


def test_thumbnails_elsewhere_and_traps_in_links_are_not_followed(
    gallery: OpenverseGallery, openverse: Openverse
) -> None:
    openverse.results[0]["thumbnail"] = "http://169.254.169.254/latest/meta-data/"
    openverse.results[1]["foreign_landing_url"] = "javascript:alert(1)"
    hits = gallery.search("tree", k=2)
    assert [(hit.id, hit.source) for hit in hits] == [(IDS[1], "")]
    openverse.results = openverse.results[:1]
    with pytest.raises(RetrievalError, match="another place"):
        gallery.search("another", k=1)


def without(field: str) -> Callable[[dict[str, Any]], object]:
    return lambda page: page["results"][0].pop(field)


@pytest.mark.parametrize(
    "spoil",
    [
        without("id"),
        without("thumbnail"),
        without("license"),
        lambda page: page["results"][0].update(id="../../etc"),
        lambda page: page["results"][0].update(mature="perhaps"),
        lambda page: page.update(results="none"),
        lambda page: page.pop("page_count"),
        lambda page: page.update(page_count=-1),
    ],
)
def test_answers_of_another_form_are_refused(
    spoil: Callable[[dict[str, Any]], object], openverse: Openverse, tmp_path: Path
) -> None:
    page: dict[str, Any] = {"page_count": 1, "results": copy.deepcopy(openverse.results)}
    spoil(page)
    app = FastAPI()
    app.get("/v1/images/")(lambda: Response(json.dumps(page), media_type="application/json"))
    with running(app) as base, pytest.raises(RetrievalError, match="documented form"):
        OpenverseGallery(origin=base, folder=tmp_path).search("tree")


def test_the_real_host_is_public_or_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setattr(
            "socket.getaddrinfo", lambda host, _port, *rest, **more: real("127.0.0.1", port, *rest, **more)
        )
        with pytest.raises(RetrievalError, match="must not be asked"):
            OpenverseGallery(folder=tmp_path).search("tree")
    assert ORIGIN == "https://api.openverse.org"
