"""The program is restarted under an open tab: what the tab shows stays, and can be changed and saved."""

import io
import itertools
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.browser.conftest import CAT, Server, article_text, finished, save_as, upload, write
from tests.browser.test_page import LONG, Slow
from tests.fakes import FakeGallery, FakeModel
from tests.serving import cut_off

pytestmark = pytest.mark.browser
EDIT = ".xc-edit"
PATIENCE = 40_000  # milliseconds: a browser that lost its server takes a while to turn to the next one
BOX = "#xc-chat-box textarea"


def at_rest(page: Any) -> None:
    """Waits until nothing is asked of the server any more: a page that loses an answer loads itself anew."""
    page.wait_for_function("performance.now() - performance.getEntriesByType('resource').at(-1).responseEnd > 700")


def edit(page: Any, number: int, words: str) -> None:
    page.click(f".xc-section >> nth={number} >> .xc-text")
    page.fill(EDIT, words)
    page.press(EDIT, "Enter")


def saved(page: Any) -> dict[str, bytes]:
    with page.expect_download() as download:
        save_as(page, "zip")
    with zipfile.ZipFile(download.value.path()) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_article_stays_and_takes_the_edit(
    server: Server, visit: Callable[..., Any], restart: Callable[..., Server]
) -> None:
    page = visit(server)
    page.set_default_timeout(PATIENCE)
    write(page)
    edit(page, 1, "My own sentence about Minka.")
    page.wait_for_function("document.querySelector('.xc-article').innerText.includes('Minka')")
    pictures = page.locator(".xc-picture img").count()
    upload_stream = io.BytesIO()
    Image.new("RGB", (90, 60), "purple").save(upload_stream, "PNG")
    page.click(".xc-picture >> nth=0")
    upload(page, ".xc-panel-foot button >> nth=0", "mine.png", upload_stream.getvalue())
    page.wait_for_function(
        "document.querySelector('.xc-candidate [aria-label], .xc-candidate').ariaLabel.includes('own')"
    )
    page.keyboard.press("Escape")
    before = article_text(page)
    at_rest(page)
    restart(server)
    edit(page, 2, "One more word.")
    files = saved(page)  # at once: the edit, the article and the saving are all under way
    text = files["article.md"].decode()
    assert "Minka" in text
    assert "One more word." in text
    shown = article_text(page)
    assert [line for line in shown.split("\n") if line not in before.split("\n")] == ["One more word."]
    assert page.locator(".xc-picture img").count() == pictures
    assert page.locator(".xc-notice.xc-bad, .xc-notice.xc-warning").count() == 0
    drawn = [Image.open(io.BytesIO(content)) for name, content in files.items() if name.endswith((".jpg", ".png"))]
    assert (90, 60) in [picture.size for picture in drawn]


def later(counted: Iterator[int], never: threading.Event, seconds: float) -> None:
    """Lets fifteen pieces pass at once, and the others after that time."""
    if next(counted) >= 15:
        never.wait(seconds)


@pytest.fixture
def stuck(fake_model: FakeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model gets stuck in the second paragraph."""
    gate = threading.Event()
    fake_model.gate = gate
    monkeypatch.setattr(gate, "wait", partial(later, itertools.count(), threading.Event()))


def begun(page: Any) -> str:
    """Begins an article and returns the text that stands there when the model gets stuck."""
    write(page, wait=False)
    page.wait_for_selector(".xc-section >> nth=1 >> text=every day.")
    return article_text(page)


@pytest.mark.usefixtures("stuck")
def test_what_was_being_written_stays_and_can_be_saved(
    server: Server, visit: Callable[..., Any], restart: Callable[..., Server]
) -> None:
    page = visit(server)
    page.set_default_timeout(PATIENCE)
    before = begun(page)
    page.evaluate("window.notLoadedAnew = true")
    cut_off(server.blocks)
    page.wait_for_selector(".xc-status.xc-bad >> text=Not connected")
    page.wait_for_function("!document.querySelector('.toast-body')")
    restart(server)
    page.wait_for_selector(".xc-notices >> text=Stopped. What was written is kept.")
    page.wait_for_selector(".xc-status.xc-ready")
    assert article_text(page) == before
    files = saved(page)
    assert before.split("\n")[-1].strip()[:10] in files["article.md"].decode()
    # a Gradio page that has lost its connection is of no use: this is what must be there to save again
    assert not page.evaluate("window.notLoadedAnew")
    assert page.input_value("#xc-title textarea") == CAT


def test_a_reload_keeps_the_article_with_its_own_picture_and_the_conversation(
    server: Server, visit: Callable[..., Any], restart: Callable[..., Server], fake_model: FakeModel
) -> None:
    fake_model.answer = lambda messages: "A heron, or a `<b>` & <i>crane</i>." if "Who" in messages[-1].text else None
    page = visit(server)
    page.set_default_timeout(PATIENCE)
    write(page)
    upload_stream = io.BytesIO()
    Image.new("RGB", (90, 60), "purple").save(upload_stream, "PNG")
    page.click(".xc-picture >> nth=0")
    upload(page, ".xc-panel-foot button >> nth=0", "mine.png", upload_stream.getvalue())
    page.wait_for_function("document.querySelector('.xc-picture img').naturalWidth === 90")
    page.keyboard.press("Escape")
    before = article_text(page)
    page.click("[role=tab] >> nth=1")
    page.fill(BOX, "Who is *there*?")
    page.press(BOX, "Enter")
    page.wait_for_selector("#xc-turns >> text=<i>crane</i>.")
    page.wait_for_selector("#xc-regenerate:enabled")
    page.fill(BOX, "Half a question")
    page.on("dialog", lambda dialog: dialog.accept())
    restart(server)
    page.reload()
    page.wait_for_selector(".xc-status.xc-ready")
    page.wait_for_selector("#xc-turns >> text=<i>crane</i>.")  # the tab is the one that was open
    assert page.inner_text("#xc-turns .user").strip() == "Who is *there*?"
    assert page.input_value(BOX) == "Half a question"
    page.click("[role=tab] >> nth=0")
    assert article_text(page) == before
    page.wait_for_function("document.querySelector('.xc-picture img')?.naturalWidth === 90")
    page.reload()  # and once more, now that the session has the article
    page.wait_for_selector(".xc-status.xc-ready")
    files = saved(page)
    drawn = [Image.open(io.BytesIO(content)) for name, content in files.items() if name.endswith((".jpg", ".png"))]
    assert (90, 60) in [picture.size for picture in drawn]
    assert article_text(page) == before


def test_an_answer_that_was_being_written_is_there_after_a_kill(
    serve_studio: Callable[..., Server], visit: Callable[..., Any], restart: Callable[..., Server], tmp_path: Path
) -> None:
    server = serve_studio(Slow(article=LONG), FakeGallery(tmp_path))
    page = visit(server)
    page.set_default_timeout(PATIENCE)
    page.click("[role=tab] >> nth=1")
    page.fill(BOX, "What about food?")
    page.press(BOX, "Enter")
    page.wait_for_selector("#xc-turns >> text=Sentence number 3")
    page.wait_for_timeout(1000)
    page.evaluate("sessionStorage.removeItem('xc-chat:')")  # what the page shows is not what comes back
    address = page.url
    restart(server)
    page.wait_for_selector(".xc-turn-again:enabled")  # it has loaded itself anew
    assert page.url == address
    assert "Sentence number 3" in page.inner_text("#xc-turns")
    page.click(".xc-turn-again")
    page.wait_for_selector(".xc-turn-at >> text=2/2")
    page.wait_for_selector("#xc-regenerate:enabled")


def test_the_conversation_stays_and_goes_on(
    server: Server, visit: Callable[..., Any], restart: Callable[..., Server], fake_model: FakeModel
) -> None:
    fake_model.answer = lambda messages: "A heron, or a `<b>` & <i>crane</i>."
    page = visit(server)
    page.set_default_timeout(PATIENCE)
    page.click("[role=tab] >> nth=1")
    page.fill(BOX, "Who is *there*?")
    page.press(BOX, "Enter")
    page.wait_for_selector("#xc-turns >> text=<i>crane</i>.")
    page.wait_for_selector("#xc-regenerate:enabled")
    at_rest(page)
    started = restart(server)
    page.fill(BOX, "Where does it live?")
    page.press(BOX, "Enter")
    page.wait_for_selector("#xc-turns >> text=A cat needs a bowl")
    shown = page.inner_text("#xc-turns")
    assert "Who is *there*?" in shown
    assert "A heron, or a <b> & <i>crane</i>." in shown
    prompt = started.studio.model.prompts[-1]
    assert [message.text for message in prompt if message.role != "system"] == [
        "Who is *there*?",
        "A heron, or a `<b>` & <i>crane</i>.",
        "Where does it live?",
    ]
    page.wait_for_selector("#xc-regenerate:enabled")
    page.click("#xc-clear")
    page.wait_for_function("!document.querySelector('#xc-turns').innerText.includes('heron')")


def test_an_answer_that_is_not_kept_is_given_anew_unless_it_is_about_a_picture(
    serve_studio: Callable[..., Server],
    visit: Callable[..., Any],
    restart: Callable[..., Server],
    fake_model: FakeModel,
    tmp_path: Path,
) -> None:
    """Where the folder of conversations cannot be used, only the page has them."""
    server = serve_studio(fake_model, FakeGallery(tmp_path), conversations=None)
    fake_model.capabilities = replace(fake_model.capabilities, sees_pictures=True, max_pictures=4)
    fake_model.answer = lambda messages: "A heron."
    page = visit(server)
    page.set_default_timeout(PATIENCE)
    page.click("[role=tab] >> nth=1")
    page.fill(BOX, "Who is there?")
    page.press(BOX, "Enter")
    page.wait_for_selector("#xc-turns >> text=A heron.")
    page.wait_for_selector("#xc-regenerate:enabled")
    at_rest(page)
    between = restart(server)
    page.click("#xc-regenerate")
    page.wait_for_selector("#xc-turns >> text=A cat needs a bowl")
    page.wait_for_selector("#xc-regenerate:enabled")
    assert "Who is there?" in page.inner_text("#xc-turns")

    between.studio.model.capabilities = fake_model.capabilities
    page.set_input_files("#xc-chat-box input[type=file]", tmp_path / "00.png")
    page.wait_for_selector("#xc-chat-box img")
    page.fill(BOX, "And here?")
    page.press(BOX, "Enter")
    page.wait_for_selector("#xc-turns img")
    page.wait_for_selector("#xc-chat-box .submit-button")
    page.wait_for_selector("#xc-regenerate:enabled")
    at_rest(page)
    restart(between)
    page.click("#xc-regenerate")
    page.wait_for_selector("text=must be sent again")
    page.wait_for_selector("#xc-regenerate:enabled")
    page.fill(BOX, "Thank you.")
    page.press(BOX, "Enter")
    page.wait_for_selector("#xc-turns >> text=Thank you.")
    assert page.locator("#xc-turns .user").count() == 3
    assert page.locator("#xc-turns img").count() == 1


HALF = """([selector, words]) => {
  const field = document.querySelector(selector);
  field.value = words + "\\ud83d";  // what a limit on the length leaves of an emoji
  field.dispatchEvent(new Event("input", {bubbles: true}));
}"""


def test_half_an_emoji_harms_nothing_that_is_typed(server: Server, visit: Callable[..., Any]) -> None:
    page = visit(server)
    page.set_default_timeout(PATIENCE)
    page.evaluate(HALF, ["#xc-title textarea", "How to take good care of a pet cat"])
    page.press("#xc-title textarea", "Enter")
    finished(page)
    page.click(".xc-section >> nth=1 >> .xc-text")
    page.evaluate(HALF, [EDIT, "A new sentence"])
    page.press(EDIT, "Enter")
    assert "A new sentence" in saved(page)["article.md"].decode()
    page.click("[role=tab] >> nth=1")
    page.evaluate(HALF, [BOX, "Who is there?"])
    page.press(BOX, "Enter")
    page.wait_for_selector("#xc-turns >> text=A cat needs a bowl")
    page.click("[role=tab] >> nth=2")
    page.evaluate(HALF, ["#xc-gallery-search input", "a blue one"])
    page.wait_for_selector(".xc-tile")
