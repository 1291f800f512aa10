"""RemoteGallery against the real server on a loopback port, and against servers that lie."""

import hashlib
import io
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from retrieval.base import Hit, PictureGallery
from retrieval.connections import AddressRefused, AddressRule
from retrieval.download import Downloader, Patience
from retrieval.errors import GalleryUnreadable, RetrievalError
from retrieval.remote import RemoteGallery
from retrieval.server import create_app
from tests.fakes import FakeGallery
from tests.retrieval.gallery_serving import answer, lying, running

HASTE = Patience(connect=1, silence=0.5, answer=0.6, whole=0.6)
INFO = json.dumps({"name": "liar", "pictures": 1, "encoder": "none"}).encode()
FOUND = json.dumps({"results": [{"id": "a", "score": 1.0}]}).encode()


@pytest.fixture
def gallery(tmp_path: Path) -> FakeGallery:
    folder = tmp_path / "served"
    folder.mkdir()
    return FakeGallery(folder, count=8, query_languages=("en", "zh"))


@pytest.fixture
def remote(gallery: FakeGallery, tmp_path: Path) -> Iterator[RemoteGallery]:
    with running(create_app(gallery)) as address:
        yield RemoteGallery(address, folder=tmp_path / "cache")


def png(size: tuple[int, int] = (40, 30)) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", size, "orange").save(written, "PNG")
    return written.getvalue()


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
        RemoteGallery(address, patience=HASTE)
    assert caught.value.text("zh") != caught.value.text("en")


# --- servers that lie ---------------------------------------------------------------------------------------------


def gallery_of(picture: Callable[[socket.socket], None] | bytes) -> Callable[[str, socket.socket], None]:
    """A server whose JSON is right and whose pictures are `picture`."""

    def script(line: str, connection: socket.socket) -> None:
        if "/v1/info" in line:
            connection.sendall(answer(INFO))
        elif "/v1/search" in line:
            connection.sendall(answer(FOUND))
        elif isinstance(picture, bytes):
            connection.sendall(picture)
        else:
            picture(connection)

    return script


def drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(100):
        connection.sendall(b"x")
        time.sleep(0.05)


def drip_headers(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for number in range(100):
        connection.sendall(b"X-%d: y\r\n" % number)
        time.sleep(0.05)


def flood(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n")
    while True:
        connection.sendall(b"\0" * 65536)


def silence(_: socket.socket) -> None:
    time.sleep(3)


BOMB = png((9000, 9000))
DRAWING = b"""<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>"""
LIES: dict[str, tuple[Callable[[socket.socket], None] | bytes, str]] = {
    "a page instead of a picture": (answer(b"<html>", "text/html"), "text/html"),
    "no type": (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "instead of a picture"),
    "a picture type over garbage": (answer(b"garbage", "image/png"), "no usable picture"),
    "a picture type over HTML": (answer(b"<svg onload=alert(1)>", "image/jpeg"), "no usable picture"),
    "SVG": (answer(DRAWING, "image/svg+xml"), "svg"),
    "SVG under another name": (answer(DRAWING, "image/png"), "no usable picture"),
    "a truncated picture": (answer(png()[:60], "image/png"), "no usable picture"),
    "a body shorter than announced": (answer(png(), "image/png", length=5000), "broke off"),
    "a huge announcement": (answer(png(), "image/png", length=10**12), "more than"),
    "an endless body": (flood, "more than"),
    "dripping": (drip, "too slowly"),
    "dripping headers": (drip_headers, "cannot be reached|in time"),
    "silence": (silence, "in time"),
    "hanging up": (b"", "cannot be reached"),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.6\r\n", "cannot be reached"),
    "too many pixels": (answer(BOMB, "image/png"), "no usable picture"),
    "compressed": (
        b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        "compressed",
    ),
    "a redirect to the cloud's secrets": (
        b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest/meta-data/\r\nContent-Length: 0\r\n\r\n",
        "another place",
    ),
    "a redirect to another port": (
        b"HTTP/1.1 307 X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        "another place",
    ),
    "a redirect to a file": (
        b"HTTP/1.1 301 X\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
        "another place",
    ),
    "circles": (b"HTTP/1.1 302 Found\r\nLocation: /v1/images/a/file\r\nContent-Length: 0\r\n\r\n", "circles"),
    "a server error": (answer(b"{}", status="500 Oh"), "status 500"),
}


@pytest.mark.parametrize("lie", LIES)
def test_lies_about_pictures_become_sentences_and_leave_nothing_behind(lie: str, tmp_path: Path) -> None:
    picture, named = LIES[lie]
    start = time.monotonic()
    with lying(gallery_of(picture)) as (address, _):
        remote = RemoteGallery(address, folder=tmp_path, patience=HASTE)
        with pytest.raises(RetrievalError, match=named) as caught:
            remote.search("x")
    assert time.monotonic() - start < 8
    assert address in str(caught.value)
    assert caught.value.text("zh") != caught.value.text("en")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_redirect_within_the_same_server_is_followed(tmp_path: Path) -> None:
    def script(line: str, connection: socket.socket) -> None:
        if "moved" in line:
            connection.sendall(answer(png(), "image/png"))
        else:
            gallery_of(b"HTTP/1.1 302 F\r\nLocation: /moved\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")(
                line, connection
            )

    with lying(script) as (address, _):
        hit = RemoteGallery(address, folder=tmp_path).search("x")[0]
    assert Path(hit.path).read_bytes() == png()


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b"null",
        b"{",
        b"[" * 200_000,
        b"\xff\xfe\x00",
        b'{"results": "abc"}',
        b'{"results": [{"id": 5}]}',
        b'{"results": [{"id": "", "score": 1}]}',
        b'{"results": [{"id": "a", "score": NaN}]}',
        json.dumps({"results": [{"id": f"{n}"} for n in range(101)]}).encode(),
    ],
)
def test_answers_of_another_form_are_refused(body: bytes, tmp_path: Path) -> None:
    def script(line: str, connection: socket.socket) -> None:
        connection.sendall(answer(INFO if "/v1/info" in line else body))

    with lying(script) as (address, _):
        remote = RemoteGallery(address, folder=tmp_path, patience=HASTE)
        with pytest.raises(RetrievalError, match=r"JSON|not that of a gallery server"):
            remote.search("x")


def test_more_results_than_asked_for_and_links_of_other_kinds_are_cut(tmp_path: Path) -> None:
    many = {"results": [{"id": f"n{n}", "source": "javascript:alert(1)"} for n in range(50)]}

    def script(line: str, connection: socket.socket) -> None:
        if "/v1/search" in line:
            connection.sendall(answer(json.dumps(many).encode()))
        else:
            gallery_of(answer(png(), "image/png"))(line, connection)

    with lying(script) as (address, seen):
        hits = RemoteGallery(address, folder=tmp_path).search("x", k=2)
    assert [(hit.id, hit.source) for hit in hits] == [("n0", ""), ("n1", "")]
    assert sum("/file" in line for line in seen) == 2


def test_a_busy_server_is_asked_again_and_its_day_long_pause_is_not_waited_for(tmp_path: Path) -> None:
    tries: list[str] = []

    def script(line: str, connection: socket.socket) -> None:
        tries.append(line)
        if len(tries) == 1:
            connection.sendall(
                b"HTTP/1.1 503 Busy\r\nRetry-After: 86400\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
        else:
            connection.sendall(answer(INFO))

    start = time.monotonic()
    with lying(script) as (address, _):
        assert RemoteGallery(address, folder=tmp_path).name == "liar"
    assert len(tries) == 2
    assert time.monotonic() - start < 3


def test_a_server_that_stays_busy_is_an_error_after_a_few_tries(tmp_path: Path) -> None:
    def script(_: str, connection: socket.socket) -> None:
        connection.sendall(answer(b"{}", status="503 Busy"))

    with lying(script) as (address, seen), pytest.raises(RetrievalError, match="try again later"):
        RemoteGallery(address, folder=tmp_path)
    assert len(seen) == 3


def test_an_endless_json_is_cut_off(tmp_path: Path) -> None:
    def script(_: str, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[")
        while True:
            connection.sendall(b"1," * 30_000)

    with lying(script) as (address, _), pytest.raises(RetrievalError, match="more than"):
        RemoteGallery(address, folder=tmp_path)


def test_the_token_goes_to_the_configured_server_only(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(0.5)
        location = f"http://127.0.0.1:{other.getsockname()[1]}/".encode()

        def script(_: str, connection: socket.socket) -> None:
            connection.sendall(b"HTTP/1.1 302 F\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n")

        with lying(script) as (address, _), pytest.raises(RetrievalError, match="another place"):
            RemoteGallery(address, token="secret", folder=tmp_path)
        with pytest.raises(TimeoutError):
            other.accept()


@pytest.mark.parametrize(
    ("address", "fine"),
    [
        ("93.184.216.34", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("192.168.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:169.254.169.254", False),
        ("224.0.0.1", False),
        ("2606:2800:220:1::1", True),
    ],
)
def test_public_hosts_may_not_lead_to_private_addresses(address: str, fine: bool) -> None:
    rule = AddressRule(public_only=True)
    if fine:
        rule.check(address)
    else:
        with pytest.raises(AddressRefused):
            rule.check(address)


def test_a_private_host_may_be_private_until_it_was_public_once() -> None:
    rule = AddressRule()
    rule.check("192.168.1.7")
    rule.check("127.0.0.1")
    with pytest.raises(AddressRefused):
        rule.check("169.254.169.254")  # never, whatever the host
    rule.check("93.184.216.34")
    with pytest.raises(AddressRefused):
        rule.check("192.168.1.7")


def test_a_connection_to_a_refused_address_sends_nothing(tmp_path: Path) -> None:
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            connection, _ = listener.accept()
            with connection:
                received.append(connection.recv(1000))

        thread = threading.Thread(target=accept)
        thread.start()
        downloader = Downloader(f"http://localhost:{listener.getsockname()[1]}", public_only=True, folder=tmp_path)
        with pytest.raises(RetrievalError, match="must not be asked"):
            downloader.json("v1/info")
        thread.join(5)
    assert received == [b""]
