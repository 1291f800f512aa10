"""Pictures at addresses: copied from a bucket and from a web server's listing, kept up to date, bad ones named."""

import json
import os
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import _registry
from typer.testing import CliRunner

from retrieval.cli import app
from retrieval.errors import FolderEmpty, FolderUnreadable, GalleryUnreadable, RetrievalError
from retrieval.gallery import Gallery
from retrieval.sources.folders import copy_folder, copy_place, is_address, open_folder
from retrieval.sources.folders.base import is_safe
from tests.retrieval.helpers import ColourEncoder, paint


class Store(MemoryFileSystem):  # type: ignore[misc]  # fsspec is untyped
    """An object store that is kept in memory, in the place of S3."""

    protocol = "s3"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    opened: ClassVar[list[str]] = []

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return "/" + path.removeprefix("s3://").strip("/")

    def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        if mode == "rb":
            self.opened.append(path)
        return super()._open(path, mode, **options)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Store:
    """s3://album/trip with pictures, words, and what no gallery reads."""
    monkeypatch.setitem(_registry, "s3", Store)
    Store.store.clear()
    Store.opened.clear()
    Store.clear_instance_cache()
    store = Store()
    for name, colour in (("red.png", "red"), ("sea/blue.png", "blue")):
        store.pipe(f"s3://album/trip/{name}", paint(tmp_path / "made" / name, colour).read_bytes())
    store.pipe("s3://album/trip/red.txt", b"A red bus in London")
    store.pipe("s3://album/trip/film.mp4", b"0" * 100)
    store.pipe("s3://album/tripod.png", b"another folder")
    Store.opened.clear()
    return store


def names(place: Path) -> list[str]:
    return sorted(str(path.relative_to(place)) for path in place.rglob("*") if path.is_file() and path.name[0] != ".")


def test_a_bucket_is_copied_and_only_what_changed_travels_again(bucket: Store, tmp_path: Path) -> None:
    place = tmp_path / "copy"
    first = copy_folder(open_folder("s3://album/trip"), place)
    assert (first.fetched, first.unchanged, first.skipped) == (3, 0, [])
    assert names(place) == ["red.png", "red.txt", "sea/blue.png"]
    assert (place / "red.txt").read_bytes() == b"A red bus in London"
    Store.opened.clear()
    again = copy_folder(open_folder("s3://album/trip/"), place)
    assert (again.fetched, again.unchanged) == (0, 3)
    assert Store.opened == []
    bucket.pipe("s3://album/trip/red.txt", b"A red bus in Paris!")
    bucket.rm("s3://album/trip/sea/blue.png")
    changed = copy_folder(open_folder("s3://album/trip"), place)
    assert (changed.fetched, changed.removed) == (1, 1)
    assert names(place) == ["red.png", "red.txt"]
    (place / "red.png").write_bytes(b"half")  # a copy that was damaged here
    assert copy_folder(open_folder("s3://album/trip"), place).fetched == 1
    bucket.rm("s3://album/trip/red.png")
    bucket.rm("s3://album/trip/red.txt")
    with pytest.raises(FolderEmpty, match="2 files of the gallery"):
        copy_folder(open_folder("s3://album/trip"), place)
    assert names(place) == ["red.png", "red.txt"]
    assert copy_folder(open_folder("s3://album/trip"), place, prune=True).removed == 2


def test_names_lead_nowhere_but_below_the_copy_and_files_have_a_limit(
    bucket: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("../../up.png", "a\nb.png", "sea/../../x.png", f"{'long' * 80}.png"):
        Store.store[f"/album/trip/{name}"] = Store.store["/album/trip/red.png"]
    monkeypatch.setattr("retrieval.sources.folders.copies.MAX_BYTES", 100)
    report = copy_folder(open_folder("s3://album/trip"), tmp_path / "copy")
    reasons = dict(report.skipped)
    assert names(tmp_path) == [
        "copy/red.txt", "made/red.png", "made/sea/blue.png"
    ]  # fmt: skip
    assert reasons["red.png"].startswith("it is larger than")
    assert reasons["../../up.png"] == "its name cannot be that of a file on every system"
    assert len(reasons) == 6
    assert is_safe("a/ä 猫.png")
    assert not any(map(is_safe, ("/a.png", "a//b.png", "a/./b.png", "C:/a.png", "nul\0.png", "a\\b.png", "dir./a.png")))


def test_a_copy_that_is_stopped_goes_on(bucket: Store, tmp_path: Path) -> None:
    for number in range(60):
        bucket.pipe(f"s3://album/many/{number:02}.txt", b"words %d" % number)
    asked: list[int] = []
    stopped = copy_folder(
        open_folder("s3://album/many"), tmp_path / "m", stop=lambda: asked.append(1) or len(asked) > 9
    )
    assert stopped.stopped
    assert 0 < stopped.fetched < 60
    rest = copy_folder(open_folder("s3://album/many"), tmp_path / "m")
    assert rest.unchanged == stopped.fetched
    assert len(names(tmp_path / "m")) == 60


class Quiet(SimpleHTTPRequestHandler):
    """A web server's listing."""

    answers: ClassVar[list[tuple[str, int]]] = []

    def log_message(self, *_: object) -> None:
        pass

    def guess_type(self, path: Any) -> str:
        return "text/html" if str(path).endswith("soft.png") else super().guess_type(path)

    def send_response(self, code: int, message: str | None = None) -> None:
        self.answers.append((self.path, code))
        super().send_response(code, message)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    root = tmp_path / "web"
    paint(root / "album" / "red one.png", "red")
    paint(root / "album" / "海" / "blue.png", "blue")
    (root / "album" / "red one.txt").write_text("A red bus", "utf-8")
    paint(root / "other.png", "green")
    Quiet.answers.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/album", root / "album"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_web_servers_folder_is_indexed_and_asked_for_changes_only(
    web: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, root = web
    gallery = str(tmp_path / "g")
    monkeypatch.setattr("retrieval.gallery.load_encoder", lambda name: ColourEncoder())

    def index() -> dict[str, Any]:
        Quiet.answers.clear()
        done = CliRunner().invoke(app, ["index", address, "-g", gallery, "--workers", "1", "--json"])
        assert done.exit_code == 0, done.output
        return dict(json.loads(done.stdout.splitlines()[-1]))

    for name in ("red one.png", "red one.txt"):  # a server tells whole seconds: what changes now must have been older
        os.utime(root / name, (1.6e9, 1.6e9))
    assert (index()["added"], {path for path, _ in Quiet.answers if path == "/other.png"}) == (2, set())
    with Gallery.open(gallery) as opened:
        found = {hit.caption: opened.picture(hit.id) for hit in opened.browse()}
    place = copy_place(tmp_path / "g" / "remote", address)
    assert found["A red bus"].path == str(place / "red one.png")
    assert found["A red bus"].date.startswith("2020-09-13")  # the file's, as the server says
    (root / "red one.txt").write_text("A red bus in London", "utf-8")
    (root / "海" / "blue.png").unlink()
    changed = index()
    assert sorted(code for path, code in Quiet.answers if not path.endswith("/")) == [200, 304]
    assert (changed["updated"], changed["removed"], changed["pictures"]) == (1, 1, 1)


def test_what_a_server_links_to_elsewhere_is_not_asked_and_a_page_is_no_picture(
    web: tuple[str, Path], tmp_path: Path
) -> None:
    address, root = web
    (root / "index.html").write_text(
        '<a href="http://169.254.169.254/latest/meta-data/secret.png">a</a><a href="../another/folder/other.png">b</a>'
        '<a href="?C=M;O=A">c</a>'
        '<a href="%2e%2e%2fup.png">d</a><a href="gone.png">e</a><a href="page.png/">f</a><a href="red%20one.png">g</a>'
        '<a href="soft.png">h</a>',
        "utf-8",
    )
    (root / "page.png").mkdir()
    (root / "soft.png").write_text("<p>Please log in</p>", "utf-8")
    report = copy_folder(open_folder(address), tmp_path / "copy")
    assert names(tmp_path / "copy") == ["red one.png"]
    assert {path for path, _ in Quiet.answers} == {
        "/album/",
        "/album/page.png/",
        "/album/gone.png",
        "/album/red%20one.png",
        "/album/soft.png",
    }
    assert dict(report.skipped) == {
        "../up.png": "its name cannot be that of a file on every system",
        "gone.png": "it does not know this address",
        "soft.png": "it sent a page instead of a file",
    }


@pytest.mark.parametrize(
    ("address", "error", "sentence"),
    [
        ("file:///etc", FolderUnreadable, "addresses begin with one of: https://, http://, s3://"),
        ("s3://key:secret@album/trip", FolderUnreadable, "no user name or password; credentials belong"),
        ("https://me:secret@example.org/a", GalleryUnreadable, "may hold no user name or password"),
        ("gs://album/trip", RetrievalError, "need the package gcsfs: pip install gcsfs"),
        ("s3://album/trip::file:///etc", FolderUnreadable, "joined by '::' are not taken"),
    ],
)
def test_an_address_that_cannot_be_used_is_answered_with_a_sentence(
    bucket: Store, address: str, error: type[RetrievalError], sentence: str
) -> None:
    with pytest.raises(error) as caught:
        open_folder(address)
    assert sentence in caught.value.text("en")
    assert "secret" not in caught.value.text("en").replace("me:secret@example.org", "")


def test_a_bucket_that_cannot_be_listed_is_named_with_the_reason(
    bucket: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("Access Denied")

    monkeypatch.setattr(Store, "find", refuse)
    with pytest.raises(FolderUnreadable, match="'s3://album/trip' cannot be read: Access Denied"):
        copy_folder(open_folder("s3://album/trip"), tmp_path / "copy")


def test_drives_and_folders_are_no_addresses() -> None:
    assert not any(map(is_address, ("C:/pictures", "C:\\pictures", "./a", "~/Pictures", "//share/pictures")))
    assert is_address("s3://album") and is_address("HTTPS://example.org")  # noqa: PT018
