"""What the Gallery tab's script asks of Python, without a browser. tests/browser drives the rest."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from common import messages
from retrieval.gallery import Gallery
from retrieval.ingest import IngestOptions
from tests.fakes import FakeGallery, FakeModel
from tests.retrieval.helpers import ColourEncoder, paint
from ui.gallery.actions import GalleryActions
from ui.studio import Studio


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[GalleryActions]:
    """The answers for a visitor who may only look."""
    studio = Studio(lambda progress: FakeModel(), lambda: FakeGallery(tmp_path))
    studio.start()
    assert studio.gallery_settled.wait(5)
    yield GalleryActions(studio, allowed=False, uploads=tmp_path)
    studio.close()


def test_what_needs_permission_is_refused_in_the_language_of_the_page(stranger: GalleryActions) -> None:
    refused = stranger.answer({"act": "remove", "id": "p0", "language": "zh"})
    assert list(refused) == ["problem"]
    assert "只有" in refused["problem"]


@pytest.mark.parametrize("language", ["xx", "../../elsewhere", "/etc", "", "\0", None, 5, "e" * 1000])
def test_only_languages_with_a_catalogue_are_looked_up(stranger: GalleryActions, language: object) -> None:
    for code in messages.languages():
        messages.Text("Gallery").text(code)
    opened = messages._catalogue.cache_info().currsize
    refused = stranger.answer({"act": "remove", "id": "p0", "language": language})
    assert "only by a person at the machine" in refused["problem"]
    assert messages._catalogue.cache_info().currsize == opened
    asked = stranger.answer({"act": "hello", "language": language})
    assert "problem" in asked or "pictures" in asked["facts"]


@pytest.mark.parametrize("sent", [None, [], "hello", {}, {"act": "nothing"}, {"act": "search", "count": 10**9}])
def test_nonsense_is_answered_with_a_sentence(stranger: GalleryActions, sent: object) -> None:
    assert stranger.answer(sent) == {"problem": "This did not work. Try again, or load the page anew."}


@pytest.mark.skipif(os.name == "nt", reason="names of files are bytes on Unix only")
def test_names_that_are_no_text_are_shown_and_filtered_by(tmp_path: Path) -> None:
    folder = tmp_path / "pictures" / os.fsdecode(b"caf\xe9")
    file = paint(folder / os.fsdecode(b"\xff door.png"))
    (folder / os.fsdecode(b"\xfe.png")).write_bytes(b"broken")
    paint(tmp_path / "pictures" / "other.png", "blue")
    with Gallery.open(tmp_path / "g", create=True, encoder=ColourEncoder()) as gallery:
        gallery.add(tmp_path / "pictures", options=IngestOptions(workers=1))
        studio = Studio(lambda progress: FakeModel(), lambda: gallery)
        studio.start()
        assert studio.gallery_settled.wait(5)
        owner = GalleryActions(studio, allowed=True, uploads=tmp_path)

        def ask(**request: object) -> dict[str, object]:
            answer: dict[str, object] = json.loads(json.dumps(owner.answer(request), ensure_ascii=False).encode())
            return answer

        [_, (chosen, count)] = ask(act="choices")["folders"]  # type: ignore[misc]  # rows of two
        assert count == 1
        [hit] = ask(act="search", filters={"folder": chosen})["hits"]  # type: ignore[misc]  # one
        details = ask(act="details", id=hit["id"])["picture"]
        assert details["file"] == str(file).encode("utf-8", "surrogateescape").decode("utf-8", "replace")  # type: ignore[index]  # a row
        [[path, _]] = ask(act="skipped")["skipped"]  # type: ignore[misc]  # one
        assert path == f"{tmp_path}/pictures/caf\ufffd/\ufffd.png"
        [[_path, reason]] = ask(act="skipped", language="zh")["skipped"]  # type: ignore[misc]  # one
        assert reason.startswith("图片")
        studio.close()
