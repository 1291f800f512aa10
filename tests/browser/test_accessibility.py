"""What those need who do not see the page well, hear it, or use no mouse: the rules of WCAG A and AA, by axe-core."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from PIL import Image, ImageDraw

from composer.models import load_model
from tests.browser.conftest import Server, write
from tests.conftest import _no_encoder
from tests.fakes import FakeGallery, FakeModel

pytestmark = pytest.mark.browser

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
CHECK = """async (tags) => {
  const found = await axe.run(document, {resultTypes: ["violations"], runOnly: tags});
  return found.violations.flatMap(({id, nodes}) => nodes.map((node) => `${id}: ${node.html.slice(0, 160)}`));
}"""
HEADINGS = (
    """() => [...document.querySelectorAll("h1")].filter((one) => one.checkVisibility()).map((one) => one.innerText)"""
)
# how what has the focus, and what it lies in, differs from the same without it
MARKED = """() => {
  const node = document.activeElement;
  if (!node || node === document.body) return null;
  const look = () => {
    const parts = [];
    for (let one = node, up = 0; one && up < 16; one = one.parentElement, up += 1) {
      const style = getComputedStyle(one);
      parts.push(style.outline, style.boxShadow, style.borderColor);
    }
    return parts.join(";");
  };
  const focused = look();
  node.blur();
  const plain = look();
  node.focus({focusVisible: true, preventScroll: true});
  return {name: node.outerHTML.slice(0, 160), marked: focused !== plain};
}"""


@dataclass
class Found:
    broken: dict[str, list[str]] = field(default_factory=dict)  # state of the page -> rules that are broken there
    headings: dict[str, list[str]] = field(default_factory=dict)
    unmarked: dict[str, list[str]] = field(default_factory=dict)  # what the keyboard reaches and nobody sees


@pytest.fixture(scope="module")
def found(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Found]:
    """One visit to everything, in light and dark."""
    from composer.conversations import ConversationStore
    from composer.drafts import DraftStore
    from ui.studio import Studio

    folder = tmp_path_factory.mktemp("page")
    gallery = FakeGallery(folder)
    drawing = Image.new("RGBA", (96, 96))
    ImageDraw.Draw(drawing).ellipse((10, 10, 86, 86), outline="black", width=4)
    drawing.save(folder / "drawing.png")
    gallery.pictures["p0"] = replace(gallery.pictures["p0"], path=str(folder / "drawing.png"), drawing=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("composer.illustrating.evidence.shared_text_encoder", _no_encoder)
        kept = {"drafts": DraftStore(folder / "data"), "conversations": ConversationStore(folder / "data")}
        load = load_model  # of which nothing is loaded: there is no such model
        server = Server(Studio(lambda progress: FakeModel(), lambda: gallery, load_named=load, **kept))
        context = chromium.new_context(locale="en-US", reduced_motion="reduce", viewport={"width": 1280, "height": 900})
        yield _walk(context.new_page(), server.address)
        context.close()
        server.close()


def _walk(page: Any, address: str) -> Found:
    found = Found()

    def look(name: str, themes: Sequence[str] = ("light", "dark")) -> None:
        for theme in themes:
            dark = "document.body.classList.contains('dark')"
            if page.evaluate(dark) != (theme == "dark"):
                page.evaluate("document.querySelector('.xc-theme').click()")  # a panel may lie over it
            found.broken[f"{name}, {theme}"] = page.evaluate(CHECK, RULES)
        found.headings[name] = page.evaluate(HEADINGS)

    def go_through(name: str, stops: int) -> None:
        page.evaluate("document.activeElement.blur(); window.getSelection().removeAllRanges(); window.scrollTo(0, 0)")
        found.unmarked[name] = []
        for _ in range(stops):
            page.keyboard.press("Tab")
            at = page.evaluate(MARKED)
            if at is not None and not at["marked"]:
                found.unmarked[name].append(at["name"])

    page.goto(address)
    page.wait_for_selector(".xc-ready")
    page.wait_for_function("document.querySelector('.xc-language')?.textContent")
    page.evaluate(AXE_SCRIPT)
    page.click("#xc-advanced button")
    look("the form")
    go_through("the form", 36)
    page.click("#xc-advanced button")
    page.click("#xc-way label >> nth=1")
    look("a text of one's own")
    page.click("#xc-way label >> nth=0")
    write(page)
    look("an article")
    go_through("an article", 44)
    page.click(".xc-export")
    look("the menu Export")
    page.keyboard.press("Escape")
    page.click("#xc-write .xc-drafts-toggle")
    page.wait_for_selector("#xc-write .xc-drafts-panel li")
    page.click("#xc-write .xc-drafts-more")
    look("the list of drafts")
    page.keyboard.press("Escape")
    page.click("#xc-write .xc-drafts-head .xc-quiet")
    page.click(".xc-picture >> nth=0")
    page.wait_for_selector(".xc-panel:not([hidden]) .xc-candidate")
    look("the panel of a picture")
    page.keyboard.press("Escape")
    page.click("[role=tab] >> nth=1")
    page.wait_for_selector("#xc-chat-box textarea")
    page.click("#xc-chat-settings button")
    look("the chat")
    page.click("#xc-chat-settings button")
    page.fill("#xc-chat-box textarea", "What do cats eat?")
    page.press("#xc-chat-box textarea", "Enter")
    page.wait_for_selector("#xc-turns >> text=quiet voice")
    page.wait_for_selector("#xc-chat-box .submit-button")
    look("an answer")
    go_through("the chat", 30)
    page.click("#xc-chat .xc-drafts-toggle")
    page.wait_for_selector("#xc-chat .xc-drafts-panel li")
    look("the list of conversations")
    page.click("#xc-chat .xc-drafts-head .xc-quiet")
    page.click("[role=tab] >> nth=2")
    page.fill("#xc-gallery-search input", "blue")
    page.wait_for_selector(".xc-tile img")
    look("the gallery")
    go_through("the gallery", 24)
    page.click(".xc-tile >> nth=0")
    page.wait_for_selector("dialog[open]")
    look("a picture of the gallery")
    page.keyboard.press("Escape")
    page.click("[role=tab] >> nth=3")
    page.fill("#xc-model-wanted", "no such model")
    page.press("#xc-model-wanted", "Enter")
    page.wait_for_selector("#xc-model-line.xc-bad-line")
    page.wait_for_selector(".xc-model")
    look("the models")
    go_through("the models", 20)
    page.evaluate("document.querySelector('.xc-language').click()")
    page.wait_for_function("document.documentElement.lang === 'zh-CN'")
    for number, name in enumerate(("an article", "the chat", "the gallery", "the models")):
        page.click(f"[role=tab] >> nth={number}")
        page.wait_for_timeout(300)
        look(f"{name}, in Chinese", ["light"])  # the colours are those of English
    return found


def test_no_rule_of_wcag_is_broken_in_light_or_dark(found: Found) -> None:
    assert {state: broken for state, broken in found.broken.items() if broken} == {}
    assert len(found.broken) == 28


def test_every_tab_has_one_first_heading(found: Found) -> None:
    assert found.headings["the form"] == ["Write"]
    assert found.headings["an article"] == ["How to take good care of a pet cat"]
    assert found.headings["the chat"] == ["Chat"]
    assert found.headings["the gallery"] == ["Gallery"]
    assert found.headings["the models"] == ["Models"]


def test_what_the_keyboard_reaches_is_marked(found: Found) -> None:
    assert {place: unmarked for place, unmarked in found.unmarked.items() if unmarked} == {}
