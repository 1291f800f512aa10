"""The Chat and Gallery tabs, and the appearance button, with fakes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.browser.conftest import Server, finished, write
from tests.browser.test_page import LONG, Slow
from tests.fakes import FakeGallery, FakeModel

pytestmark = pytest.mark.browser
BOX = "#xc-chat-box textarea"


def ask(page: Any, question: str) -> None:
    page.click("[role=tab] >> nth=1")
    page.fill(BOX, question)
    page.press(BOX, "Enter")


def test_an_answer_streams_stops_regenerates_and_clears(
    serve_studio: Callable[..., Server], visit: Callable[..., Any], tmp_path: Path
) -> None:
    model = Slow(article=LONG)
    page = visit(serve_studio(model, FakeGallery(tmp_path)))
    ask(page, "What about <b>food</b>?")
    page.wait_for_selector("#xc-turns >> text=Sentence number 0")
    page.click("#xc-chat-box .stop-button")
    page.wait_for_selector("#xc-chat-box .submit-button")
    page.wait_for_selector("#xc-regenerate:enabled")  # the server has ended it, too
    page.wait_for_selector("#xc-turns >> text=Continue")
    written = page.inner_text("#xc-turns")
    assert "Sentence number 0" in written
    page.wait_for_timeout(500)
    assert page.inner_text("#xc-turns") == written  # nothing more comes
    assert page.query_selector("#xc-turns img[src^='http://evil']") is None

    model.article = "Another answer."
    page.click("#xc-regenerate")
    page.wait_for_selector("#xc-turns >> text=Another answer.")
    assert "Sentence number 0" not in page.inner_text("#xc-turns")
    page.wait_for_selector("#xc-chat-box .submit-button")
    page.click("#xc-clear")
    page.wait_for_function("!document.querySelector('#xc-turns').innerText.includes('Another answer.')")


def test_a_question_asked_too_early_stays_in_the_box(
    server: Server, visit: Callable[..., Any], fake_model: FakeModel
) -> None:
    assert fake_model.gate is not None
    fake_model.gate.clear()
    page = visit(server)
    ask(page, "What about <b>food</b> & **drink**?")
    page.wait_for_selector("#xc-turns >> text=What about <b>food</b> & **drink**?")  # all of it, as it was typed
    page.fill(BOX, "And rest?")
    page.press(BOX, "Enter")
    page.wait_for_selector("text=Wait until the answer is finished")
    assert page.input_value(BOX) == "And rest?"
    assert page.is_disabled("#xc-regenerate")
    fake_model.gate.set()
    page.wait_for_selector("#xc-chat-box .submit-button")
    page.press(BOX, "Enter")
    page.wait_for_selector("#xc-turns >> text=And rest?")
    page.wait_for_selector("#xc-regenerate:enabled")


def test_a_question_that_is_stopped_before_its_turn_comes_back(
    server: Server, visit: Callable[..., Any], fake_model: FakeModel
) -> None:
    assert fake_model.gate is not None
    fake_model.gate.clear()
    first, page = visit(server), visit(server)
    write(first, wait=False)
    first.wait_for_selector(".xc-root[data-state=running]")
    ask(page, "Where do herons nest?")
    page.wait_for_selector("#xc-turns >> text=Where do herons nest?")
    page.click("#xc-chat-box .stop-button")
    page.wait_for_function("box => document.querySelector(box).value === 'Where do herons nest?'", arg=BOX)
    page.wait_for_function("!document.querySelector('#xc-turns').innerText.includes('herons')")
    fake_model.gate.set()
    finished(first)
    page.press(BOX, "Enter")
    page.wait_for_selector("#xc-turns >> text=fresh water")
    assert page.inner_text("#xc-turns").count("herons") == 1


def test_a_question_that_is_too_long_comes_back_with_the_reason(
    server: Server, visit: Callable[..., Any], fake_model: FakeModel
) -> None:
    page = visit(server)
    ask(page, "heron " * fake_model.capabilities.context_tokens)
    page.wait_for_selector("#xc-turns >> text=more than the model can take")
    page.wait_for_function("box => document.querySelector(box).value.startsWith('heron heron')", arg=BOX)
    page.fill(BOX, "Where do herons nest?")
    page.press(BOX, "Enter")
    page.wait_for_selector("#xc-turns >> text=fresh water")
    assert page.input_value(BOX) == ""


def test_the_page_says_once_that_the_model_does_not_see(server: Server, visit: Callable[..., Any]) -> None:
    page = visit(server)
    page.click("[role=tab] >> nth=1")
    page.wait_for_selector("#xc-chat-note >> text=This model cannot see.")
    page.click(".xc-language")
    page.wait_for_selector("#xc-chat-note >> text=此模型看不到图片")


def test_a_broken_picture_in_the_chat_is_explained(server: Server, visit: Callable[..., Any]) -> None:
    page = visit(server)
    page.click("[role=tab] >> nth=1")
    broken = {"name": "half.png", "mimeType": "image/png", "buffer": b"\x89PNG broken"}
    page.set_input_files("#xc-chat-box input[type=file]", broken)
    page.wait_for_timeout(500)
    page.fill(BOX, "What is this?")
    page.press(BOX, "Enter")
    page.wait_for_selector("text=half.png' cannot be used")


def test_the_gallery_is_searched_while_typing_and_shows_details(server: Server, visit: Callable[..., Any]) -> None:
    page = visit(server)
    page.click("[role=tab] >> nth=2")
    assert "12 pictures" in page.inner_text(".xc-gallery-root .xc-facts >> nth=0")
    page.locator("#xc-gallery-search").locator("textarea, input").press_sequentially("blue")
    page.wait_for_selector(".xc-tile")
    for _ in range(50):  # the last letter is searched too, a moment later
        if server.studio.gallery.queries[-1] == "blue":
            break
        page.wait_for_timeout(100)
    assert server.studio.gallery.queries[-1] == "blue"
    page.click(".xc-tile >> nth=3")
    assert page.inner_text(".xc-details h2") == "picture 3"
    assert "A. Painter" in page.inner_text(".xc-details dl")
    page.keyboard.press("Escape")
    assert page.is_hidden(".xc-details")


def test_a_folder_is_indexed_with_a_line_and_then_searched(
    server: Server, visit: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    folder = tmp_path / "my pictures"
    folder.mkdir()
    Image.new("RGB", (64, 64), "green").save(folder / "a green meadow.jpg")
    (folder / "broken.jpg").write_bytes(b"no picture")
    page = visit(server)
    page.click("[role=tab] >> nth=2")
    page.click("#xc-index .label-wrap")
    place = "#xc-index-row :is(textarea, input)"
    page.fill(place, str(tmp_path / "absent"))
    page.click("#xc-index-go")
    page.wait_for_selector("#xc-index-line >> text=no such folder")
    page.fill(place, str(folder))
    page.click("#xc-index-go")
    page.wait_for_selector("#xc-index-line >> text=Pictures added: 1,", timeout=60_000)
    page.locator("#xc-gallery-search").locator("textarea, input").press_sequentially("meadow")
    page.wait_for_function("document.querySelector('.xc-tile')?.innerText.includes('green meadow')", timeout=30_000)


def test_the_appearance_is_switched_and_remembered(server: Server, visit: Callable[..., Any]) -> None:
    page = visit(server)
    dark = "document.body.classList.contains('dark')"
    assert page.evaluate(dark) is False
    page.click(".xc-theme")
    assert page.evaluate(dark) is True
    page.reload()
    page.wait_for_selector(".xc-ready")
    page.wait_for_function(dark)


def test_a_model_that_loads_is_shown_with_its_progress(
    serve_studio: Callable[..., Server], chromium: Any, tmp_path: Path
) -> None:
    import threading

    from composer.models.base import LoadProgress

    go_on = threading.Event()

    def load(progress: Callable[[LoadProgress], None]) -> FakeModel:
        progress(LoadProgress("assemble", 250, 1000))
        go_on.wait(20)
        return FakeModel()

    server = serve_studio(load, FakeGallery(tmp_path))
    page = chromium.new_page()
    page.goto(server.address)
    page.wait_for_selector(".xc-status >> text=Putting the model file together 25%")
    page.fill("#xc-title textarea", "Written as soon as the model is there")
    page.press("#xc-title textarea", "Enter")
    page.wait_for_selector(".xc-root[data-state=loading]")
    assert "Putting the model file together" in page.inner_text(".xc-stepper")
    go_on.set()
    page.wait_for_selector(".xc-root[data-state=done]")
    page.wait_for_selector(".xc-ready >> text=fake")
    page.close()
