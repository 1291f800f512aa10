"""What the Gallery tab's script asks of Python, without a browser. tests/browser drives the rest."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from common import messages
from tests.fakes import FakeGallery, FakeModel
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
