"""The page with a fake model and gallery: writing, streaming, stopping, two visitors, languages."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from composer.models.base import Capabilities, Sampling
from tests.browser.conftest import CAT, Server, Slow, article_text, finished, save_as, write
from tests.fakes import FakeGallery, FakeModel

pytestmark = pytest.mark.browser


LONG = "\n\n".join(f"Sentence number {number} says something about food." for number in range(300))


@pytest.fixture
def ask(lasting_server: Server, lasting_page: Any) -> Callable[..., Any]:
    """ask(model) gives the model to the page that tests share and returns the page; other tests' articles are in it."""

    def go(model: FakeModel) -> Any:
        lasting_server.studio.use_model(model)
        lasting_page.evaluate("document.querySelector('.xc-notices').replaceChildren()")
        return lasting_page

    return go


def test_a_title_becomes_an_illustrated_article_on_enter(ask: Callable[..., Any]) -> None:
    page = ask(FakeModel())
    write(page)
    assert page.inner_text(".xc-title") == CAT
    assert page.inner_text(".xc-section h2 >> nth=0") == "Food and water"
    assert page.inner_text(".xc-section strong") == "fresh water"
    pictures = "[...document.querySelectorAll('.xc-picture img')]"
    page.wait_for_function(f"() => {pictures}.length && {pictures}.every((image) => image.naturalWidth > 0)")
    assert "A. Painter" in page.inner_text(".xc-credits")


def test_a_streamed_piece_updates_one_component(
    serve_studio: Callable[..., Server], visit: Callable[..., Any], tmp_path: Path
) -> None:
    server = serve_studio(FakeModel(piece=3), FakeGallery(tmp_path))
    page = visit(server)
    page.wait_for_timeout(1500)  # the last look at how far the loading is, a second after the page came
    page.evaluate(
        """() => {
          window.touched = [];
          const view = document.querySelector("#xc-view");
          new MutationObserver((records) => {
            for (const record of records) {
              const node = record.target;
              if (document.body.dataset.article === "running" && document.querySelector(".xc-text")
                  && !document.querySelector(".xc-figure") && !view.contains(node) && node !== document.body) {
                window.touched.push(node.outerHTML ? node.outerHTML.slice(0, 80) : node.nodeName);
              }
            }
          }).observe(document.body, {subtree: true, childList: true, characterData: true});
        }"""
    )
    write(page)
    pieces = [data for data in server.streamed if "text" in json.dumps(data)]
    assert len(pieces) > 50
    assert {len(data) for data in pieces} == {1}
    assert page.evaluate("window.touched") == []


def test_a_lost_message_is_noticed_and_made_good(
    server: Server, visit: Callable[..., Any], fake_model: FakeModel
) -> None:
    page = visit(server)
    assert fake_model.gate is not None
    fake_model.gate.clear()
    write(page, wait=False)
    page.wait_for_selector(".xc-root[data-state=running]")
    # the view believes that it has seen more than it has: the next piece then comes after a gap
    page.evaluate(
        """() => {
          const view = document.querySelector(".xc-root").parentElement;
          const real = view.xcReceive;
          view.xcReceive = real;
          real({session: "lost", n: 1, ops: []});
          real({session: "lost", n: 9, ops: [{op: "text", id: "s77", at: 4, text: "x"}]});
        }"""
    )
    fake_model.gate.set()
    finished(page)
    assert "Trust grows slowly, with patience and a quiet voice." in article_text(page)


def test_stop_keeps_what_was_written(ask: Callable[..., Any]) -> None:
    model = Slow(article=LONG)
    page = ask(model)
    write(page, wait=False)
    page.wait_for_selector(".xc-text >> text=Sentence number 0")
    page.click(".xc-stop")
    page.wait_for_selector(".xc-root[data-state=stopped]")
    model.article = "A short article about another thing, written to the end."
    assert "Sentence number 0" in article_text(page)
    assert "Sentence number 299" not in article_text(page)
    assert "Stopped" in page.inner_text(".xc-notices")
    write(page, "Another title")  # and the next one can be written
    assert page.inner_text(".xc-title") == "Another title"


def test_who_stays_with_an_unsaved_article_can_go_on(
    serve_studio: Callable[..., Server], visit: Callable[..., Any], fake_model: FakeModel, tmp_path: Path
) -> None:
    assert fake_model.gate is not None
    server = serve_studio(fake_model, FakeGallery(tmp_path), drafts=None)  # a draft would be saved
    page = visit(server)
    write(page)
    fake_model.gate.clear()
    page.click(".xc-insert")  # the model works while the question is asked
    page.wait_for_selector(".xc-root[data-state=running]")
    with page.expect_event("dialog") as asked:
        page.once("dialog", lambda dialog: dialog.dismiss())
        page.evaluate("setTimeout(() => location.reload())")
    assert asked.value.type == "beforeunload"
    fake_model.gate.set()
    finished(page)
    with page.expect_download():
        save_as(page, "zip")
    page.reload()  # saved: nothing is asked
    page.wait_for_selector(".xc-ready")


def test_two_visitors_compose_at_once_without_mixing(
    serve_studio: Callable[..., Server], visit: Callable[..., Any], tmp_path: Path
) -> None:
    gate = threading.Event()

    def answer(messages: Any) -> str | None:
        prompt = " ".join(message.text for message in messages)
        for animal in ("walrus", "heron"):
            if animal in prompt and "caption" not in prompt.lower():
                return f"## The {animal}\n\nA {animal} lives by the water and eats fish every day of its life.\n"
        return None

    server = serve_studio(FakeModel(answer=answer, gate=gate), FakeGallery(tmp_path))
    first, second = visit(server), visit(server)
    write(first, "About the walrus", wait=False)
    first.wait_for_selector(".xc-root[data-state=running]")
    write(second, "About the heron", wait=False)
    second.wait_for_selector(".xc-root[data-state=waiting]")
    assert "working for someone else" in second.inner_text(".xc-stepper")
    assert second.query_selector(".xc-section") is None  # nothing of the other one's text or progress
    gate.set()
    finished(first)
    finished(second)
    assert "walrus" in article_text(first)
    assert "heron" not in article_text(first)
    assert "heron" in article_text(second)
    assert "walrus" not in article_text(second)


def test_a_waiting_visitor_can_leave_the_queue(
    serve_studio: Callable[..., Server], visit: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.lasting.running.GRACE", 1.0)
    gate = threading.Event()
    server = serve_studio(FakeModel(gate=gate), FakeGallery(tmp_path))
    first, second = visit(server), visit(server)
    write(first, wait=False)
    first.wait_for_selector(".xc-root[data-state=running]")
    write(second, "Never written", wait=False)
    second.wait_for_selector(".xc-root[data-state=waiting]")
    third = visit(server)
    write(third, "Written last", wait=False)
    third.wait_for_selector(".xc-wait >> text=(2)")
    second.click(".xc-stop")
    second.wait_for_selector(".xc-root[data-state=idle]")
    third.wait_for_selector(".xc-wait >> text=(1)")  # told without asking again
    third.close()
    gate.set()
    finished(first)
    second.wait_for_timeout(500)
    assert second.query_selector(".xc-section") is None
    write(second, "Nobody comes before")
    assert server.studio.line.count() == 0


def test_closing_the_tab_stops_the_model(
    serve_studio: Callable[..., Server], visit: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.lasting.running.GRACE", 1.0)
    model = Slow(article=LONG)
    server = serve_studio(model, FakeGallery(tmp_path))
    page = visit(server)
    write(page, wait=False)
    page.wait_for_selector(".xc-text")
    page.close()
    other = visit(server)
    model.article = "A short article about nothing in particular, written for the next one."
    began = time.monotonic()
    write(other)
    assert time.monotonic() - began < 20  # the first text alone would have taken twice as long
    assert "nothing in particular" in article_text(other)


def test_text_of_models_and_visitors_is_never_html(ask: Callable[..., Any]) -> None:
    evil = "<img src=x onerror='window.hacked=1'><script>window.hacked=1</script>"
    article = f"A cat {evil} sat on [a mat](javascript:window.hacked=1) and [the web](https://example.org/) all day.\n"
    page = ask(FakeModel(article=article))
    write(page, f"../../x <b>bold</b> {evil}")
    page.wait_for_timeout(200)
    assert page.evaluate("window.hacked") is None
    assert page.query_selector(".xc-title b, .xc-text img, .xc-text script") is None
    assert "<b>bold</b>" in page.inner_text(".xc-title")
    assert page.eval_on_selector_all(".xc-text a", "all => all.map(a => a.href)") == ["https://example.org/"]


@pytest.mark.parametrize(("locale", "word"), [("en-US", "What shall we write about?"), ("zh-CN", "写点什么？")])
def test_the_page_speaks_the_browsers_language(
    server: Server, visit: Callable[..., Any], locale: str, word: str
) -> None:
    page = visit(server, locale=locale)
    page.wait_for_function(f"document.querySelector('#xc-title').innerText.includes({json.dumps(word)})")


def test_the_language_button_switches_every_label_in_place(server: Server, visit: Callable[..., Any]) -> None:
    page = visit(server)
    write(page)
    page.click(".xc-language")
    page.wait_for_function("document.querySelector('.xc-export').innerText.includes('导出')")
    page.wait_for_function("document.querySelector('#xc-go').innerText === '开始写作'")
    page.wait_for_function("document.querySelectorAll('[role=tab]')[1].innerText.trim() === '对话'")
    assert page.inner_text(".xc-title") == CAT  # the article stays as it is
    page.reload()
    page.wait_for_function("document.querySelector('#xc-go')?.innerText === '开始写作'")  # and the choice is kept


def test_an_empty_title_is_answered_with_a_sentence(ask: Callable[..., Any]) -> None:
    page = ask(FakeModel())
    for title in ("", "   ", "\u200b\u200b"):
        page.fill("#xc-title textarea", title)
        page.click("#xc-go")
        page.wait_for_selector("text=Enter a title or an instruction first.")
        page.reload()
        page.wait_for_selector(".xc-ready")
    write(page, "🐱🐱🐱")  # emoji only: a title like any other
    assert page.inner_text(".xc-title") == "🐱🐱🐱"


def test_a_narrow_screen_shows_everything_in_one_column(server: Server, visit: Callable[..., Any]) -> None:
    page = visit(server, width=375, height=700)
    write(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    page.click(".xc-picture")
    box = page.locator(".xc-panel").bounding_box()
    assert box["x"] == 0
    assert box["width"] == 375
    page.keyboard.press("Escape")
    page.focus(".xc-section[data-kind=heading] .xc-tools button")  # as in a page of twice the size
    page.keyboard.press("Enter")
    assert page.input_value(".xc-edit") == "Food and water"
    page.keyboard.press("Escape")
    for number in (1, 2):
        page.click(f"[role=tab] >> nth={number}")
        page.wait_for_timeout(200)
        assert page.evaluate("document.documentElement.scrollWidth") <= 375
    page.set_viewport_size({"width": 1000, "height": 700})  # a long name of a model leaves the tabs alone
    page.evaluate("document.querySelector('.xc-status-text').textContent = 'a-model-of-many-words'.repeat(4)")
    tabs = page.locator("#xc-tabs .tab-container:not(.visually-hidden) button").last.bounding_box()
    assert tabs["x"] + tabs["width"] < page.locator(".xc-status").bounding_box()["x"]
    page.click("[role=tab] >> nth=0")
    overflow = "getComputedStyle(document.querySelector('.gr-accordion')).overflowX"
    assert page.evaluate(overflow) == "visible", "a closed form would have a bar to scroll it"


def test_only_the_article_is_printed(server: Server, visit: Callable[..., Any]) -> None:
    page = visit(server)
    write(page)
    page.click(".xc-theme")
    page.emulate_media(media="print")
    for part in ("#xc-header", "#xc-form", "[role=tablist]", ".xc-toolbar", ".xc-info >> nth=0"):
        assert page.is_hidden(part), part
    assert page.is_visible(".xc-title")
    assert page.is_visible(".xc-picture img >> nth=0")
    dark = page.eval_on_selector(".xc-title", "title => getComputedStyle(title).color")
    assert dark == "rgb(42, 41, 38)"  # on white paper, whatever the screen shows


def test_a_picture_address_cannot_be_guessed_and_no_file_is_open(server: Server, visit: Callable[..., Any]) -> None:
    page = visit(server)
    write(page)
    source = page.eval_on_selector(".xc-picture img", "image => image.src")
    assert page.request.get(source).status == 200
    assert page.request.get(source[:-1] + ("0" if source[-1] != "0" else "1")).status == 404
    path = next(iter(server.studio.gallery.pictures.values())).path
    for way in (f"gradio_api/file={path}", f"file={path}", f"studio/pictures/{path}", "gradio_api/file=/etc/passwd"):
        assert page.request.get(server.address + way).status in (403, 404)


def test_a_model_that_fails_is_reported_and_the_page_lives_on(ask: Callable[..., Any]) -> None:
    class Breaks(FakeModel):
        broken = True

        def stream(self, *arguments: Any, **options: Any) -> Any:
            for number, piece in enumerate(super().stream(*arguments, **options)):
                if self.broken and number == 20:
                    raise RuntimeError("the engine stumbled")
                yield piece

    model = Breaks()
    page = ask(model)
    write(page, wait=False)
    page.wait_for_selector(".xc-notice.xc-bad")
    assert "the engine stumbled" in page.inner_text(".xc-notices")
    assert "fresh water" in article_text(page)
    model.broken = False
    write(page)


def test_the_sliders_stand_where_the_family_of_the_model_writes_best(
    serve_studio: Callable[..., Server], visit: Callable[..., Any], tmp_path: Path
) -> None:
    best = Sampling(temperature=0.0, top_p=0.95, repetition_penalty=5.0, beams=5)
    model = FakeModel(capabilities=Capabilities(context_tokens=4096, beams=True, defaults=best))
    page = visit(serve_studio(model, FakeGallery(tmp_path)))
    page.click("#xc-advanced >> text=Advanced settings")
    beams = page.locator("#xc-beams input[type=number]")
    beams.wait_for()
    write(page)
    used = model.samplings[0]
    assert (used.temperature, used.top_p, used.repetition_penalty, used.beams) == (0.0, 0.95, 5.0, 5)
    beams.fill("2")
    page.click(".xc-language")  # a choice of one's own outlives a change of the language
    page.wait_for_function("document.querySelector('#xc-go').innerText === '开始写作'")
    model.samplings.clear()
    write(page, "Another title")
    assert (model.samplings[0].repetition_penalty, model.samplings[0].beams) == (5.0, 2)
