"""RemoteGallery against servers that lie, drip, flood and stay silent."""

import gc
import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from retrieval.errors import RetrievalError
from retrieval.sources.remote import RemoteGallery
from tests.retrieval.serve.gallery_serving import FOUND, INFO, SHORT_TIMEOUTS, answer, lying, png


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
        remote = RemoteGallery(address, folder=tmp_path, timeouts=SHORT_TIMEOUTS)
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


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Finalizers of what other tests left fail as deep in the stack as JSON that is nested too deep brings them."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


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
def test_answers_of_another_form_are_refused(body: bytes, tmp_path: Path, uncollected: None) -> None:
    def script(line: str, connection: socket.socket) -> None:
        connection.sendall(answer(INFO if "/v1/info" in line else body))

    with lying(script) as (address, _):
        remote = RemoteGallery(address, folder=tmp_path, timeouts=SHORT_TIMEOUTS)
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
