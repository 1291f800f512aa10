"""The gallery server: its answers, its limits, and what it never tells. Over a real socket where that matters."""

import base64
import io
import json
import logging
import socket
import threading
import time
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from common.language import is_chinese
from retrieval.base import Hit
from retrieval.errors import GalleryUnreadable, RetrievalError
from retrieval.protocol import MAX_BODY
from retrieval.serve.server import create_app, serve
from tests.fakes import FakeGallery
from tests.retrieval.serve.gallery_serving import running

TOKEN = "s3cret-token"
SVG = base64.b64encode(b" " * 99 + b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>').decode()


@pytest.fixture
def gallery(tmp_path: Path) -> FakeGallery:
    return FakeGallery(tmp_path, count=12)


@pytest.fixture
def base(gallery: FakeGallery) -> Iterator[str]:
    with running(create_app(gallery, local_only=True)) as address:
        yield address


def post(address: str, body: object, **options: object) -> requests.Response:
    return requests.post(address, json=body, timeout=10, **options)  # type: ignore[arg-type]


def test_similar_speaks_the_protocol_of_the_demo_and_its_addresses_lead_to_pictures(base: str) -> None:
    reply = post(f"{base}/image/similar", {"caption": "a cat", "exclude": ["p1"], "need_idxs": True, "k": 3})
    data = reply.json()["data"]
    assert data["indices"] == ["p0", "p2", "p3"]
    assert len(data["image_urls"]) == 3
    picture = requests.get(data["image_urls"][1], timeout=10)
    assert picture.headers["Content-Type"] == "image/webp"
    image = Image.open(io.BytesIO(picture.content)).convert("RGB")
    assert image.size == (64, 48)
    assert image.getpixel((30, 20)) == pytest.approx((40, 120, 200), abs=6)


def test_similar_without_need_idxs_and_with_numbers_to_exclude(base: str, gallery: FakeGallery) -> None:
    gallery.pictures["7"] = Hit(id="7", path=gallery.pictures["p0"].path, score=0)
    reply = post(f"{base}/image/similar", {"caption": "a cat", "exclude": [7], "need_idxs": False, "k": 20})
    assert "indices" not in reply.json()["data"]
    assert len(reply.json()["data"]["image_urls"]) == 12


def test_search_takes_phrasings_and_returns_credit_and_licence_but_no_path(base: str, gallery: FakeGallery) -> None:
    reply = post(f"{base}/v1/search", {"queries": ["a cat", "猫"], "k": 2})
    assert gallery.queries[-1] == ["a cat", "猫"]
    first = reply.json()["results"][0]
    assert (first["id"], first["credit"], first["licence"]) == ("p0", "A. Painter", "CC0")
    assert "path" not in first
    assert str(Path(gallery.pictures["p0"].path).parent) not in reply.text


def test_sources_are_web_pages_or_nothing(base: str, gallery: FakeGallery) -> None:
    for one, source in (
        ("web", "https://example.org/1"),
        ("local", "/home/me/secret.html"),
        ("script", "javascript:1"),
    ):
        gallery.pictures[one] = Hit(id=one, path=gallery.pictures["p0"].path, score=0, source=source)
        told = requests.get(f"{base}/v1/images/{one}", timeout=10).json()["source"]
        assert told == (source if one == "web" else "")


@pytest.mark.parametrize("write", [base64.b64encode, base64.encodebytes, base64.urlsafe_b64encode])
def test_search_by_picture_hands_the_gallery_a_picture(base: str, gallery: FakeGallery, write: Any) -> None:
    data = Path(gallery.pictures["p3"].path).read_bytes()
    reply = post(f"{base}/v1/search", {"picture": write(data).decode()})
    assert reply.status_code == 200
    query = gallery.queries[-1]
    assert isinstance(query, Image.Image)
    assert query.getpixel((5, 5)) == (60, 120, 200)


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("/v1/search", {"queries": ["x"], "k": 101}, "k"),
        ("/v1/search", {"queries": ["x"], "k": 0}, "k"),
        ("/v1/search", {"queries": []}, "queries"),
        ("/v1/search", {"queries": ["x"], "picture": "AAAA"}, "queries"),
        ("/v1/search", {"picture": "AAAA"}, "picture"),
        ("/v1/search", {"picture": "@@@@"}, "it is not base64 text"),
        ("/v1/search", {"picture": SVG}, "SVG"),
        ("/v1/search", {"queries": ["x" * 2001]}, "queries"),
        ("/v1/search", {"queries": ["x"], "limit": 4}, "limit"),
        ("/v1/search", ["x"], ""),
        ("/image/similar", {"exclude": []}, "caption"),
        ("/image/similar", {"caption": "x", "exclude": ["a"] * 10_001}, "exclude"),
    ],
)
def test_bad_requests_are_422_and_name_the_field_without_repeating_the_value(
    base: str, path: str, body: object, named: str
) -> None:
    reply = post(base + path, body)
    assert reply.status_code == 422
    error = reply.json()["error"]
    assert error["code"] == "invalid_request"
    assert named in error["message"]
    assert "xxxx" not in reply.text


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b'{"queries": ["\\ud800"]}', b"[" * 100_000, b""])
def test_bodies_that_are_no_json_are_refused_as_invalid(base: str, body: bytes) -> None:
    reply = requests.post(f"{base}/v1/search", data=body, headers={"Content-Type": "application/json"}, timeout=10)
    assert reply.status_code in (400, 422)
    assert reply.json()["error"]["code"] == "invalid_request"


def test_picture_facts_and_unknown_ids(base: str) -> None:
    assert requests.get(f"{base}/v1/images/p5", timeout=10).json()["caption"] == "picture 5"
    for path in ("nothing", "nothing/file", "nothing/thumbnail", "..%2F..%2Fetc%2Fpasswd/file", "%00"):
        reply = requests.get(f"{base}/v1/images/{path}", timeout=10)
        assert reply.status_code == 404
        assert reply.json()["error"]["code"] == "not_found"


def test_ids_may_hold_slashes(base: str, gallery: FakeGallery) -> None:
    gallery.pictures["a/b c"] = Hit(id="a/b c", path=gallery.pictures["p0"].path, score=0, caption="slashed")
    assert requests.get(f"{base}/v1/images/a%2Fb%20c", timeout=10).json()["caption"] == "slashed"
    assert requests.get(f"{base}/v1/images/a%2Fb%20c/file", timeout=10).status_code == 200


def test_thumbnails_have_the_asked_size_and_an_etag_that_changes_with_the_file(base: str, gallery: FakeGallery) -> None:
    path = Path(gallery.pictures["p0"].path)
    Image.new("RGB", (1600, 800), "red").save(path)
    address = f"{base}/v1/images/p0/thumbnail"
    first = requests.get(address, params={"size": 200}, timeout=10)
    assert Image.open(io.BytesIO(first.content)).size == (256, 128)  # 200 is rounded up
    etag = first.headers["ETag"]
    again = requests.get(address, params={"size": 200}, headers={"If-None-Match": f'"x", W/{etag}'}, timeout=10)
    assert (again.status_code, again.content) == (304, b"")
    assert requests.get(address, params={"size": 64}, timeout=10).headers["ETag"] != etag
    Image.new("RGB", (1200, 1200), "blue").save(path)
    changed = requests.get(address, params={"size": 200}, headers={"If-None-Match": etag}, timeout=10)
    assert changed.status_code == 200
    assert Image.open(io.BytesIO(changed.content)).size == (256, 256)
    for size in (0, 5000, "big"):
        assert requests.get(address, params={"size": size}, timeout=10).status_code == 422


def test_files_carry_no_metadata_of_the_original(base: str, gallery: FakeGallery, tmp_path: Path) -> None:
    picture = Image.new("RGB", (3000, 1000), "green")
    exif = picture.getexif()
    exif[0x010F] = "SecretCameraMaker"
    exif.get_ifd(0x8825)[2] = (31.0, 14.0, 0.0)  # GPS latitude
    path = tmp_path / "holiday.jpg"
    picture.save(path, exif=exif)
    gallery.pictures["gps"] = Hit(id="gps", path=str(path), score=0)
    content = requests.get(f"{base}/v1/images/gps/file", timeout=10).content
    image = Image.open(io.BytesIO(content))
    assert image.size == (2048, 683)
    assert not image.getexif()
    assert b"SecretCamera" not in content


def test_drawings_keep_their_transparency(base: str, gallery: FakeGallery, tmp_path: Path) -> None:
    path = tmp_path / "icon.png"
    Image.new("RGBA", (72, 72), (0, 0, 0, 0)).save(path)
    gallery.pictures["icon"] = Hit(id="icon", path=str(path), score=0, drawing=True)
    content = requests.get(f"{base}/v1/images/icon/thumbnail", timeout=10).content
    assert Image.open(io.BytesIO(content)).convert("RGBA").getpixel((9, 9))[3] == 0


def test_large_photographs_become_exact_small_ones(base: str, gallery: FakeGallery, tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    Image.new("RGB", (4000, 3000), "teal").save(path, quality=60)
    gallery.pictures["large"] = Hit(id="large", path=str(path), score=0)
    content = requests.get(f"{base}/v1/images/large/thumbnail?size=64", timeout=10).content
    assert Image.open(io.BytesIO(content)).size == (64, 48)


def test_lost_and_broken_files_are_404_and_tell_no_path(base: str, gallery: FakeGallery, tmp_path: Path) -> None:
    Path(gallery.pictures["p0"].path).unlink()
    Path(gallery.pictures["p1"].path).write_bytes(b"no picture")
    for one in ("p0", "p1"):
        reply = requests.get(f"{base}/v1/images/{one}/file", timeout=10)
        assert reply.status_code == 404
        assert str(tmp_path) not in reply.text
        assert ".png" not in reply.text


class BrokenGallery(FakeGallery):
    def __init__(self, folder: Path, error: Exception) -> None:
        super().__init__(folder, count=1)
        self.error = error

    def search(self, query: object, *, k: int = 4, exclude: Collection[str] = ()) -> list[Hit]:
        raise self.error


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (GalleryUnreadable(place="/home/me/secret", reason="disk"), 503, "gallery_unavailable"),
        (ZeroDivisionError("/home/me/secret"), 500, "internal_error"),
    ],
)
def test_faults_are_json_logged_here_and_tell_no_path(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, error: Exception, status: int, code: str
) -> None:
    with running(create_app(BrokenGallery(tmp_path, error))) as address, caplog.at_level(logging.ERROR):
        reply = post(f"{address}/v1/search", {"queries": ["x"]})
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)
    assert "secret" not in reply.text
    assert "secret" in caplog.text


def test_token_is_needed_everywhere_but_for_health(gallery: FakeGallery) -> None:
    with running(create_app(gallery, token=TOKEN)) as address:
        assert requests.get(f"{address}/health", timeout=10).json() == {"status": "ok"}
        wrong = [
            {},
            *({"Authorization": value} for value in ("Bearer", "Bearer x", f"Basic {TOKEN}", f"Bearer {TOKEN}x")),
        ]
        for headers in wrong:
            for path in ("/v1/info", "/metrics", "/openapi.json", "/v1/images/p0", "/nothing"):
                reply = requests.get(address + path, headers=headers, timeout=10)
                assert reply.status_code == 401, (path, headers)
                assert reply.headers["WWW-Authenticate"] == "Bearer"
        good = {"Authorization": f"bearer {TOKEN}"}
        assert requests.get(f"{address}/v1/info", headers=good, timeout=10).json()["pictures"] == 12
        assert post(f"{address}/v1/search", {"queries": ["x"]}, headers=good).status_code == 200


def test_info_tells_languages_but_not_the_place(base: str) -> None:
    reply = requests.get(f"{base}/v1/info", timeout=10).json()
    assert reply["query_languages"] == ["en"]
    assert "place" not in reply


def test_large_bodies_are_refused_whether_announced_or_not(base: str, gallery: FakeGallery) -> None:
    too_much = b'{"queries": ["' + b"x" * MAX_BODY + b'"]}'
    announced = requests.post(f"{base}/v1/search", data=too_much[: MAX_BODY + 1], timeout=10)
    assert (announced.status_code, announced.json()["error"]["code"]) == (413, "too_large")
    pieces = (too_much[start : start + 65536] for start in range(0, len(too_much), 65536))
    streamed = requests.post(f"{base}/v1/search", data=pieces, timeout=10)
    assert streamed.status_code == 413
    assert gallery.queries == []


def test_dripping_bodies_are_cut_off(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retrieval.serve.guard.BODY_SECONDS", 0.3)
    host, port = base.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(b"POST /v1/search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{")
        assert connection.recv(4096).startswith(b"HTTP/1.1 408")


def test_other_host_names_are_refused_where_only_this_machine_may_ask(base: str) -> None:
    for host, status in (
        ("evil.example", 400),
        ("127.0.0.1.evil.example", 400),
        ("localhost:1", 200),
        ("[::1]:9", 200),
    ):
        assert requests.get(f"{base}/health", headers={"Host": host}, timeout=10).status_code == status, host


def test_unknown_addresses_and_methods_are_json(base: str) -> None:
    assert requests.get(f"{base}/docs", timeout=10).json()["error"]["code"] == "not_found"
    reply = requests.get(f"{base}/v1/search", timeout=10)
    assert (reply.status_code, reply.json()["error"]["code"]) == (405, "method_not_allowed")


def test_metrics_count_by_route_and_not_by_id(base: str) -> None:
    for one in ("p0", "p1", "unknown"):
        requests.get(f"{base}/v1/images/{one}", timeout=10)
    requests.request("BREW", f"{base}/coffee/mokka", timeout=10)
    text = requests.get(f"{base}/metrics", timeout=10).text
    lines = text.splitlines()
    route = "/v1/images/{picture_id:path}"
    assert f'gallery_requests_total{{method="GET",route="{route}",status="200"}} 2.0' in lines
    assert f'gallery_requests_total{{method="GET",route="{route}",status="404"}} 1.0' in lines
    assert 'gallery_requests_total{method="other",route="other",status="404"} 1.0' in lines
    assert f'gallery_request_seconds_bucket{{le="+Inf",route="{route}"}} 3.0' in lines
    assert "gallery_pictures 12.0" in lines
    assert "mokka" not in text  # letters: digits may stand in a time


def test_many_clients_at_once_get_their_own_answers(base: str) -> None:
    def ask(number: int) -> bool:
        exclude = [f"p{n}" for n in range(12) if n != number % 12]
        reply = post(f"{base}/v1/search", {"queries": [str(number)], "exclude": exclude})
        ids = [one["id"] for one in reply.json()["results"]]
        size = requests.get(f"{base}/v1/images/{ids[0]}/thumbnail", timeout=10).status_code
        return ids == [f"p{number % 12}"] and size == 200

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(96)))


def test_serve_refuses_other_machines_without_a_token_and_bad_ports(gallery: FakeGallery) -> None:
    with pytest.raises(RetrievalError, match="token is needed") as caught:
        serve(gallery, host="0.0.0.0", port=0)
    assert "令牌" in caught.value.text("zh")
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(RetrievalError, match="cannot listen"):
        serve(gallery, port=taken.getsockname()[1])
    with pytest.raises(RetrievalError, match="cannot listen"):
        serve(gallery, port=70_000)
    with pytest.raises(RetrievalError, match="ASCII"):
        serve(gallery, port=0, token="geheim nis")


def test_serve_answers_on_its_port_with_the_token_of_the_environment(
    gallery: FakeGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XCOMPOSER_GALLERY_TOKEN", TOKEN)
    threading.Thread(target=serve, args=(gallery,), kwargs={"port": 7805}, daemon=True).start()
    end = time.monotonic() + 10
    while True:
        try:
            reply = requests.get("http://127.0.0.1:7805/v1/info", timeout=2)
            break
        except requests.ConnectionError:
            assert time.monotonic() < end
            time.sleep(0.05)
    assert reply.status_code == 401
    good = requests.get("http://127.0.0.1:7805/v1/info", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=5)
    assert json.loads(good.text)["name"] == "fake"
    assert "server" not in {name.lower() for name in good.headers}
    with requests.Session() as session:  # Nagle's algorithm against delayed acknowledgements: never under 40 ms
        session.headers["Authorization"] = f"Bearer {TOKEN}"
        taken = []
        for _ in range(20):
            start = time.perf_counter()
            session.get("http://127.0.0.1:7805/v1/images/p1/file", timeout=5)
            taken.append(time.perf_counter() - start)
    assert min(taken) < 0.03


def test_pages_of_others_may_not_ask(base: str) -> None:
    for origin in ("http://evil.example", "null", "http://127.0.0.1:3000"):
        reply = requests.get(f"{base}/v1/info", headers={"Origin": origin}, timeout=10)
        assert (reply.status_code, reply.json()["error"]["code"]) == (403, "foreign_origin")
    assert requests.get(f"{base}/v1/info", headers={"Origin": base}, timeout=10).status_code == 200


def test_a_name_that_the_owner_allows_is_answered(gallery: FakeGallery) -> None:
    with running(create_app(gallery, local_only=True, allowed_hosts=["pictures.example"])) as base:
        for host, status in (("pictures.example", 200), ("evil.example", 400)):
            reply = requests.get(f"{base}/v1/info", headers={"Host": host}, timeout=10)
            assert reply.status_code == status
        fault = reply.json()["error"]
        for message in (fault["message"], fault["message_zh"]):
            assert "evil.example" in message
            assert "--allowed_host " in message


def test_every_refusal_is_said_in_both_languages(base: str) -> None:
    asked = [
        requests.get(f"{base}/nothing/here", timeout=10),
        requests.delete(f"{base}/v1/info", timeout=10),
        requests.get(f"{base}/v1/images/none", timeout=10),
        requests.post(f"{base}/v1/search", data=b"{", headers={"Content-Type": "application/json"}, timeout=10),
        requests.post(f"{base}/v1/search", json={"picture": base64.b64encode(b"<svg/>").decode()}, timeout=10),
    ]
    assert [reply.status_code for reply in asked[:3]] == [404, 405, 404]
    for fault in (reply.json()["error"] for reply in asked):
        assert fault["message"]
        assert is_chinese(fault["message_zh"]), fault
